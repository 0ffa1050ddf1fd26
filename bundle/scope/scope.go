// Package scope has systemd make the control groups of containers from bundles.
// It is apart so that who does not ask for it does not link D-Bus.
package scope

import (
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/systemd"
)

// Driver is a [mydocker/bundle.Systemd].
type Driver struct{}

// user tells whether it is the user's systemd that is asked.
func user() bool { return os.Geteuid() != 0 }

// Place returns the scope of a container: where it is, and with which limits.
func (Driver) Place(l cgroup.Layout, id string, s *specs.Spec) (scope plan.HostStep, group, unit string, err error) {
	u, err := systemd.Parse(s.Linux.CgroupsPath, id, user())
	if err != nil {
		return nil, "", "", err
	}
	root, err := systemd.Root(u.User)
	if err != nil {
		return nil, "", "", err
	}
	if group, err = u.Group(root); err != nil {
		return nil, "", "", err
	}
	p, err := systemd.Limits(l, s.Linux.Resources)
	if err != nil {
		return nil, "", "", err
	}
	more, err := systemd.Annotations(s.Annotations)
	if err != nil {
		return nil, "", "", err
	}
	p = append(append(p, systemd.Devices(cgroup.WithDefaults(s.Linux))...), more...)
	return systemd.Scope{Unit: u, Description: "mydocker container " + id, Properties: p}, group, u.Name, nil
}

// Update changes the limits that systemd knows, of a scope by its name.
func (Driver) Update(l cgroup.Layout, unit string, r *specs.LinuxResources) error {
	p, err := systemd.Limits(l, r)
	if err != nil {
		return err
	}
	return systemd.Update(systemd.Unit{Name: unit, User: user()}, p)
}

// Attach returns the step that moves one more process into a scope.
func (Driver) Attach(unit string) plan.HostStep {
	return systemd.Attach{Unit: systemd.Unit{Name: unit, User: user()}}
}

// Steps are those that a journal may hold.
func (Driver) Steps() []plan.HostStep { return systemd.HostSteps() }
