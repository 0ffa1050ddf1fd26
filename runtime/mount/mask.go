package mount

import (
	"path"
	"strings"
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime/rootfs"
)

// Mask hides a path: a file behind the host's /dev/null, a directory behind an
// empty read-only tmpfs. Where there is nothing, nothing happens. What covers
// it never comes from the container's own tree (CVE-2025-31133).
type Mask struct {
	Path  string
	Kind  Kind
	Mount string // target of the plan's mount that Path lies in, if it does: a procfs or sysfs
	Label string // SELinux context of what covers a directory; empty: none
}

// Kind is what is known of a path beforehand.
type Kind string

// The kinds.
const (
	Unknown   Kind = ""
	File      Kind = "file"
	Directory Kind = "directory"
)

// Emit covers the path. Of an unknown kind it finds out by trying:
// move_mount(2) does not put a file on a directory (EINVAL).
func (m Mask) Emit(b *initprog.Builder) {
	at, r := b.Slot(), b.Slot()
	done, isDir := b.NewLabel(), b.NewLabel()
	open(b, m.Path, m.Mount, at)
	b.JumpNegative(at, done)
	if m.Kind != Directory {
		tree := cover(b, "null", null)
		op := b.Sys("move_mount", tree, "", at, "", moveEmpty).Says("move_mount " + m.Path)
		if m.Kind == Unknown {
			op.Into(r).Allow(syscall.EINVAL)
			b.JumpNegative(r, isDir)
		}
		covered(b, "null", tree)
		b.Jump(done)
	}
	b.Place(isDir)
	if m.Kind != File {
		tree := cover(b, "empty", m.emptyDir)
		b.Sys("move_mount", tree, "", at, "", moveEmpty).Says("move_mount " + m.Path)
		covered(b, "empty", tree)
	}
	b.Place(done)
}

// open opens a path that is to be hidden or protected, if there is one. Below a
// mount of the plan's own it goes from there: whatever becomes of the names
// above, that is where it lies (CVE-2023-27561).
func open(b *initprog.Builder, p, mount string, at initprog.Slot) {
	dir := rootfs.Root(b)
	if mount != "" {
		dir = b.Named("mount:" + mount)
	}
	below := strings.TrimPrefix(path.Clean("/"+p), path.Clean("/"+mount))
	rootfs.OpenBelow(b, dir, below, at).Allow(syscall.ENOENT, syscall.ENOTDIR).Says("openat2 " + p)
}

// cover returns a mount to cover something with: a clone of the first one of
// its kind that did, which is the same mount that another place shows, or a
// new one.
func cover(b *initprog.Builder, kind string, fresh func(*initprog.Builder) initprog.Slot) initprog.Slot {
	first, again := b.Once("cover:" + kind)
	if again {
		return fresh(b)
	}
	tree, none, done := b.Slot(), b.NewLabel(), b.NewLabel()
	b.JumpNegative(first, none)
	b.Sys("open_tree", first, "", linux.OPEN_TREE_CLONE|linux.OPEN_TREE_CLOEXEC|linux.AT_EMPTY_PATH).Into(tree).Says("open_tree")
	b.Jump(done)
	b.Place(none)
	b.Sys("fcntl", fresh(b), linux.F_DUPFD_CLOEXEC, 0).Into(tree)
	b.Place(done)
	return tree
}

// covered remembers a mount that covers something: only such can be cloned
// before Linux 6.15.
func covered(b *initprog.Builder, kind string, tree initprog.Slot) {
	b.Sys("fcntl", tree, linux.F_DUPFD_CLOEXEC, 0).Into(b.Named("cover:" + kind))
}

// null returns a new read-only mount of the host's /dev/null.
func null(b *initprog.Builder) initprog.Slot {
	tree := b.Slot()
	b.Sys("open_tree", linux.AT_FDCWD, "/dev/null", linux.OPEN_TREE_CLONE|linux.OPEN_TREE_CLOEXEC).Into(tree)
	attr := b.Words(linux.MOUNT_ATTR_RDONLY, 0, linux.MS_PRIVATE, 0)
	b.Sys("mount_setattr", tree, "", linux.AT_EMPTY_PATH, attr, 32).Says("mount_setattr /dev/null")
	return tree
}

