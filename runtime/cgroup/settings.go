package cgroup

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A setting is one limit as a file and its value. The settings in a row that
// have the same word in bound depend on each other; see [Together].
type setting struct {
	limit, controller, file, value string
	bound                          string
	optional                       bool
}

// settings collects limits, in the order in which they are to be set.
type settings []setting

func (s *settings) add(limit, controller, file, value string) {
	*s = append(*s, setting{limit: limit, controller: controller, file: file, value: value})
}

// addBound adds a limit that others bound.
func (s *settings) addBound(bound, limit, controller, file, value string) {
	*s = append(*s, setting{limit: limit, controller: controller, file: file, value: value, bound: bound})
}

type integer interface {
	int64 | uint64 | uint16 | uint32
}

// given tells whether a number is there: 0 is none, as other runtimes have it.
func given[T integer](v *T) bool { return v != nil && *v != 0 }

// number adds a limit that is given.
func number[T integer](s *settings, limit, controller, file string, v *T) {
	if given(v) {
		s.add(limit, controller, file, fmt.Sprint(*v))
	}
}

// Ignored names what a specification asks for and the kernel no longer knows. It
// is left out, as other runtimes do, who warn of it.
func Ignored(l Layout, r *specs.LinuxResources) (warnings []string) {
	//lint:ignore SA1019 to be warned of, it has to be looked at
	if r != nil && r.Memory != nil && (r.Memory.Kernel != nil || r.Memory.KernelTCP != nil && l.Mode == V2) {
		warnings = append(warnings, "kernel memory settings are ignored and will be removed")
	}
	return warnings
}

// settings translates limits for the layout's version.
func (c *compiler) settings(r *specs.LinuxResources) (s settings) {
	if r == nil {
		return nil
	}
	c.check(r)
	if c.Mode == V2 {
		return c.settingsV2(r)
	}
	return c.settingsV1(r)
}

// settingsV1 translates limits for hierarchies of version 1.
func (c *compiler) settingsV1(r *specs.LinuxResources) (s settings) {
	c.memoryV1(&s, r.Memory)
	c.cpuV1(&s, r.CPU)
	pids(&s, r.Pids)
	c.blkioV1(&s, r.BlockIO)
	hugePages(&s, r.HugepageLimits, "limit_in_bytes")
	if n := r.Network; n != nil {
		number(&s, "network class", "net_cls", "net_cls.classid", n.ClassID)
		for _, p := range n.Priorities {
			s.add("network priority", "net_prio", "net_prio.ifpriomap", fmt.Sprintf("%s %d", p.Name, p.Priority))
		}
	}
	rdma(&s, r.Rdma)
	if len(r.Unified) > 0 {
		c.fail("unified limits need control groups of version 2")
	}
	return s
}

// settingsV2 translates limits for version 2.
func (c *compiler) settingsV2(r *specs.LinuxResources) (s settings) {
	c.memoryV2(&s, r.Memory)
	cpuV2(&s, r.CPU)
	pids(&s, r.Pids)
	c.ioV2(&s, r.BlockIO)
	hugePages(&s, r.HugepageLimits, "max")
	rdma(&s, r.Rdma)
	if n := r.Network; n != nil && (given(n.ClassID) || len(n.Priorities) > 0) {
		c.fail("network classes and priorities need control groups of version 1")
	}
	c.unified(&s, r.Unified)
	return s
}

// pids limits tasks. 0 says nothing, as with other runtimes: engines write it for
// a container without a limit.
func pids(s *settings, p *specs.LinuxPids) {
	if p == nil || p.Limit == nil || *p.Limit == 0 {
		return
	}
	s.add("pids limit", "pids", "pids.max", atMost(*p.Limit))
}

// hugePages limits pages in use, and those that are reserved.
func hugePages(s *settings, limits []specs.LinuxHugepageLimit, suffix string) {
	for _, h := range limits {
		v := strconv.FormatUint(h.Limit, 10)
		s.add("huge page limit", "hugetlb", "hugetlb."+h.Pagesize+"."+suffix, v)
		s.add("huge page limit", "hugetlb", "hugetlb."+h.Pagesize+".rsvd."+suffix, v)
	}
}

