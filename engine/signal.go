package engine

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/moby/sys/signal"

	"mydocker/container"
	"mydocker/linux"
	"mydocker/runtime/cgroup"
)

// A NotRunningError says that a container would have to run for that.
type NotRunningError struct{ ID string }

func (e *NotRunningError) Error() string { return "container " + e.ID + " is not running" }

// Kill sends a signal to a container, by name or ID; see [Engine.Signal]. After
// SIGKILL it waits for the end.
func (e *Engine) Kill(nameOrID string, sig syscall.Signal) error {
	rec, err := e.Containers.Find(nameOrID)
	if err != nil {
		return err
	}
	kill := e.Signal
	if sig == syscall.SIGKILL {
		kill = e.killAndWait
	}
	if err := kill(rec, sig); err != nil {
		return fmt.Errorf("cannot kill container: %s: %w", nameOrID, err)
	}
	return nil
}

// killAndWait returns when the container has ended and is taken back.
func (e *Engine) killAndWait(rec *container.Record, sig syscall.Signal) error {
	if rec.Status != container.Running && rec.Status != container.Paused {
		return &NotRunningError{rec.ID}
	}
	return e.end(rec, sig, -1)
}

// Signal sends a signal to the first process of a container. One that is paused
// and is sent what is to end it, SIGKILL or its stop signal, goes on, so that it
// can end. A *NotRunningError says that there is no such process any more.
func (e *Engine) Signal(rec *container.Record, sig syscall.Signal) error {
	if err := send(rec, sig); err != nil {
		return err
	}
	e.note("kill", rec, "signal", strconv.Itoa(int(sig)))
	if sig == syscall.SIGKILL {
		// Also one that nobody here froze, such as itself: it has to end.
		if layout, err := e.layout(); err == nil {
			cgroup.ThawAll(layout, rec.CgroupPath)
		}
		return nil
	}
	if sig != e.StopSignal(rec) {
		return nil
	}
	err := e.resume(rec.ID)
	var ended *container.NotFoundError
	if errors.As(err, &ended) {
		return nil
	}
	return err
}

// resume thaws a container if it is paused.
func (e *Engine) resume(id string) error {
	rec, err := e.Containers.Load(id)
	if errors.Is(err, os.ErrNotExist) || err == nil && rec.Status != container.Paused {
		return nil // the usual case, without a lock
	}
	return e.Containers.Edit(id, func(r *container.Record) error {
		if r.Status != container.Paused {
			return nil
		}
		return e.thaw(r)
	})
}

// thaw lets a paused container go on, and says so in its record.
func (e *Engine) thaw(r *container.Record) error {
	layout, err := e.layout()
	if err != nil {
		return err
	}
	if err := cgroup.Thaw(layout, r.CgroupPath); err != nil && !errors.Is(err, os.ErrNotExist) { // it has ended
		return err
	}
	r.Status = container.Running
	return nil
}

// send sends a signal to the process that the record means and to no other: its
// number may have become another's, which a descriptor shows before the signal.
func send(rec *container.Record, sig syscall.Signal) error {
	if rec.Status != container.Running && rec.Status != container.Paused || rec.Pid <= 0 {
		return &NotRunningError{rec.ID}
	}
	process, err := linux.OpenProcess(rec.Pid)
	if err == nil {
		defer process.Close()
		if ticks, terr := container.StartTicks(rec.Pid); terr != nil || ticks != rec.StartTicks {
			return &NotRunningError{rec.ID}
		}
		err = linux.SendSignal(process, sig)
	}
	if errors.Is(err, syscall.ESRCH) {
		return &NotRunningError{rec.ID}
	}
	return err
}

// StopSignal returns the signal that ends a container in good order: its own, its
// image's, or SIGTERM.
func (e *Engine) StopSignal(rec *container.Record) syscall.Signal {
	name := rec.Request.StopSignal
	if name == "" {
		name = e.ImageConfig(rec).StopSignal
	}
	if sig, err := signal.ParseSignal(name); err == nil {
		return sig
	}
	return syscall.SIGTERM
}
