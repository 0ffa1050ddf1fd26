package linux

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxXattr is what the kernel takes for a value, and for the list of names.
const maxXattr = 64 << 10

// XattrsAt reads all extended attributes of an entry of an open directory, a
// symbolic link's own. A file system without them has none. It needs /proc.
func XattrsAt(dir *os.File, name string) (map[string]string, error) {
	path := "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + name
	n, err := retryValue("llistxattr", func() (int, error) { return unix.Llistxattr(path, nil) })
	if errors.Is(err, unix.EOPNOTSUPP) || err == nil && n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]byte, maxXattr)
	if n, err = retryValue("llistxattr", func() (int, error) { return unix.Llistxattr(path, list) }); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for attr := range strings.SplitSeq(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
		value := make([]byte, maxXattr)
		n, err := retryValue("lgetxattr", func() (int, error) { return unix.Lgetxattr(path, attr, value) })
		if errors.Is(err, unix.ENODATA) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		all[attr] = string(value[:n])
	}
	return all, nil
}

// ReadLinkAt returns the target of a symbolic link, see readlinkat(2).
func ReadLinkAt(dir *os.File, name string) (string, error) {
	b := make([]byte, unix.PathMax)
	n, err := retryValue("readlinkat", func() (int, error) { return unix.Readlinkat(int(dir.Fd()), name, b) })
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

// OpenFileAt opens a regular file to read it. What is none, or a symbolic link,
// is not waited for or followed.
func OpenFileAt(dir *os.File, name string) (*os.File, error) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := retryValue("openat", func() (int, error) { return unix.Openat(int(dir.Fd()), name, flags, 0) })
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// NextData returns the start and the end of the first data of a file at or after
// an offset, see lseek(2), SEEK_DATA; both are the file's size where none follows.
func NextData(f *os.File, offset, size int64) (start, end int64, err error) {
	start, err = unix.Seek(int(f.Fd()), offset, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return size, size, nil
	}
	if err != nil {
		return 0, 0, os.NewSyscallError("lseek", err)
	}
	end, err = unix.Seek(int(f.Fd()), start, unix.SEEK_HOLE)
	if err != nil {
		return 0, 0, os.NewSyscallError("lseek", err)
	}
	return min(start, size), min(end, size), nil
}

// DeviceNumbers takes a device apart, see makedev(3).
func DeviceNumbers(device uint64) (major, minor int64) {
	return int64(unix.Major(device)), int64(unix.Minor(device))
}
