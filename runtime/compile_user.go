package runtime

import (
	"strings"

	"mydocker/plan"
	"mydocker/runtime/mount"
	"mydocker/runtime/process"
	"mydocker/runtime/rootfs"
)

// userNamespace tells whether the container has one that is not the host's.
func (k *compiler) userNamespace() bool {
	_, ok := k.namespace("user")
	return ok
}

// mapped are the host's steps for the root of a container in a user namespace,
// and for mounts: they send, in the order in which the first process receives.
func (k *compiler) mapped() (steps []plan.HostStep) {
	if k.userNamespace() && k.Overlay != nil {
		steps = append(steps, rootfs.Mapped{Overlay: *k.Overlay, Scratch: k.Overlay.Target})
	}
	return append(steps, k.senders()...)
}

// userRoot does what needs the host's root's rights to files, and gives them up.
func (k *compiler) userRoot() (steps []plan.InitStep) {
	if !k.userNamespace() {
		return nil
	}
	steps = k.isolation()
	if k.Overlay != nil {
		steps = append(steps, rootfs.Received{Overlay: *k.Overlay, Socket: consoleFD})
	} else {
		steps = append(steps, k.rootAt()...) // its path may be for the host's root alone
	}
	return append(steps, process.Become{})
}

// fetched tells whether the sources of binds are cloned before the root is made:
// in a user namespace, and where the mount in which they lie is shared with the
// host until then, see [rootfs.Apart].
func (k *compiler) fetched() bool {
	return k.userNamespace() || strings.HasSuffix(k.linux().RootfsPropagation, "shared")
}

func (k *compiler) fetches() (steps []plan.InitStep) {
	for _, s := range k.mounts() {
		if m, ok := s.(mount.Bind); ok && m.Fetched {
			m.Fetched = false
			steps = append(steps, mount.Fetch{Bind: m})
		}
	}
	return steps
}

// pivot is the step into the root. One that is to be shared, or unbindable,
// becomes it there: pivot_root(2) takes none that is shared.
func (k *compiler) pivot() plan.InitStep {
	if k.hostMounts() {
		return rootfs.Chroot{}
	}
	name := k.linux().RootfsPropagation
	if strings.HasPrefix(strings.TrimPrefix(name, "r"), "private") || strings.HasSuffix(name, "slave") {
		name = ""
	}
	flags := 0
	if name != "" {
		flags, _ = mount.Propagate(name) // isolation refuses others
	}
	after := rootfs.Propagation{Flags: flags, Name: name}
	if k.NoPivot {
		return rootfs.Move{Hide: k.HostProc, After: after}
	}
	return rootfs.Pivot{After: after}
}
