package mount

import (
	"slices"
	"strings"
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime/rootfs"
)

// Filesystem mounts a new instance of a file system: proc, sysfs, tmpfs,
// devpts, mqueue, cgroup2, ...
type Filesystem struct {
	Type, Source string
	Target       string // inside the root; made where missing
	Place        string // where Target leads through the image's links; empty: it is no link
	Else         string // directory of the host that is shown where the kernel refuses an instance; empty: none
	Copied       int    // descriptor of the socket over which [CopyUp] is asked to fill it, or 0
	Options      Options
}

// Emit makes the instance (fsopen(2)), then attaches it at its mount point,
// which was opened inside the root.
func (f Filesystem) Emit(b *initprog.Builder) {
	at := f.point(b)
	if f.Type != "proc" {
		outsideProc(b, at, f.Target)
	}
	mnt := b.Named("mount:" + f.Target)
	if f.Options.old() {
		f.old(b, mnt)
	} else {
		f.make(b, mnt)
	}
	switch {
	case f.Copied != 0:
		f.copyUp(b, at, mnt)
	case f.ofDirectory():
		keepMode(b, at, mnt)
	}
	attach(b, mnt, at, f.Target)
	if f.Options.old() {
		b.Sys("umount2", ".", linux.MNT_DETACH).Says("umount tmpfs")
	}
	setPropagations(b, mnt, f.Options.Propagation)
}

// point opens the mount point. Those of procfs and sysfs are no symbolic links
// and lie behind none: what is masked later lies where they are
// (CVE-2023-27561).
func (f Filesystem) point(b *initprog.Builder) initprog.Slot {
	at := place(f.Target, f.Place)
	switch {
	case f.Type == "proc" || f.Type == "sysfs":
		return rootfs.OpenRealDir(b, at, 0o755)
	case f.ofDirectory():
		rootfs.Parent(b, at)
		return rootfs.OpenDir(b, at, 0o1777)
	}
	return rootfs.OpenDir(b, at, 0o755)
}

// ofDirectory tells a tmpfs that gets the permissions of the directory below,
// because its options do not say any.
func (f Filesystem) ofDirectory() bool {
	return f.Type == "tmpfs" && !f.Options.CopyUp && !f.Options.Has("mode")
}

// Has tells whether there is a value for a key of the file system.
func (o Options) Has(key string) bool {
	return slices.ContainsFunc(o.Data, func(d string) bool {
		return slices.ContainsFunc(strings.Split(d, ","), func(d string) bool { return strings.HasPrefix(d, key+"=") })
	})
}

// keepMode gives the root of a new mount the permissions of a directory. They
// are the 16 bits at 28 of struct statx, and nothing follows them.
func keepMode(b *initprog.Builder, dir, mnt initprog.Slot) {
	stat := b.Bytes(make([]byte, 256))
	b.Sys("statx", dir, "", linux.AT_EMPTY_PATH, linux.STATX_MODE, stat).Says("stat the mount point")
	b.Sys("fchmodat", mnt, ".", b.SlotAt(stat, 28), 0)
}

// make appends the creation.
func (f Filesystem) make(b *initprog.Builder, mnt initprog.Slot) {
	fs := b.Slot()
	r := refusal{b: b, tolerated: f.Else != "", otherwise: b.NewLabel()}
	r.into(fs, b.Sys("fsopen", f.Type, linux.FSOPEN_CLOEXEC))
	if f.Source != "" {
		b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, "source", f.Source, 0)
	}
	for _, w := range f.Options.superWords() {
		b.Sys("fsconfig", fs, linux.FSCONFIG_SET_FLAG, w, nil, 0)
	}
	for _, d := range f.data() {
		if k, v, ok := strings.Cut(d, "="); ok {
			b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, k, v, 0)
		} else {
			b.Sys("fsconfig", fs, linux.FSCONFIG_SET_FLAG, k, nil, 0)
		}
	}
	if f.Options.Label != "" {
		b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, "context", f.Options.Label, 0)
	}
	r.into(b.Slot(), b.Sys("fsconfig", fs, linux.FSCONFIG_CMD_CREATE, nil, nil, 0).Says("mount "+f.Type))
	r.into(mnt, b.Sys("fsmount", fs, linux.FSMOUNT_CLOEXEC, f.Options.whole().Set).Says("fsmount "+f.Type))
	done := b.NewLabel()
	if r.tolerated {
		b.Jump(done)
	}
	b.Place(r.otherwise)
	if r.tolerated {
		f.otherwise(b, mnt)
	}
	b.Place(done)
}

