package linux

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// MountTmpfs mounts a tmpfs, with the options of tmpfs(5), without set-id
// programs, devices and programs.
func MountTmpfs(dir, options string) error {
	err := unix.Mount("shm", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, options)
	return os.NewSyscallError("mount", err)
}

// Unmount detaches the mount at path, which is not followed if it is a symbolic
// link. Where nothing is mounted, or nothing is, that is no error.
func Unmount(path string) error {
	err := retry("umount2", func() error { return unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) })
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// IsProc tells whether a path lies on a procfs, see statfs(2).
func IsProc(path string) (bool, error) {
	var st unix.Statfs_t
	err := retry("statfs", func() error { return unix.Statfs(path, &st) })
	return err == nil && st.Type == unix.PROC_SUPER_MAGIC, err
}
