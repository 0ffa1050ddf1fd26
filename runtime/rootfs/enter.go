package rootfs

import (
	"strings"
	"syscall"

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
type Pivot struct {
	After Propagation // of the root, then; the zero value leaves it as it is
}

// Emit changes into the root, swaps, and lets the old root go.
func (p Pivot) Emit(b *initprog.Builder) {
	b.Sys("fchdir", Root(b))
	b.Sys("pivot_root", ".", ".")
	b.Sys("umount2", ".", linux.MNT_DETACH)
	b.Sys("chdir", "/")
	p.After.after(b)
}

// Shell says how the script does it.
func (Pivot) Shell() string {
	return `# pivot_root(2), by the host's side of this script: the tools of this side end with it`
}

// HostSide returns the commands that the host's side of the script runs, when
// the container's first process waits at its end.
func (p Pivot) HostSide() []string {
	lines := []string{
		`nsenter --target "$pid" --mount /bin/sh -c 'cd "$root"; exec pivot_root . .'`,
		`nsenter --mount=/proc/"$pid"/ns/mnt --root=/ umount --lazy /proc/"$pid"/root`,
	}
	if p.After.Name != "" {
		lines = append(lines, `nsenter --mount=/proc/"$pid"/ns/mnt --root=/ mount --make-`+p.After.Name+` /proc/"$pid"/root`)
	}
	return lines
}

// Move puts the root above the old one and changes into it: mount namespace
// and chroot(2) as switch_root(8) leaves them. The old root is still there, below;
// so that nobody inside mounts, or finds, a procfs or sysfs whose parts are
// not hidden, those of the host go.
type Move struct {
	Hide  []string // mount points of the host's procfs and sysfs
	After Propagation
}

// Emit detaches what is to go, or covers it where it may not be detached, in
// a user namespace. What went with one above it is no longer there.
func (m Move) Emit(b *initprog.Builder) {
	for _, p := range m.Hide {
		r, next := b.Slot(), b.NewLabel()
		b.Sys("umount2", p, linux.MNT_DETACH|linux.UMOUNT_NOFOLLOW).Into(r).Allow(syscall.EINVAL, syscall.EPERM, syscall.ENOENT)
		b.JumpEqual(r, b.Cell(0), next)
		b.Sys("mount", "tmpfs", p, "tmpfs", linux.MS_RDONLY, nil).Allow(syscall.ENOENT)
		b.Place(next)
	}
	b.Sys("fchdir", Root(b))
	b.Sys("move_mount", Root(b), "", linux.AT_FDCWD, "/", linux.MOVE_MOUNT_F_EMPTY_PATH)
	b.Sys("chroot", ".")
	b.Sys("chdir", "/")
	m.After.after(b)
}

// Shell says how the script does it.
func (m Move) Shell() string { return m.pivot().Shell() }

// HostSide returns the commands of [Pivot], which the script uses.
func (m Move) HostSide() []string { return m.pivot().HostSide() }

func (m Move) pivot() Pivot { return Pivot{After: m.After} }

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

// after makes the call when the root has been entered.
func (p Propagation) after(b *initprog.Builder) {
	if p.Name != "" {
		p.Emit(b)
	}
}

// Apart makes the mount in which the root's directory lies a private one: what
// is mounted there, or is cloned from it, travels nowhere even where all other
// mounts are shared with the host.
type Apart struct{ Dir string } // absolute, no link on the way

// Emit tries the directory, and those above: only the one where a mount begins
// is taken (EINVAL).
func (a Apart) Emit(b *initprog.Builder) {
	done := b.NewLabel()
	b.Sys("chdir", a.Dir)
	for range strings.Count(a.Dir, "/") {
		r := b.Slot()
		b.Sys("mount", nil, ".", nil, linux.MS_PRIVATE, nil).Into(r).Allow(syscall.EINVAL).Says("mount --make-private " + a.Dir)
		b.JumpEqual(r, b.Cell(0), done)
		b.Sys("chdir", "..")
	}
	b.Sys("mount", nil, ".", nil, linux.MS_PRIVATE, nil).Says("mount --make-private " + a.Dir)
	b.Place(done)
}

// Shell returns the mount(8) command.
func (a Apart) Shell() string {
	return `mount --make-private "$(findmnt -nro TARGET --target ` + quote(a.Dir) + `)"`
}
