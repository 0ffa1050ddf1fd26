package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"mydocker/container"
	"mydocker/plan"
	"mydocker/runtime/cgroup"
)

// Remove removes a container, by name or ID. One that runs is an error, unless
// force says that it is to be killed. It returns when nothing of it is left.
func (e *Engine) Remove(nameOrID string, force bool) error {
	rec, err := e.Containers.Find(nameOrID)
	var damaged *container.DamagedError
	if errors.As(err, &damaged) && force {
		return e.removeDamaged(damaged.ID)
	}
	if err != nil {
		return err
	}
	for {
		h, err := e.take(rec.ID)
		var runs *RunningError
		switch {
		case err == nil:
			defer h.Close()
			return e.remove(h)
		case !errors.As(err, &runs):
			return err
		case !force:
			return &InUseError{Ref: nameOrID, Status: runs.Status}
		}
		now, err := e.Containers.Load(rec.ID)
		if err != nil {
			continue // it is gone, or about to
		}
		if err := e.end(now, syscall.SIGKILL, -1); err != nil {
			return err
		}
	}
}

// removeDamaged removes a container whose record cannot be read. Its control
// group leads to its processes, its journal to what was made for it.
func (e *Engine) removeDamaged(id string) error {
	path := e.cgroupPath("", id)
	if spec, err := e.Containers.Spec(id); err == nil && spec.Linux != nil && filepath.Base(spec.Linux.CgroupsPath) == id {
		path = spec.Linux.CgroupsPath
	}
	layout, err := e.layout()
	if err != nil {
		return err
	}
	if err := cgroup.Kill(layout, path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := e.Containers.WaitFree(id); err != nil {
		return err
	}
	h, free, err := e.Containers.TryOpenDead(id)
	if err != nil {
		return err
	}
	if !free {
		return fmt.Errorf("container %.12s: another command is at work on it", id)
	}
	defer h.Close()
	return e.discard(h, nil)
}

// remove marks the container, so that its removal is finished whatever happens,
// then removes it.
func (e *Engine) remove(h *container.Handle) error {
	if h.Record != nil {
		// On a full disk it cannot be marked, and has to be removed all the more.
		h.Update(func(r *container.Record) error { r.Status = container.Removing; return nil })
	}
	return e.discard(h, nil)
}

// An InUseError says that a container that runs cannot be removed.
type InUseError struct {
	Ref    string
	Status container.Status
}

func (e *InUseError) Error() string {
	if e.Status == container.Paused {
		return fmt.Sprintf("cannot remove container %q: container is paused and must be unpaused first", e.Ref)
	}
	return fmt.Sprintf("cannot remove container %q: container is running: stop the container before removing or force remove", e.Ref)
}

// discard takes back what is left of the container, then removes it. As long as
// something is left its journal stays, for the next command.
func (e *Engine) discard(h *container.Handle, trace func(plan.Event)) error {
	// What is undone is not marked: the marks go with the directory.
	if err := e.endAndUndo(h, trace, false); err != nil {
		h.KeepActive()
		return err
	}
	if err := h.Remove(); err != nil {
		return err
	}
	e.note("destroy", h.Record)
	return nil
}
