package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"mydocker/plan"
)

// Remove removes a control group with the groups below it. What is still in
// it is killed: the container has ended, so these are strays. They may be frozen
// in the group Freezer of version 1, where a signal has no effect before the thaw.
type Remove struct {
	Dir, Own string
	Freezer  string `json:",omitempty"`
}

// patience is how long a group may stay busy with processes that are dying.
const patience = 10 * time.Second

// Do removes the group.
func (r Remove) Do(*plan.Env) error {
	wait := time.Millisecond / 4
	for start := time.Now(); ; {
		err := removeGroup(r.Dir)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EBUSY) || time.Since(start) > patience {
			return fmt.Errorf("remove control group: %w", err)
		}
		if err := r.killAll(); err != nil {
			return err
		}
		// The kernel tells nobody when the last process of a group of
		// version 1 is gone.
		time.Sleep(wait)
		wait = min(2*wait, 50*time.Millisecond)
	}
	for p := filepath.Dir(r.Dir); r.Own != "" && strings.HasPrefix(p+"/", r.Own+"/"); p = filepath.Dir(p) {
		if syscall.Rmdir(p) != nil {
			break // others are in it
		}
	}
	return nil
}

func (r Remove) killAll() error {
	err := killGroup(r.Dir)
	if r.Freezer != "" {
		err = errors.Join(err, thawTree(r.Freezer))
	}
	return err
}

// removeGroup removes a group from the bottom up.
func removeGroup(dir string) error {
	err := syscall.Rmdir(dir)
	if err == nil || err == syscall.ENOENT {
		return nil
	}
	entries, rerr := os.ReadDir(dir)
	if errors.Is(rerr, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeGroup(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := syscall.Rmdir(dir); err != nil && err != syscall.ENOENT {
		return &os.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

// Shell returns the rmdir(1) command.
func (r Remove) Shell() string {
	s := "[ ! -d " + plan.Quote(r.Dir) + " ] || rmdir " + plan.Quote(r.Dir)
	if r.Own != "" {
		s += "; cd " + plan.Quote(filepath.Dir(r.Own)) + " && rmdir -p " + plan.Quote(strings.TrimPrefix(filepath.Dir(r.Dir), filepath.Dir(r.Own)+"/")) + " 2>/dev/null || true"
	}
	return s
}

// Undo returns nil.
func (Remove) Undo() plan.HostStep { return nil }
