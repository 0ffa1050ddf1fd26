package rootfs

import (
	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
)

// OnHost says that a container without a mount namespace of its own is about to
// mount its root, and all else below it, on the host.
type OnHost struct{ Dir string }

// Do makes nothing itself.
func (OnHost) Do(*plan.Env) error { return nil }

// Shell says what follows.
func (o OnHost) Shell() string {
	return "# the container's mounts are the host's, below " + quote(o.Dir)
}

// Undo detaches the root with what is mounted below.
func (o OnHost) Undo() plan.HostStep { return Unmount{o.Dir} }

// Alone keeps the mounts below the root from travelling to other namespaces.
type Alone struct{}

// Emit makes the mount of the root, which is new, private.
func (Alone) Emit(b *initprog.Builder) {
	attr := b.Words(0, 0, linux.MS_PRIVATE, 0)
	b.Sys("mount_setattr", Root(b), "", linux.AT_EMPTY_PATH|linux.AT_RECURSIVE, attr, 32).Says("mount_setattr private")
}

// Shell returns the mount(8) command.
func (Alone) Shell() string { return `mount --make-rprivate "$root"` }

// Chroot enters the root by chroot(2), in the host's mount namespace.
type Chroot struct{}

// Emit changes into the root, and makes it the process's.
func (Chroot) Emit(b *initprog.Builder) {
	b.Sys("fchdir", Root(b))
	b.Sys("chroot", ".")
	b.Sys("chdir", "/")
}

// Shell says who does it.
func (Chroot) Shell() string { return "# chroot(2) into the root" }

// Again enters the root of a container that runs without a mount namespace of
// its own, by the name that it has on the host.
type Again struct{ Dir string }

// Emit opens the directory and makes it the root.
func (a Again) Emit(b *initprog.Builder) {
	OpenRoot(a).Emit(b)
	Chroot{}.Emit(b)
}

// Shell returns the chroot(8) command.
func (a Again) Shell() string { return "# chroot " + quote(a.Dir) }
