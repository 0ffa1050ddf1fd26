package bundle

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
	"mydocker/runtime"
	"mydocker/runtime/cgroup"
)

// Systemd makes the control groups of containers.
type Systemd interface {
	// Place returns the step that makes a container's scope, and what the
	// container's group is then.
	Place(l cgroup.Layout, id string, s *specs.Spec) (scope plan.HostStep, group, unit string, err error)
	// Update changes the limits that systemd knows.
	Update(l cgroup.Layout, unit string, r *specs.LinuxResources) error
	// Attach returns the step that moves one more process into a unit's group.
	Attach(unit string) plan.HostStep
	// Steps are those that a journal may hold.
	Steps() []plan.HostStep
}

// place decides where the container's control groups are. What is there is
// looked at; nothing is changed.
func (m *making) place(c *runtime.Container, f *runtime.Facts) error {
	l, err := cgroup.Probe()
	if err != nil {
		return err
	}
	own, err := cgroup.OwnOf(0)
	if err != nil {
		return err
	}
	linux := m.spec.Linux
	path := ""
	if m.Scopes {
		if c.Scope, path, m.rec.Unit, err = m.Systemd.Place(l, m.id, m.spec); err != nil {
			return err
		}
		c.Groups.Managed = true
	} else {
		l, path = cgroup.Resolve(l, linux.CgroupsPath, m.id, own)
		if path == "/" {
			return fmt.Errorf("cgroupsPath %q is the root of all groups", linux.CgroupsPath)
		}
	}
	if m.Rootless {
		if m.Scopes {
			own = nil // systemd moves the process
		}
		l = cgroup.Permitted(l, path, own)
		c.Groups.Unprivileged = true
		if l.Partial && linux.CgroupsPath != "" && !m.Scopes {
			return fmt.Errorf("cgroupsPath %q: this user may not make control groups there", linux.CgroupsPath)
		}
	}
	if err := cgroup.CheckEmpty(l, path); err != nil {
		return err
	}
	m.limits(c, l)
	linux.CgroupsPath, f.Cgroups, m.rec.Layout = path, l, l
	if len(l.Hierarchies) > 0 || l.Unified != "" {
		m.rec.Cgroup = path
	}
	return nil
}

// limits completes those of the specification.
func (m *making) limits(c *runtime.Container, l cgroup.Layout) {
	linux := m.spec.Linux
	if linux.Resources == nil {
		linux.Resources = &specs.LinuxResources{}
	}
	linux.Resources.Devices = cgroup.WithDefaults(linux)
	for _, w := range cgroup.Ignored(l, linux.Resources) {
		m.warn("%s", w)
	}
	if l.Mode != cgroup.V2 || !hasNew(m.spec, specs.CgroupNamespace) {
		return
	}
	for _, i := range linux.UIDMappings {
		if i.ContainerID == 0 {
			c.Groups.Owner = i.HostID
		}
	}
}
