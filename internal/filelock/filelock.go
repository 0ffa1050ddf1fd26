// Package filelock locks files between processes, and between the goroutines
// of one. The kernel drops a lock when its holder dies, so nobody has to clean
// up after a crash.
package filelock

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Held is a lock on a file, until Close. It belongs to an
// open file description, see flock(2): the same process taking it a second
// time waits like any other. It is not handed on to programs that are started.
type Held struct{ file *os.File }

// Lock waits for the lock on the file at path, which is made (mode 0600) if it
// is not there. The holder may remove the file as the last thing before
// Close: those waiting then lock the file made next.
func Lock(path string) (*Held, error) {
	l, _, err := lock(path, syscall.LOCK_EX)
	return l, err
}

// TryLock is Lock without the wait: the bool is false, and the result nil, when
// somebody else holds it.
func TryLock(path string) (*Held, bool, error) {
	return lock(path, syscall.LOCK_EX|syscall.LOCK_NB)
}

// RLock is Lock for readers, who may hold it together while nobody holds it
// by Lock or TryLock.
func RLock(path string) (*Held, error) {
	l, _, err := lock(path, syscall.LOCK_SH)
	return l, err
}

// Dir locks a directory that is there, as Lock does a file. Nothing is made,
// so nothing needs to be removed.
func Dir(path string) (*Held, error) {
	l, _, err := lockDir(path, syscall.LOCK_EX)
	return l, err
}

// TryDir is Dir without the wait: the bool is false, and the result nil, when
// somebody else holds it.
func TryDir(path string) (*Held, bool, error) {
	return lockDir(path, syscall.LOCK_EX|syscall.LOCK_NB)
}

func lockDir(path string, how int) (*Held, bool, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, false, fmt.Errorf("lock: %w", err)
	}
	if err := flock(f, how); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("lock %s: %w", path, err)
	}
	return &Held{file: f}, true, nil
}

// Current says whether the path still leads to what is locked: it may have been
// removed, and another made, while one waited.
func (l *Held) Current(path string) bool { return current(l.file, path) }

// File is the open file that carries the lock. A process that gets a copy of
// it holds the lock too, until both have closed theirs.
func (l *Held) File() *os.File { return l.file }

// Adopt is the lock that came with a copy of another's File.
func Adopt(f *os.File) *Held { return &Held{file: f} }

// Close gives the lock back. A nil Held and a second Close do no harm.
func (l *Held) Close() error {
	if l == nil || l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	return f.Close()
}

func lock(path string, how int) (*Held, bool, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o600)
		if err != nil {
			return nil, false, fmt.Errorf("lock: %w", err)
		}
		err = flock(f, how)
		if err == nil && current(f, path) {
			return &Held{file: f}, true, nil
		}
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("lock %s: %w", path, err)
		}
	}
}

// flock locks an open file. Signals, of which the Go runtime sends itself many,
// interrupt the wait.
func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); err != syscall.EINTR {
			return err
		}
	}
}

// current says whether path still leads to the file that was locked: the lock
// on a file which was removed meanwhile keeps nobody else out.
func current(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(mine, there)
}