// A refusal is that of a new instance of a file system: in a user namespace
// that does not own the network namespace (sysfs), the IPC namespace (mqueue)
// or the PID namespace (proc), or that sees no other such mount as a whole.
type refusal struct {
	b         *initprog.Builder
	tolerated bool
	otherwise initprog.Label // where it goes on
}

// into stores the result of a call that may be refused.
func (r refusal) into(s initprog.Slot, op *initprog.Op) {
	op.Into(s)
	if r.tolerated {
		op.Allow(syscall.EPERM, syscall.EBUSY)
		r.b.JumpNegative(s, r.otherwise)
	}
}

// otherwise clones the host's directory with all below, and gives every mount
// the attributes.
func (f Filesystem) otherwise(b *initprog.Builder, mnt initprog.Slot) {
	b.Sys("open_tree", linux.AT_FDCWD, f.Else, linux.OPEN_TREE_CLONE|linux.OPEN_TREE_CLOEXEC|linux.AT_RECURSIVE).Into(mnt)
	attr := b.Words(f.Options.whole().Set&^linux.MOUNT_ATTR_ATIME, 0, linux.MS_PRIVATE, 0)
	b.Sys("mount_setattr", mnt, "", linux.AT_EMPTY_PATH|linux.AT_RECURSIVE, attr, 32).Says("mount_setattr " + f.Target)
}

// data returns the file system's own options. Every instance of devpts is new
// since Linux 4.7.
func (f Filesystem) data() []string {
	return slices.DeleteFunc(slices.Clone(f.Options.Data), func(d string) bool { return d == "newinstance" && f.Type == "devpts" })
}

// old makes the instance by mount(2), in a directory that only this process
// knows: on a tmpfs above the root, the working directory from then on. From
// there it is taken as if it came from fsmount(2).
func (f Filesystem) old(b *initprog.Builder, mnt initprog.Slot) {
	stage := emptyTmpfs(b, "mode=700")
	b.Sys("move_mount", stage, "", rootfs.Root(b), "", moveEmpty).Says("move_mount tmpfs")
	b.Sys("fchdir", stage)
	b.Sys("mkdirat", stage, "at", 0o700)
	b.Sys("mount", f.source(), "at", f.Type, f.Options.oldFlags(), strings.Join(f.Options.labelled(f.data()), ",")).Says("mount " + f.Type)
	b.Sys("open_tree", stage, "at", linux.OPEN_TREE_CLOEXEC).Into(mnt).Says("open_tree " + f.Type)
}

func (f Filesystem) source() string {
	if f.Source == "" {
		return f.Type
	}
	return f.Source
}

// Shell returns the mount(8) command.
func (f Filesystem) Shell() string {
	o := f.Options
	w := append([]string{"mount", "-t", f.Type}, dash(slices.Concat(o.superWords(), words(o.whole().Set), o.labelled(o.Data))...)...)
	target := rootfs.Shell(place(f.Target, f.Place))
	mount := plan.Cmd(append(w, f.source())...) + " " + target
	if f.Else != "" {
		mount += " || " + plan.Cmd("mount", "--rbind", f.Else) + " " + target
		if w := words(o.whole().Set); len(w) > 0 {
			mount = "{ " + mount + "; }; " + remount(target, strings.Join(w, ","), true)
		}
	}
	lines := []string{"mkdir -p " + target}
	switch {
	case o.CopyUp:
		lines = append(lines, "below=$(mktemp -d); mount --bind "+target+` "$below"`, mount, `cp -a "$below"/. `+target+`; umount "$below"; rmdir "$below"`)
	case f.ofDirectory():
		lines = []string{"[ -e " + target + " ] || { mkdir -p " + target + "; chmod 1777 " + target + "; }", "mode=$(stat -c %a " + target + ")", mount, `chmod "$mode" ` + target}
	default:
		lines = append(lines, mount)
	}
	return strings.Join(append(lines, propagationCommands(target, o.Propagation)...), "\n")
}

// place is where a mount goes: where its target leads, if that is known.
func place(target, leads string) string {
	if leads == "" {
		return target
	}
	return leads
}
