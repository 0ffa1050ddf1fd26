package stat

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"mydocker/linux"
	"mydocker/runtime/cgroup"
)

// OOM tells when the kernel kills processes of a container for want of memory.
type OOM struct {
	group group

	// version 1: an eventfd(2) that the kernel writes to, see
	// cgroup-v1/memory.rst, and the file that it is about
	events, about *os.File

	// version 2: changes in the group's directory, and what was told so far
	watch *linux.DirWatch
	told  uint64
}

// WatchOOM begins to watch; the caller closes the result.
func WatchOOM(l cgroup.Layout, path string) (*OOM, error) {
	var o *OOM
	var err error
	if l.Mode == cgroup.V2 {
		o, err = watchV2(l.GroupDir("", path))
	} else {
		o, err = watchV1(l.GroupDir("memory", path))
	}
	if err != nil {
		return nil, fmt.Errorf("watch for want of memory: %w", err)
	}
	return o, nil
}

func watchV1(dir string) (*OOM, error) {
	if dir == "" {
		return nil, errors.New("memory controller missing")
	}
	o := &OOM{group: group(dir)}
	var err error
	if o.about, err = os.Open(filepath.Join(dir, "memory.oom_control")); err != nil {
		return nil, err
	}
	if o.events, err = linux.EventFD(); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	control, err := os.OpenFile(filepath.Join(dir, "cgroup.event_control"), os.O_WRONLY, 0)
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	defer control.Close()
	fd := uintptr(0)
	conn, err := o.events.SyscallConn()
	if err == nil {
		err = conn.Control(func(n uintptr) { fd = n })
	}
	if err == nil {
		_, err = fmt.Fprintf(control, "%d %d", fd, o.about.Fd())
	}
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

func watchV2(dir string) (*OOM, error) {
	if dir == "" {
		return nil, errors.New("there is no group")
	}
	o := &OOM{group: group(dir)}
	var err error
	if o.watch, err = linux.WatchDir(dir); err != nil {
		return nil, err
	}
	t, err := o.group.table("memory.events")
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	o.told = t["oom_kill"]
	return o, nil
}

// Wait returns true when processes were killed since it returned last, or since
// the watch began, and false when the container has no process any more. With
// the context's end it returns its error, once there is nothing left to tell.
func (o *OOM) Wait(ctx context.Context) (bool, error) {
	if o.watch != nil {
		return o.waitV2(ctx)
	}
	stop := context.AfterFunc(ctx, func() { o.events.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		_, err := o.events.Read(make([]byte, 8))
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return false, err
		}
		if err := o.events.SetReadDeadline(time.Time{}); err != nil {
			return false, err
		}
		if ctx.Err() == nil {
			continue // it was an earlier one's, too late
		}
		if !o.pending() {
			return false, ctx.Err()
		}
		break
	}
	// The removal of the group is an event, too.
	_, err := os.Lstat(filepath.Join(string(o.group), "cgroup.event_control"))
	return err == nil, nil
}

// pending takes an event that is there already. A deadline that is over keeps
// Read from looking.
func (o *OOM) pending() (yes bool) {
	conn, err := o.events.SyscallConn()
	if err != nil {
		return false
	}
	conn.Control(func(fd uintptr) {
		n, err := syscall.Read(int(fd), make([]byte, 8))
		yes = n == 8 && err == nil
	})
	return yes
}

// waitV2 looks at the counts after each change. A container that has ended is
// looked at last.
func (o *OOM) waitV2(ctx context.Context) (bool, error) {
	var over error
	for {
		t, err := o.group.table("memory.events")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, nil // it is just going
		}
		if n := t["oom_kill"]; n > o.told {
			o.told = n
			return true, nil
		}
		events, err := o.group.text("cgroup.events")
		if err != nil || strings.Contains(events, "populated 0") {
			return false, nil
		}
		if over != nil {
			return false, over
		}
		over = o.watch.Wait(ctx)
	}
}

// Close ends the watch.
func (o *OOM) Close() (err error) {
	for _, f := range []*os.File{o.events, o.about} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	if o.watch != nil {
		err = errors.Join(err, o.watch.Close())
	}
	return err
}
