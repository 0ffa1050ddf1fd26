package runtime

import (
	"mydocker/plan"
	"mydocker/runtime/namespace"
	"mydocker/runtime/process"
)

// groupsBefore are the steps that make the control groups before there is a
// process.
func (k *compiler) groupsBefore() []plan.HostStep {
	if k.Scope != nil {
		return nil
	}
	return k.cgroups().Host
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

// placed waits for them.
func (k *compiler) placed() []plan.InitStep {
	if len(k.identities())+len(k.groupsAfter()) == 0 {
		return nil
	}
	return []plan.InitStep{process.Wait{First: true}}
}
