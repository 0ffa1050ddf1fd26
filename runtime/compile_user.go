package runtime

import (
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

// mapped are the host's steps for the root of a container in a user namespace.
func (k *compiler) mapped() []plan.HostStep {
	if !k.userNamespace() || k.Overlay == nil {
		return nil
	}
	return []plan.HostStep{rootfs.Mapped{Overlay: *k.Overlay, Scratch: k.Overlay.Target}}
}

// userRoot does what needs the host's root's rights to files, and gives them up.
func (k *compiler) userRoot() (steps []plan.InitStep) {
	if !k.userNamespace() {
		return nil
	}
	steps = k.isolation()
	for _, s := range k.mounts() {
		if m, ok := s.(mount.Bind); ok && m.Fetched {
			m.Fetched = false
			steps = append(steps, mount.Fetch{Bind: m})
		}
	}
	if k.Overlay != nil {
		steps = append(steps, rootfs.Received{Overlay: *k.Overlay, Socket: consoleFD})
	}
	return append(steps, process.Become{})
}
