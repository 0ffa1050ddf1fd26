package runtime

import (
	"mydocker/plan"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/namespace"
	"mydocker/runtime/process"
)

// groupsBefore are the steps that make the control groups before there is a
// process: the one in which it is born, or all where that has the limits.
func (k *compiler) groupsBefore() []plan.HostStep {
	before, _ := k.groups()
	return before
}

// groupsBeside are those that it moves to itself.
func (k *compiler) groupsBeside() []plan.HostStep {
	_, beside := k.groups()
	return beside
}

func (k *compiler) groups() (before, beside []plan.HostStep) {
	steps := k.cgroups()
	switch {
	case k.Scope != nil:
		return nil, nil
	case k.Cgroups.Mode == cgroup.V2:
		return steps.Host, nil
	}
	for _, s := range steps.Host {
		if m, ok := s.(cgroup.Make); ok && m.Dir == steps.V2Dir {
			before = append(before, s)
		} else {
			beside = append(beside, s)
		}
	}
	return before, beside
}

// groupsAfter are those where systemd makes the group for a process that is there.
func (k *compiler) groupsAfter() []plan.HostStep {
	if k.Scope == nil {
		return nil
	}
	return append([]plan.HostStep{k.Scope}, k.cgroups().Host...)
}

// identities maps users and groups where clone(2) cannot be told.
func (k *compiler) identities() []plan.HostStep {
	if s := k.spawn(); s.Later {
		return []plan.HostStep{namespace.Maps{UIDs: s.UIDs, GIDs: s.GIDs}}
	}
	return nil
}

// placed waits for them, and for what is raised.
func (k *compiler) placed() []plan.InitStep {
	if len(k.identities())+len(k.groupsAfter())+len(k.groupsBeside())+len(k.raised()) == 0 {
		return nil
	}
	return []plan.InitStep{process.Wait{First: true}}
}
