package linux

import (
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A Stat is what the kernel knows of a file; see stat(2).
type Stat struct {
	Mode         uint32 // type and permissions
	UID, GID     uint32
	Size, Blocks int64 // bytes; units of 512 bytes on the disk
	Modified     time.Time
	Device       uint64 // of a device node
	Links        uint64
	On, Inode    uint64 // file system and number: who it is
}

// IsDir tells a directory.
func (s Stat) IsDir() bool { return s.Mode&unix.S_IFMT == unix.S_IFDIR }

// IsRegular tells a regular file.
func (s Stat) IsRegular() bool { return s.Mode&unix.S_IFMT == unix.S_IFREG }

// IsWhiteout tells what [MakeWhiteoutAt] makes.
func (s Stat) IsWhiteout() bool { return s.Mode&unix.S_IFMT == unix.S_IFCHR && s.Device == 0 }

// StatAt looks at one entry of an open directory, a symbolic link itself; "."
// is the directory.
func StatAt(dir *os.File, name string) (Stat, error) {
	var st unix.Stat_t
	err := retry("fstatat", func() error {
		return unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	return Stat{
		Mode: st.Mode, UID: st.Uid, GID: st.Gid, Size: st.Size, Blocks: st.Blocks, Device: uint64(st.Rdev), Links: uint64(st.Nlink),
		On: uint64(st.Dev), Inode: st.Ino, Modified: time.Unix(st.Mtim.Unix()),
	}, err
}

// OpenDirAt opens a directory in an open one, to list it. A symbolic link of
// that name is not followed but ELOOP or ENOTDIR.
func OpenDirAt(dir *os.File, name string) (*os.File, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := retryValue("openat", func() (int, error) { return unix.Openat(int(dir.Fd()), name, flags, 0) })
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// GetXattrAt reads a short extended attribute (up to 256 bytes), see
// lgetxattr(2); one that is not there is nil. It needs /proc.
func GetXattrAt(dir *os.File, name, attr string) ([]byte, error) {
	path := "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + name
	value := make([]byte, 256)
	n, err := retryValue("lgetxattr", func() (int, error) { return unix.Lgetxattr(path, attr, value) })
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return value[:n], nil
}
