package cgroup

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
)

// Steps put a container into its control groups.
type Steps struct {
	Host []plan.HostStep // make the groups and set their limits
	Join []plan.InitStep // the first process moves itself
	// V2Dir is the group of version 2 in which the first process is born
	// (CLONE_INTO_CGROUP), or empty.
	V2Dir string
}

// Compile returns the steps for the group path of every hierarchy, with these
// limits. With own its parents are the engine's: they go when they are empty. It
// does no I/O.
func Compile(l Layout, path string, own bool, r *specs.LinuxResources, devices []specs.LinuxDeviceCgroup) (Steps, error) {
	path = filepath.Join("/", path)
	if path == "/" {
		return Steps{}, fmt.Errorf("control group: the path %q names the root", path)
	}
	c := &compiler{Layout: l, path: path}
	if first, _, _ := strings.Cut(path[1:], "/"); own && "/"+first != path {
		c.own = first
	}
	c.unsupported(r)
	if l.Mode == V2 {
		c.v2(r, devices)
	} else {
		c.v1(r, devices)
	}
	return c.out, c.err
}

type compiler struct {
	Layout
	path, own string
	out       Steps
	err       error
}

// fail keeps the first error.
func (c *compiler) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

// group adds the step that makes the container's group in a hierarchy.
func (c *compiler) group(mount string, cpuset bool, delegate []string) string {
	m := Make{Dir: filepath.Join(mount, c.path), Cpuset: cpuset, Delegate: delegate, Mount: mount}
	if h := c.hierarchy("freezer"); h != nil {
		m.Freezer = filepath.Join(h.Mount, c.path)
	}
	if c.own != "" {
		m.Own = filepath.Join(mount, c.own)
	}
	c.out.Host = append(c.out.Host, m)
	return m.Dir
}

// v1 makes a group in every hierarchy of version 1, and beside them one of
// version 2, which has no limits but can be killed as a whole.
func (c *compiler) v1(r *specs.LinuxResources, devices []specs.LinuxDeviceCgroup) {
	var join []string
	for _, h := range c.Hierarchies {
		join = append(join, c.group(h.Mount, slices.Contains(h.Controllers, "cpuset"), nil))
	}
	if c.Unified != "" {
		c.out.V2Dir = c.group(c.Unified, false, nil)
	}
	for _, s := range c.settingsV1(r) {
		h := c.hierarchy(s.controller)
		if h == nil {
			c.fail("%s: the host has no %s controller (control groups of version 1)", s.limit, s.controller)
			continue
		}
		c.out.Host = append(c.out.Host, Write{filepath.Join(h.Mount, c.path), s.file, s.value})
	}
	if h := c.hierarchy("devices"); h != nil && len(devices) > 0 {
		c.out.Host = append(c.out.Host, Devices{filepath.Join(h.Mount, c.path), deviceLines(devices)})
	}
	c.out.Join = []plan.InitStep{Join{join}}
}

// v2 makes one group, in which the first process is born.
func (c *compiler) v2(r *specs.LinuxResources, devices []specs.LinuxDeviceCgroup) {
	var delegate []string
	for _, name := range []string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"} {
		if slices.Contains(c.Controllers, name) {
			delegate = append(delegate, name)
		}
	}
	dir := c.group(c.Unified, false, delegate)
	for _, s := range c.settingsV2(r) {
		if s.controller != "" && !slices.Contains(c.Controllers, s.controller) {
			c.fail("%s: the host has no %s controller (control groups of version 2: it is not in %s/cgroup.controllers)", s.limit, s.controller, c.Unified)
			continue
		}
		c.out.Host = append(c.out.Host, Write{dir, s.file, s.value})
	}
	if rules := deviceRules(devices); len(rules) > 0 && !allowsAll(rules) {
		c.out.Host = append(c.out.Host, DeviceFilter{dir, rules})
	}
	c.out.V2Dir = dir
}

// A setting is one limit as a file and its value.
type setting struct{ limit, controller, file, value string }