// emptyDir returns a new read-only empty tmpfs.
func (m Mask) emptyDir(b *initprog.Builder) initprog.Slot {
	options := []string{"mode=555", "nr_inodes=1", "ro"}
	if m.Label != "" {
		options = append(options, "context="+m.Label)
	}
	return emptyTmpfs(b, options...)
}

// emptyTmpfs returns a new tmpfs that is attached nowhere.
func emptyTmpfs(b *initprog.Builder, options ...string) initprog.Slot {
	fs, mnt := b.Slot(), b.Slot()
	b.Sys("fsopen", "tmpfs", linux.FSOPEN_CLOEXEC).Into(fs)
	b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, "source", "tmpfs", 0)
	attr := 0
	for _, o := range options {
		if k, v, ok := strings.Cut(o, "="); ok {
			b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, k, v, 0)
			continue
		}
		b.Sys("fsconfig", fs, linux.FSCONFIG_SET_FLAG, o, nil, 0)
		attr = linux.MOUNT_ATTR_RDONLY
	}
	b.Sys("fsconfig", fs, linux.FSCONFIG_CMD_CREATE, nil, nil, 0).Says("mount tmpfs")
	b.Sys("fsmount", fs, linux.FSMOUNT_CLOEXEC, attr).Into(mnt)
	return mnt
}

// Shell returns the mount(8) commands.
func (m Mask) Shell() string {
	p := rootfs.Shell(m.Path)
	options := Options{Label: m.Label}.labelled([]string{"ro", "mode=555", "nr_inodes=1"})
	dir := plan.Cmd("mount", "-t", "tmpfs", "-o", strings.Join(options, ","), "tmpfs") + " " + p
	file := "mount --bind /dev/null " + p + "; mount -o remount,bind,ro " + p
	switch m.Kind {
	case Directory:
		return "if [ -d " + p + " ]; then " + dir + "; fi"
	case File:
		return "if [ -e " + p + " ]; then " + file + "; fi"
	}
	return "if [ -d " + p + " ]; then " + dir + "; elif [ -e " + p + " ]; then " + file + "; fi"
}

// ReadOnly makes what lies at and below a path read-only. Where there is
// nothing, nothing happens.
type ReadOnly struct {
	Path  string
	Mount string // as of [Mask]
}

// Emit puts a read-only clone of the path over itself.
func (r ReadOnly) Emit(b *initprog.Builder) {
	at, tree := b.Slot(), b.Slot()
	done := b.NewLabel()
	open(b, r.Path, r.Mount, at)
	b.JumpNegative(at, done)
	b.Sys("open_tree", at, "", linux.OPEN_TREE_CLONE|linux.OPEN_TREE_CLOEXEC|linux.AT_EMPTY_PATH|linux.AT_RECURSIVE).Into(tree).Says("open_tree " + r.Path)
	attr := b.Words(linux.MOUNT_ATTR_RDONLY, 0, linux.MS_PRIVATE, 0)
	b.Sys("mount_setattr", tree, "", linux.AT_EMPTY_PATH|linux.AT_RECURSIVE, attr, 32).Says("mount_setattr " + r.Path)
	b.Sys("move_mount", tree, "", at, "", linux.MOVE_MOUNT_F_EMPTY_PATH|linux.MOVE_MOUNT_T_EMPTY_PATH).Says("move_mount " + r.Path)
	b.Place(done)
}

// Shell returns the mount(8) commands.
func (r ReadOnly) Shell() string {
	p := rootfs.Shell(r.Path)
	return "if [ -e " + p + " ]; then mount --rbind " + p + " " + p + "; " + remount(p, "ro", true) + "; fi"
}
