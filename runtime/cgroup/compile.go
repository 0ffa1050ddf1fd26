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
	// Entered are steps of one more process when it is in the container's
	// namespaces, see [Steps.Late].
	Entered []plan.InitStep
	// V2Dir is the group of version 2 in which the first process is born
	// (CLONE_INTO_CGROUP), or empty.
	V2Dir string
}

// Options say who else has to do with a container's groups.
type Options struct {
	// Own: its parents are the engine's: they go when they are empty.
	Own bool
	// Managed: systemd makes the group, and moves the first process there, in
	// the hierarchies that are systemd's. Host then comes after that.
	Managed bool
	// Unprivileged: where the user may not say which devices the group may use,
	// it may use those that the user may.
	Unprivileged bool
	// Owner is the user to whom a group of version 2 is given with what may be
	// delegated: the root of a user namespace, who sees it as a root of its own.
	// 0: nobody.
	Owner uint32
}

// Compile returns the steps for the group path of every hierarchy, with these
// limits. With own its parents are the engine's. It does no I/O.
func Compile(l Layout, path string, own bool, r *specs.LinuxResources, devices []specs.LinuxDeviceCgroup) (Steps, error) {
	return CompileWith(l, path, Options{Own: own}, r, devices)
}

// CompileWith is [Compile] with more options.
func CompileWith(l Layout, path string, o Options, r *specs.LinuxResources, devices []specs.LinuxDeviceCgroup) (Steps, error) {
	path = filepath.Join("/", path)
	if path == "/" {
		return Steps{}, fmt.Errorf("control group: the path %q names the root", path)
	}
	c := &compiler{Layout: l, Options: o, path: path}
	if first, _, _ := strings.Cut(path[1:], "/"); o.Own && "/"+first != path {
		c.own = first
	}
	s := c.settings(r)
	c.devices(devices)
	if l.Mode == V2 {
		c.v2(s, devices)
	} else {
		c.v1(s, devices)
	}
	return c.out, c.err
}

type compiler struct {
	Layout
	Options
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

// make adds the step that makes the container's group below top.
func (c *compiler) make(m Make, top string) string {
	m.Mount, m.Dir = top, filepath.Join(top, c.path)
	if h := c.hierarchy("freezer"); h != nil {
		m.Freezer = h.dir(c.path)
	}
	if c.own != "" {
		m.Own = filepath.Join(top, c.own)
	}
	c.out.Host = append(c.out.Host, m)
	return m.Dir
}

// v1 makes a group in every hierarchy of version 1, and beside them one of
// version 2, which has no limits but can be killed as a whole.
func (c *compiler) v1(s settings, devices []specs.LinuxDeviceCgroup) {
	var join []string
	for _, h := range c.Hierarchies {
		if c.Managed && slices.Contains(h.Controllers, "name=systemd") {
			continue
		}
		join = append(join, c.make(Make{Cpuset: slices.Contains(h.Controllers, "cpuset")}, h.dir("")))
	}
	if c.Unified != "" && !c.Managed {
		c.out.V2Dir = c.make(Make{}, c.dir(""))
	}
	c.out.Host = append(c.out.Host, c.writes(s)...)
	if h := c.hierarchy("devices"); h != nil && len(devices) > 0 {
		if err := checkHoles(devices); err != nil {
			c.fail("devices: %w", err)
		}
		c.out.Host = append(c.out.Host, Devices{h.dir(c.path), deviceLines(devices), c.Unprivileged})
	}
	if len(join) > 0 {
		c.out.Join = []plan.InitStep{Join{join}}
	}
}

// v2 makes one group, in which the first process is born.
func (c *compiler) v2(s settings, devices []specs.LinuxDeviceCgroup) {
	if c.Unified == "" {
		c.writes(s)
		return
	}
	m := Make{Needed: c.needed(s)}
	for _, name := range []string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"} {
		if slices.Contains(c.Controllers, name) {
			m.Delegate = append(m.Delegate, name)
		}
	}
	dir := c.make(m, c.dir(""))
	c.out.Host = append(c.out.Host, c.writes(s)...)
	if rules := deviceRules(devices); len(rules) > 0 && !allowsAll(rules) {
		c.out.Host = append(c.out.Host, DeviceFilter{dir, rules, c.Unprivileged})
	}
	if c.Owner != 0 {
		c.out.Host = append(c.out.Host, Give{dir, c.Owner})
	}
	if !c.Managed {
		c.out.V2Dir = dir
	}
}

// needed are the controllers that limits need.
func (c *compiler) needed(s settings) (names []string) {
	for _, one := range s {
		if !slices.Contains(names, one.controller) && one.controller != "cgroup" {
			names = append(names, one.controller)
		}
	}
	return names
}

// writes returns the steps that set limits. Those that bound each other become
// one step.
func (c *compiler) writes(s settings) (steps []plan.HostStep) {
	for i := 0; i < len(s); {
		one := s[i]
		dir := c.limitDir(one)
		n := 1
		for one.bound != "" && i+n < len(s) && s[i+n].bound == one.bound {
			n++
		}
		if n == 1 {
			steps = append(steps, Write{dir, one.file, one.value, one.optional})
		} else {
			t := Together{Dir: dir}
			for _, w := range s[i : i+n] {
				t.Values = append(t.Values, [2]string{w.file, w.value})
			}
			steps = append(steps, t)
		}
		i += n
	}
	return steps
}

// limitDir returns the group that has a limit's file.
func (c *compiler) limitDir(s setting) string {
	var dir string
	switch {
	case c.Mode != V2:
		dir = c.GroupDir(s.controller, c.path)
	case s.controller == "cgroup" || slices.Contains(c.Controllers, s.controller):
		dir = c.GroupDir("", c.path)
	}
	switch {
	case dir != "":
	case c.Partial:
		c.fail("cannot set %s: no permission to make a control group of the %s controller", s.limit, s.controller)
	case c.Mode != V2:
		c.fail("%s: the host has no %s controller (control groups of version 1)", s.limit, s.controller)
	default:
		c.fail("%s: the host has no %s controller (control groups of version 2: it is not in %s/cgroup.controllers)", s.limit, s.controller, c.Unified)
	}
	return dir
}
