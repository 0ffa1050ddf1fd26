package container

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// WaitReleased returns when the process that is responsible for the container
// now, if there is one, is not any more. Unlike [Store.WaitFree] it makes no
// lock file, and keeps nobody from taking the container.
func (s *Store) WaitReleased(id string) error {
	f, err := os.OpenFile(s.lockPath(id), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH); err != syscall.EINTR {
			return os.NewSyscallError("flock", err)
		}
	}
}
