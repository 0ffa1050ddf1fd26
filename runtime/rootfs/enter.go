package rootfs

import (
	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
)

// OpenRoot takes hold of the prepared root, so that no later step goes there
// by name.
type OpenRoot struct{ Dir string }

// Emit opens the directory and clears the umask for what is made below.
func (o OpenRoot) Emit(b *initprog.Builder) {
	b.Sys("openat", linux.AT_FDCWD, o.Dir, linux.O_PATH|linux.O_DIRECTORY|linux.O_CLOEXEC, 0).Into(Root(b))
	b.Sys("umask", 0)
}

// Shell returns the umask command; the script goes by name, and gives nodes
// their modes one by one.
func (OpenRoot) Shell() string { return "umask 022" }

// Pivot makes the root the root of the mount namespace, and detaches the old
// one. No directory for it is needed inside: pivot_root(2), "pivot_root(".", ".")".
type Pivot struct{}

// Emit changes into the root, swaps, and lets the old root go.
func (Pivot) Emit(b *initprog.Builder) {
	b.Sys("fchdir", Root(b))
	b.Sys("pivot_root", ".", ".")
	b.Sys("umount2", ".", linux.MNT_DETACH)
	b.Sys("chdir", "/")
}

// Shell says how the script does it.
func (Pivot) Shell() string {
	return `# pivot_root(2), by the host's side of this script: the tools of this side end with it`
}

// HostSide returns the commands that the host's side of the script runs, when
// the container's first process waits at its end.
func (Pivot) HostSide() []string {
	return []string{
		`nsenter --target "$pid" --mount /bin/sh -c 'cd "$root"; exec pivot_root . .'`,
		`nsenter --mount=/proc/"$pid"/ns/mnt --root=/ umount --lazy /proc/"$pid"/root`,
	}
}

// ReadOnly makes the root read-only; what is mounted below stays as it is.
type ReadOnly struct{}

// Emit sets the attribute on the mount of the root.
func (ReadOnly) Emit(b *initprog.Builder) {
	attr := b.Words(linux.MOUNT_ATTR_RDONLY, 0, 0, 0)
	b.Sys("mount_setattr", Root(b), "", linux.AT_EMPTY_PATH, attr, 32).Says("mount_setattr / read-only")
}

// Shell returns the mount(8) command.
func (ReadOnly) Shell() string { return `mount -o remount,bind,ro "$root"` }

// Propagation sets how mounts travel between the root and its peers, for
// everything at and below Path (on the host's side before the root is entered).
type Propagation struct {
	Flags int // MS_PRIVATE, MS_SLAVE or MS_SHARED, with MS_REC
	Name  string
}

// Emit makes the mount(2) call of mount_namespaces(7).
func (p Propagation) Emit(b *initprog.Builder) {
	b.Sys("mount", nil, "/", nil, p.Flags, nil).Says("mount --make-" + p.Name + " /")
}

// Shell returns the mount(8) command.
func (p Propagation) Shell() string { return plan.Cmd("mount", "--make-"+p.Name, "/") }
