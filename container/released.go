package container

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// WaitFree returns when nobody is responsible for the container. It makes no
// lock file, and removes none: that of one who died is the mark that there is
// something to repair.
func (s *Store) WaitFree(id string) error {
	for {
		again, err := s.waitReleased(id)
		if err != nil || !again {
			return err
		}
	}
}

// WaitReleased returns when the process that is responsible for the container
// now, if there is one, is not any more. Unlike [Store.WaitFree] it does not
// wait for the next.
func (s *Store) WaitReleased(id string) error {
	_, err := s.waitReleased(id)
	return err
}

// waitReleased also tells whether there is another lock file by then. While it
// returns it shares the lock for a moment, as [Store.Alive] does.
func (s *Store) waitReleased(id string) (again bool, err error) {
	f, err := os.OpenFile(s.lockPath(id), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	for err = syscall.EINTR; err == syscall.EINTR; {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH)
	}
	if err != nil {
		return false, os.NewSyscallError("flock", err)
	}
	mine, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Lstat(s.lockPath(id))
	return err == nil && !os.SameFile(mine, there), nil
}
