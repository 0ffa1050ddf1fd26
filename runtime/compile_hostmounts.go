package runtime

import (
	"errors"

	"mydocker/plan"
	"mydocker/runtime/rootfs"
)

// hostMounts tells a container without a mount namespace of its own: its mounts
// are the host's, below its root, and its root is one by chroot(2) alone.
func (k *compiler) hostMounts() bool {
	_, ok := k.namespace("mount")
	return !ok
}

// refuseHostMounts refuses what needs a mount namespace besides.
func (k *compiler) refuseHostMounts() {
	switch {
	case k.Overlay != nil || k.Spec.Root.Path == "/":
		k.fail(errors.New("a container needs a new mount namespace, or one to join"))
	case k.userNamespace():
		k.fail(errors.New("a container in a user namespace needs a mount namespace, too"))
	case k.linux().RootfsPropagation != "":
		k.fail(errors.New("rootfsPropagation needs a new mount namespace, or one to join"))
	}
}

// mountedOnHost has the container's mounts taken back when it has ended.
func (k *compiler) mountedOnHost() []plan.HostStep {
	if !k.hostMounts() {
		return nil
	}
	return []plan.HostStep{rootfs.OnHost{Dir: k.Spec.Root.Path}}
}
