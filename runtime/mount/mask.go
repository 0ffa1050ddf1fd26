package mount

import (
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/runtime/rootfs"
)

// Mask hides a path: a file behind the host's /dev/null, a directory behind an
// empty read-only tmpfs. Where there is nothing, nothing happens. What covers
// it never comes from the container's own tree (CVE-2025-31133).
type Mask struct {
	Path string
	Kind Kind
}

// Kind is what is known of a path beforehand.
type Kind string

// The kinds.
const (
	Unknown   Kind = ""
	File      Kind = "file"
	Directory Kind = "directory"
)

const moveEmpty = linux.MOVE_MOUNT_F_EMPTY_PATH | linux.MOVE_MOUNT_T_EMPTY_PATH

// Emit covers the path. Of an unknown kind it finds out by trying:
// move_mount(2) does not put a directory on a file (EINVAL).
func (m Mask) Emit(b *initprog.Builder) {
	at, r := b.Slot(), b.Slot()
	done := b.NewLabel()
	rootfs.Open(b, m.Path, at, 0).Allow(syscall.ENOENT, syscall.ENOTDIR)
	b.JumpNegative(at, done)
	if m.Kind != File {
		op := b.Sys("move_mount", emptyDir(b), "", at, "", moveEmpty).Says("move_mount " + m.Path)
		if m.Kind == Directory {
			b.Place(done)
			return
		}
		isFile := b.NewLabel()
		op.Into(r).Allow(syscall.EINVAL)
		b.JumpNegative(r, isFile)
		b.Jump(done)
		b.Place(isFile)
	}
	b.Sys("move_mount", null(b), "", at, "", moveEmpty).Says("move_mount " + m.Path)
	b.Place(done)
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
func emptyDir(b *initprog.Builder) initprog.Slot {
	fs, mnt := b.Slot(), b.Slot()
	b.Sys("fsopen", "tmpfs", linux.FSOPEN_CLOEXEC).Into(fs)
	b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, "source", "tmpfs", 0)
	b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, "mode", "555", 0)
	b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, "nr_inodes", "1", 0)
	b.Sys("fsconfig", fs, linux.FSCONFIG_SET_FLAG, "ro", nil, 0)
	b.Sys("fsconfig", fs, linux.FSCONFIG_CMD_CREATE, nil, nil, 0).Says("mount tmpfs")
	b.Sys("fsmount", fs, linux.FSMOUNT_CLOEXEC, linux.MOUNT_ATTR_RDONLY).Into(mnt)
	return mnt
}

// Shell returns the mount(8) commands.
func (m Mask) Shell() string {
	p := rootfs.Shell(m.Path)
	dir := "mount -t tmpfs -o ro,mode=555,nr_inodes=1 tmpfs " + p
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
type ReadOnly struct{ Path string }

// Emit puts a read-only clone of the path over itself.
func (r ReadOnly) Emit(b *initprog.Builder) {
	at, tree := b.Slot(), b.Slot()
	done := b.NewLabel()
	rootfs.Open(b, r.Path, at, 0).Allow(syscall.ENOENT, syscall.ENOTDIR)
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
