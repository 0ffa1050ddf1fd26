package linux

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The calls below make and change one entry of a directory that is open, with
// O_PATH, too. name has no slash; a symbolic link of that name is not followed
// unless it says so.

// MakeDirAt makes a directory, see mkdirat(2).
func MakeDirAt(dir *os.File, name string, mode uint32) error {
	return retry("mkdirat", func() error { return unix.Mkdirat(int(dir.Fd()), name, mode) })
}

// CreateAt makes a regular file, which must not be there, to write it.
func CreateAt(dir *os.File, name string) (*os.File, error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := retryValue("openat", func() (int, error) { return unix.Openat(int(dir.Fd()), name, flags, 0o600) })
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// MakeSymlinkAt makes a symbolic link, see symlinkat(2).
func MakeSymlinkAt(target string, dir *os.File, name string) error {
	return retry("symlinkat", func() error { return unix.Symlinkat(target, int(dir.Fd()), name) })
}

// LinkAt makes newName another name of oldName, see linkat(2).
func LinkAt(oldDir *os.File, oldName string, newDir *os.File, newName string) error {
	return retry("linkat", func() error {
		return unix.Linkat(int(oldDir.Fd()), oldName, int(newDir.Fd()), newName, 0)
	})
}

// MakeNodeAt makes a fifo or a device; mode has its type (S_IFIFO, S_IFCHR,
// S_IFBLK) with the permissions. See mknodat(2).
func MakeNodeAt(dir *os.File, name string, mode, major, minor uint32) error {
	return retry("mknodat", func() error {
		return unix.Mknodat(int(dir.Fd()), name, mode, int(unix.Mkdev(major, minor)))
	})
}

// ChownAt changes owner and group, see fchownat(2).
func ChownAt(dir *os.File, name string, uid, gid int) error {
	return retry("fchownat", func() error {
		return unix.Fchownat(int(dir.Fd()), name, uid, gid, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// ChmodAt changes permissions with the set-id and sticky bits (07777). It
// follows a symbolic link: it is for entries that are known to be none.
func ChmodAt(dir *os.File, name string, mode uint32) error {
	return retry("fchmodat", func() error { return unix.Fchmodat(int(dir.Fd()), name, mode, 0) })
}

// SetTimesAt changes the times of access and modification, see utimensat(2).
func SetTimesAt(dir *os.File, name string, access, modified time.Time) error {
	var ts [2]unix.Timespec
	for i, t := range []time.Time{access, modified} {
		ts[i] = unix.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())}
	}
	return retry("utimensat", func() error {
		return unix.UtimesNanoAt(int(dir.Fd()), name, ts[:], unix.AT_SYMLINK_NOFOLLOW)
	})
}

// SetXattrAt sets an extended attribute, see lsetxattr(2). It needs /proc.
func SetXattrAt(dir *os.File, name, attr string, value []byte) error {
	path := "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + name
	return retry("lsetxattr", func() error { return unix.Lsetxattr(path, attr, value, 0) })
}

// KindAt returns the type of an entry, one of the S_IF values.
func KindAt(dir *os.File, name string) (uint32, error) {
	var st unix.Stat_t
	err := retry("fstatat", func() error {
		return unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	return st.Mode & unix.S_IFMT, err
}

// RemoveAt removes an entry with all below it, as RemoveTree does.
func RemoveAt(dir *os.File, name string) error { return removeEntry(dir, name) }

// SyncFS brings everything that was written to the file system on which path
// lies to the disk, see syncfs(2).
func SyncFS(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return retry("syncfs", func() error { return unix.Syncfs(int(f.Fd())) })
}

// MakeWhiteoutAt makes what hides the name in the layers below from overlayfs:
// a character device 0:0. See "whiteouts and opaque directories" in the kernel's
// overlayfs.rst.
func MakeWhiteoutAt(dir *os.File, name string) error {
	return MakeNodeAt(dir, name, unix.S_IFCHR, 0, 0)
}

// IsWhiteoutAt says whether an entry is what MakeWhiteoutAt makes. An entry that
// is not there is none.
func IsWhiteoutAt(dir *os.File, name string) (bool, error) {
	var st unix.Stat_t
	err := retry("fstatat", func() error {
		return unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	if os.IsNotExist(err) {
		return false, nil
	}
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0, err
}

// Depth counts the directories above an open one, as the kernel sees it now
// whatever the path it was opened by. A path too long for the kernel to tell
// is ENAMETOOLONG. It needs /proc.
func Depth(dir *os.File) (int, error) {
	path, err := PathOf(dir)
	if err != nil {
		return 0, err
	}
	return strings.Count(strings.TrimSuffix(path, "/"), "/"), nil
}

// PathOf returns where an open file is now, as the kernel names it; the limits
// are those of [Depth].
func PathOf(f *os.File) (string, error) {
	return os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
}
