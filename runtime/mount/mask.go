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
type Mask struct{ Path string }

// Emit finds out by trying: move_mount(2) does not put a file on a directory (EINVAL).
func (m Mask) Emit(b *initprog.Builder) {
	at, null, r := b.Slot(), b.Slot(), b.Slot()
	done, isDir := b.NewLabel(), b.NewLabel()
	rootfs.Open(b, m.Path, at, 0).Allow(syscall.ENOENT, syscall.ENOTDIR)
	b.JumpNegative(at, done)
	b.Sys("open_tree", linux.AT_FDCWD, "/dev/null", linux.OPEN_TREE_CLONE|linux.OPEN_TREE_CLOEXEC).Into(null)
	b.Sys("mount_setattr", null, "", linux.AT_EMPTY_PATH, b.Words(linux.MOUNT_ATTR_RDONLY, 0, linux.MS_PRIVATE, 0), 32).Says("mount_setattr /dev/null")
	b.Sys("move_mount", null, "", at, "", linux.MOVE_MOUNT_F_EMPTY_PATH|linux.MOVE_MOUNT_T_EMPTY_PATH).
		Into(r).Allow(syscall.EINVAL).Says("move_mount " + m.Path)
	b.JumpNegative(r, isDir)
	b.Jump(done)
	b.Place(isDir)
	b.Sys("move_mount", emptyDir(b), "", at, "", linux.MOVE_MOUNT_F_EMPTY_PATH|linux.MOVE_MOUNT_T_EMPTY_PATH).Says("move_mount " + m.Path)
	b.Place(done)
}

// emptyDir returns a new read-only empty tmpfs.
func emptyDir(b *initprog.Builder) initprog.Slot {
	fs, mnt := b.Slot(), b.Slot()
	b.Sys("fsopen", "tmpfs", linux.FSOPEN_CLOEXEC).Into(fs)
	b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, "mode", "555", 0)
	b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, "nr_inodes", "1", 0)
	b.Sys("fsconfig", fs, linux.FSCONFIG_SET_FLAG, "ro", nil, 0)
	b.Sys("fsconfig", fs, linux.FSCONFIG_CMD_CREATE, nil, nil, 0).Says("mount tmpfs")
	b.Sys("fsmount", fs, linux.FSMOUNT_CLOEXEC, linux.MOUNT_ATTR_RDONLY).Into(mnt)
	return mnt
}

// Shell returns the same choice in sh(1).
func (m Mask) Shell() string {
	p := rootfs.Shell(m.Path)
	return "if [ -d " + p + " ]; then mount -t tmpfs -o ro,mode=555,nr_inodes=1 tmpfs " + p +
		"; elif [ -e " + p + " ]; then mount --bind /dev/null " + p + " && mount -o remount,bind,ro " + p + "; fi"
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
