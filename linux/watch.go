package linux

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A DirWatch tells when something in a directory has changed: a file was made,
// written to, renamed or removed, or the directory itself was; of a directory
// that somebody has something open in, the removal is not told. See inotify(7).
type DirWatch struct{ f *os.File }

// WatchDir begins to watch; the caller closes the result. What changes from
// then on is told, however long nobody waits.
func WatchDir(path string) (*DirWatch, error) {
	fd, err := retryValue("inotify_init1", func() (int, error) {
		return unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	})
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "inotify")
	const mask = unix.IN_MODIFY | unix.IN_CREATE | unix.IN_MOVE | unix.IN_DELETE |
		unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR
	if _, err := unix.InotifyAddWatch(fd, path, mask); err != nil {
		f.Close()
		return nil, &os.PathError{Op: "inotify_add_watch", Path: path, Err: err}
	}
	return &DirWatch{f}, nil
}

// Wait returns when something has changed since it returned the last time, or
// [DirWatch.Wake] was called, or with the context's error when that is done. It
// may also return for nothing: the caller looks.
func (w *DirWatch) Wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, w.Wake)
	defer stop()
	// Events are read for being there; of more than these only the first are
	// read, and the next Wait returns at once.
	var events [4096]byte
	_, err := w.f.Read(events[:])
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	// The order matters: who wakes after this sets a new deadline, and who
	// did before has made its reason visible.
	if err := w.f.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	return ctx.Err()
}

// Wake makes one Wait return, the present one or the next. Any goroutine may
// call it.
func (w *DirWatch) Wake() { w.f.SetReadDeadline(time.Unix(1, 0)) }

// Close ends the watch.
func (w *DirWatch) Close() error { return w.f.Close() }
