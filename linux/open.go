package linux

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// OpenIn opens a path as if dir were the root of the file system: neither
// ".." nor a symbolic link leads out, and no link of procfs is followed. See
// openat2(2), RESOLVE_IN_ROOT.
func OpenIn(dir *os.File, path string, flags int, mode os.FileMode) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Mode:    uint64(mode.Perm()),
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	for {
		fd, err := unix.Openat2(int(dir.Fd()), path, &how)
		if err == unix.EINTR || err == unix.EAGAIN { // EAGAIN: a rename went on meanwhile
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "openat2", Path: path, Err: err}
		}
		return os.NewFile(uintptr(fd), path), nil
	}
}

// OpenDir opens a directory by name, for use with OpenIn.
func OpenDir(path string) (*os.File, error) {
	fd, err := retryValue("open", func() (int, error) {
		return unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Release returns the kernel's version, as uname(2) has it: "6.12.1-amd64".
func Release() (string, error) {
	var u unix.Utsname
	if err := retry("uname", func() error { return unix.Uname(&u) }); err != nil {
		return "", err
	}
	return unix.ByteSliceToString(u.Release[:]), nil
}

// RemoveTree removes a directory and everything below it that lies on the
// same mount. It follows no symbolic link and enters no mount: a mount point is
// left alone and makes it fail with EBUSY or EXDEV. A path that is not there
// is no error.
func RemoveTree(path string) error {
	fd, err := retryValue("open", func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "remove", Path: path, Err: err}
	}
	dir := os.NewFile(uintptr(fd), path)
	defer dir.Close()
	if err := removeBelow(dir); err != nil {
		return err
	}
	return retry("rmdir", func() error { return unix.Rmdir(path) })
}

// removeBelow empties a directory.
func removeBelow(dir *os.File) error {
	for {
		names, err := dir.Readdirnames(256)
		for _, n := range names {
			if err := removeEntry(dir, n); err != nil {
				return err
			}
		}
		if len(names) == 0 || err != nil {
			return nil // io.EOF
		}
	}
}

func removeEntry(dir *os.File, name string) error {
	err := unix.Unlinkat(int(dir.Fd()), name, 0)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	if err != unix.EISDIR {
		return &os.PathError{Op: "unlinkat", Path: dir.Name() + "/" + name, Err: err}
	}
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	}
	fd, err := unix.Openat2(int(dir.Fd()), name, &how)
	if err != nil {
		return &os.PathError{Op: "remove", Path: dir.Name() + "/" + name, Err: err}
	}
	sub := os.NewFile(uintptr(fd), dir.Name()+"/"+name)
	defer sub.Close()
	if err := removeBelow(sub); err != nil {
		return err
	}
	if err := unix.Unlinkat(int(dir.Fd()), name, unix.AT_REMOVEDIR); err != nil && err != unix.ENOENT {
		return &os.PathError{Op: "rmdir", Path: sub.Name(), Err: err}
	}
	return nil
}

// CreateLinked makes a file with that content in a directory, complete or not at
// all, without a temporary name: O_TMPFILE of open(2), then linkat(2). The error
// is fs.ErrExist where there is a file of that name.
func CreateLinked(dir, name string, content []byte, mode os.FileMode) error {
	fd, err := retryValue("open O_TMPFILE", func() (int, error) {
		return unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, uint32(mode.Perm()))
	})
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return retry("linkat", func() error {
		return unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), unix.AT_FDCWD, dir+"/"+name, unix.AT_SYMLINK_FOLLOW)
	})
}
