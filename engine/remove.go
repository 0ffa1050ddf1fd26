package engine

import (
	"errors"
	"fmt"
	"syscall"

	"mydocker/container"
)

// Remove removes a container, by name or ID. One that runs is an error, unless
// force says that it is to be killed. It returns when nothing of it is left.
func (e *Engine) Remove(nameOrID string, force bool) error {
	rec, err := e.Containers.Find(nameOrID)
	if err != nil {
		return err
	}
	for {
		h, free, err := e.Containers.TryOpen(rec.ID)
		if err != nil {
			return err
		}
		if free {
			defer h.Close()
			return e.discard(h)
		}
		if !force {
			return fmt.Errorf("cannot remove container %q: container is running: stop the container before removing or force remove", nameOrID)
		}
		if err := e.killAndWait(rec); err != nil {
			return err
		}
	}
}

// Discard removes a container that this process is responsible for and that
// has ended.
func (e *Engine) Discard(c *Container) error { return e.discard(c.Handle) }

// discard takes back what is left of the container, then removes it. As long as
// something is left its journal stays, for the next command.
func (e *Engine) discard(h *container.Handle) error {
	if err := e.endAndUndo(h); err != nil {
		h.KeepActive()
		return err
	}
	return h.Remove()
}

// killAndWait ends a container that another command runs, and waits until that
// command has let go of it.
func (e *Engine) killAndWait(rec *container.Record) error {
	// The record of a container that is just starting has no process yet.
	now, err := e.Containers.Load(rec.ID)
	if err != nil {
		return err
	}
	var ended *NotRunningError
	if err := e.Signal(now, syscall.SIGKILL); err != nil && !errors.As(err, &ended) {
		return fmt.Errorf("kill the container's process %d: %w", now.Pid, err)
	}
	return e.Containers.WaitFree(rec.ID)
}
