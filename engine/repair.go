package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mydocker/container"
	"mydocker/ipam"
	"mydocker/monitor"
)

// Repair takes back what killed commands left: containers that are marked as
// active while nobody holds their lock, directories that were half made or
// half removed, addresses and cgroups of containers that are gone. A container
// whose supervising command was killed is ended.
func (e *Engine) Repair() error {
	ids, err := e.Containers.Active()
	if err != nil {
		return err
	}
	first, err := e.firstOfBoot()
	if err != nil {
		return err
	}
	ids = append(ids, first...)
	var errs []error
	alive := map[string]bool{}
	for _, id := range ids {
		if alive[id] = e.Containers.Alive(id); alive[id] {
			continue // the common case, at the price of a look
		}
		if err := e.repair(id); err != nil {
			errs = append(errs, fmt.Errorf("repair container %.12s: %w", id, err))
		}
	}
	// Always: whoever repaired before may have been killed before it came to that.
	return errors.Join(append(errs, e.releaseAddresses(alive))...)
}

// firstOfBoot returns, to the first command after the machine was started, the
// containers that it stopped in the middle of something: no lock tells of them.
func (e *Engine) firstOfBoot() (ids []string, err error) {
	mark := filepath.Join(e.State, "looked-after-boot")
	if _, err := os.Lstat(mark); err == nil {
		return nil, nil
	}
	if ids, err = e.Containers.Leftovers(); err != nil {
		return nil, err
	}
	all, err := e.Containers.List()
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if (r.Status == container.Running || r.Status == container.Paused) && !e.Containers.Alive(r.ID) && !r.Lives() {
			ids = append(ids, r.ID)
		}
	}
	return ids, os.WriteFile(mark, nil, 0o600)
}

// repair brings one container to a known state, unless it is in use.
func (e *Engine) repair(id string) error {
	h, free, err := e.Containers.TryOpen(id)
	if err != nil || !free {
		return err
	}
	defer h.Close()
	if h.Record != nil && h.Record.Lives() && e.kept(h.Record) {
		return nil
	}
	return e.settle(h, nil)
}

// kept tells whether a container whose lock is free is kept by its monitor all
// the same: somebody removed the directory in which the lock was.
func (e *Engine) kept(r *container.Record) bool {
	parent, err := container.ParentOf(r.Pid, r.StartTicks)
	if err != nil {
		return false
	}
	words, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", parent))
	return err == nil && strings.Contains(string(words), monitor.Name) && strings.Contains(string(words), r.ID)
}

// releaseAddresses gives back the addresses of containers that are not there.
// They are held while a container runs; alive are those that are known to.
func (e *Engine) releaseAddresses(alive map[string]bool) error {
	return ipam.Open(e.network().Pool(e.State)).Repair(func(owner string) bool {
		return alive[owner] || e.Containers.Alive(owner)
	})
}