func rdma(s *settings, limits map[string]specs.LinuxRdma) {
	for _, device := range slices.Sorted(maps.Keys(limits)) {
		line := device
		if n := limits[device].HcaHandles; n != nil {
			line += fmt.Sprintf(" hca_handle=%d", *n)
		}
		if n := limits[device].HcaObjects; n != nil {
			line += fmt.Sprintf(" hca_object=%d", *n)
		}
		s.add("rdma limit", "rdma", "rdma.max", line)
	}
}

// notLimits are files of version 2 that do something instead.
var notLimits = []string{"cgroup.procs", "cgroup.threads", "cgroup.kill", "cgroup.freeze", "cgroup.subtree_control", "cgroup.type"}

// unified takes files of version 2 by their names, each line a write.
func (c *compiler) unified(s *settings, files map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(files)) {
		controller, _, ok := strings.Cut(k, ".")
		switch {
		case strings.Contains(k, "/"):
			c.fail("unified resource %q must be a file name (no slashes)", k)
			continue
		case !ok || controller == "":
			c.fail("unified resource %q must be in the form CONTROLLER.PARAMETER", k)
			continue
		case slices.Contains(notLimits, k):
			c.fail("unified resource %q is no limit", k)
			continue
		case controller != "cgroup" && !slices.Contains(c.Controllers, controller):
			c.fail("unified resource %q can't be set: controller %q not available", k, controller)
			continue
		}
		for line := range strings.Lines(files[k]) {
			if line = strings.TrimSpace(line); line != "" {
				s.add(k, controller, k, line)
			}
		}
	}
}

// atMost returns a limit for a file that says "max" where there is none.
func atMost(v int64) string {
	if v < 0 {
		return "max"
	}
	return strconv.FormatInt(v, 10)
}

// isPageSize tells a page size of the specification: 64KB, 2MB, 1GB.
func isPageSize(s string) bool {
	number, ok := strings.CutSuffix(s, "B")
	number = strings.TrimRight(number, "KMG")
	_, err := strconv.ParseUint(number, 10, 32)
	return ok && err == nil && len(number) == len(s)-2 && number[0] != '0'
}

// check refuses by name what is wrong, or what no hierarchy of ours can do.
func (c *compiler) check(r *specs.LinuxResources) {
	for _, h := range r.HugepageLimits {
		if !isPageSize(h.Pagesize) {
			c.fail("huge page limit: %q is no page size, as 2MB", h.Pagesize)
		}
	}
	for device := range r.Rdma {
		if strings.ContainsAny(device, " \t\n") {
			c.fail("rdma limit: %q is no name of a device", device)
		}
	}
	if n := r.Network; n != nil {
		for _, p := range n.Priorities {
			if strings.ContainsAny(p.Name, " \t\n") {
				c.fail("network priority: %q is no name of an interface", p.Name)
			}
		}
	}
	if m := r.Memory; m != nil && m.Swappiness != nil && *m.Swappiness > 100 {
		c.fail("invalid memory swappiness value: %d (valid range is 0-100)", *m.Swappiness)
	}
	if b := r.BlockIO; b != nil {
		c.checkIO(b)
	}
	if c.Mode == V2 {
		c.checkV2(r)
	}
}

// checkV2 refuses what only version 1 can do.
func (c *compiler) checkV2(r *specs.LinuxResources) {
	if u := r.CPU; u != nil && (given(u.RealtimePeriod) || given(u.RealtimeRuntime)) {
		c.fail("real-time CPU limits need control groups of version 1")
	}
	if m := r.Memory; m != nil && m.Swappiness != nil {
		c.fail("memory swappiness needs control groups of version 1")
	}
	if m := r.Memory; m != nil && m.DisableOOMKiller != nil && *m.DisableOOMKiller {
		c.fail("oom kill disable: control groups of version 2 cannot")
	}
}
