package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mydocker/linux"
)

// A freezer is the group by which a container's processes are stopped: in the
// freezer hierarchy of version 1 where there is one, else in that of version 2.
type freezer struct {
	dir string
	v2  bool
}

func (l Layout) freezer(path string) (freezer, error) {
	if h := l.hierarchy("freezer"); h != nil {
		return freezer{dir: h.dir(path)}, nil
	}
	if l.Unified != "" {
		return freezer{l.dir(path), true}, nil
	}
	return freezer{}, errors.New("the host has no freezer: neither the controller of version 1 nor a hierarchy of version 2")
}

// Freeze stops every process of a container, and returns when the last one
// stands still. When it fails they run as before.
func Freeze(l Layout, path string) error {
	f, err := l.freezer(path)
	if err != nil {
		return fmt.Errorf("freeze control group: %w", err)
	}
	if f.v2 {
		err = f.freezeV2()
	} else {
		err = f.freezeV1()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("freeze control group: %w", err), f.thaw())
	}
	return nil
}

// Thaw lets the processes of a container go on. For those that run already it
// does nothing.
func Thaw(l Layout, path string) error {
	f, err := l.freezer(path)
	if err == nil {
		err = f.thaw()
	}
	if err != nil {
		return fmt.Errorf("thaw control group: %w", err)
	}
	return nil
}

// ThawAll is Thaw for the groups that the container made below its own, too.
func ThawAll(l Layout, path string) error {
	if h := l.hierarchy("freezer"); h != nil {
		return thawTree(h.dir(path))
	}
	return Thaw(l, path)
}

// Frozen tells whether a container is frozen, or about to be.
func Frozen(l Layout, path string) (bool, error) {
	f, err := l.freezer(path)
	if err != nil {
		return false, err
	}
	if f.v2 {
		b, err := os.ReadFile(filepath.Join(f.dir, "cgroup.freeze"))
		return strings.TrimSpace(string(b)) == "1", err
	}
	state, err := f.state()
	return state == "FROZEN" || state == "FREEZING", err
}

func (f freezer) thaw() error {
	if f.v2 {
		return write(f.dir, "cgroup.freeze", "0")
	}
	return write(f.dir, "freezer.state", "THAWED")
}

// begin has the processes freeze, and does not wait for it.
func (f freezer) begin() error {
	if f.v2 {
		return write(f.dir, "cgroup.freeze", "1")
	}
	return write(f.dir, "freezer.state", "FROZEN")
}

// freezeV2 freezes a group of version 2, and waits for the event.
func (f freezer) freezeV2() error {
	events, err := os.Open(filepath.Join(f.dir, "cgroup.events"))
	if err != nil {
		return err
	}
	defer events.Close()
	if err := f.begin(); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; {
		b := make([]byte, 256)
		n, err := events.ReadAt(b, 0)
		if n == 0 && err != nil {
			return err
		}
		if strings.Contains(string(b[:n]), "frozen 1\n") {
			return nil
		}
		if more, err := linux.WaitPriority(events, time.Until(deadline)); err != nil || !more {
			return errors.Join(err, errStuck)
		}
	}
}

var errStuck = errors.New("a process does not stop: it waits for the kernel")

// freezeV1 freezes a group of version 1. The kernel sends no event when the last
// process stands still, and one that was just born may have been missed: the
// state is written and read again until it holds, see freezer-subsystem.rst.
func (f freezer) freezeV1() error {
	wait := time.Millisecond / 8
	for deadline := time.Now().Add(patience); ; time.Sleep(wait) {
		if err := f.begin(); err != nil {
			return err
		}
		state, err := f.state()
		if err != nil || state == "FROZEN" {
			return err
		}
		if time.Now().After(deadline) {
			return errStuck
		}
		wait = min(2*wait, 20*time.Millisecond)
	}
}

// state reads the state of a group of version 1.
func (f freezer) state() (string, error) {
	b, err := os.ReadFile(filepath.Join(f.dir, "freezer.state"))
	return strings.TrimSpace(string(b)), err
}

// thawTree thaws a group of the freezer of version 1 and those below. One that is
// not there, or is no freezer's, is left as it is.
func thawTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return nil
		}
		if err := write(path, "freezer.state", "THAWED"); err != nil && !gone(err) {
			return fmt.Errorf("thaw control group: %w", err)
		}
		return nil
	})
}
