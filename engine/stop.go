package engine

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"mydocker/container"
	"mydocker/linux"
	"mydocker/monitor/wire"
)

// StopOptions say how a container is stopped.
type StopOptions struct {
	Signal  syscall.Signal // 0: the container's own, see [Engine.StopSignal]
	Timeout *int           // seconds until it is killed; negative: never; nil: the container's own
}

// defaultStop is how many seconds a container has to end by itself, if nobody
// says otherwise.
const defaultStop = 10

// Stop ends a container, by name or ID: by its stop signal, and when that does
// not help in time by SIGKILL. It returns when the container is taken back. One
// that does not run is left as it is.
func (e *Engine) Stop(nameOrID string, o StopOptions) error {
	rec, err := e.Containers.Find(nameOrID)
	if err != nil {
		return err
	}
	if o.Signal == 0 {
		o.Signal = e.StopSignal(rec)
	}
	seconds := defaultStop
	for _, t := range []*int{rec.Request.StopTimeout, o.Timeout} {
		if t != nil {
			seconds = *t
		}
	}
	patience := time.Duration(seconds) * time.Second
	if seconds < 0 {
		patience = -1
	}
	if err := e.end(rec, o.Signal, patience); err != nil {
		return err
	}
	if rec.Status == container.Running || rec.Status == container.Paused {
		e.note("stop", rec)
	}
	return nil
}

// end sends a container that runs a signal, SIGKILL after a while, and waits
// until it is taken back. With a negative patience it waits for ever.
func (e *Engine) end(rec *container.Record, sig syscall.Signal, patience time.Duration) error {
	if rec.Status != container.Running && rec.Status != container.Paused {
		return nil
	}
	over, cancel := e.watch(rec)
	defer cancel()
	if err := e.signalled(rec, sig); err != nil {
		return err
	}
	if sig != syscall.SIGKILL {
		var late <-chan time.Time // never
		if patience >= 0 {
			late = time.After(patience)
		}
		select {
		case err := <-over:
			return endedHow(err)
		case <-late:
		}
		if err := e.signalled(rec, syscall.SIGKILL); err != nil {
			return err
		}
	}
	select {
	case err := <-over:
		return endedHow(err)
	case <-time.After(stuck):
		return e.unstick(rec, over)
	}
}

// watch returns what tells that the container has ended and is taken back: by
// this process, where its monitor hands it over.
func (e *Engine) watch(rec *container.Record) (over <-chan error, cancel func()) {
	c := make(chan error, 1)
	a, err := e.connect(rec)
	if err == nil {
		err = a.conn.SendWant(wire.Wait, wire.Want{Clean: true})
	}
	if err != nil { // it is just going, or nobody can reach it any more
		go func() { c <- e.ended(rec) }()
		return c, func() {}
	}
	go func() {
		_, err := a.Wait()
		c <- err
	}()
	return c, a.Close
}

// stuck is how long a monitor may take after the end of its container.
const stuck = 15 * time.Second

// unstick ends a monitor that does nothing: somebody stopped it. The process it
// did not reap yet tells which one it is.
func (e *Engine) unstick(rec *container.Record, over <-chan error) error {
	parent, err := container.ParentOf(rec.Pid, rec.StartTicks)
	if err != nil || parent <= 1 {
		return fmt.Errorf("container %.12s was killed, but the process that keeps it does not notice", rec.ID)
	}
	if err := syscall.Kill(parent, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
		return fmt.Errorf("kill the container's monitor: %w", err)
	}
	return endedHow(<-over)
}

// signalled sends a signal; to have ended before it is no error.
func (e *Engine) signalled(rec *container.Record, sig syscall.Signal) error {
	var over *NotRunningError
	if err := e.Signal(rec, sig); !errors.As(err, &over) {
		return err
	}
	return nil
}

// endedHow leaves out that the monitor died too: the container has ended.
func endedHow(err error) error {
	if errors.Is(err, ErrMonitorLost) {
		return nil
	}
	return err
}

// ended waits until a container whose monitor does not answer is taken back:
// its monitor is just going, or is dead, which is repaired.
func (e *Engine) ended(rec *container.Record) error {
	if process, err := openProcess(rec); err == nil {
		err = linux.WaitProcess(process)
		process.Close()
		if err != nil {
			return err
		}
	}
	if err := e.Containers.WaitFree(rec.ID); err != nil {
		return err
	}
	return e.repair(rec.ID)
}

// Restart stops a container, if it runs, and starts it again, detached.
func (e *Engine) Restart(nameOrID string, o StopOptions) error {
	rec, err := e.Containers.Find(nameOrID)
	if err != nil {
		return err
	}
	if rec.AutoRemove {
		err := e.Containers.Edit(rec.ID, func(r *container.Record) error { r.Kept = true; return nil })
		if err != nil {
			return err
		}
	}
	if err := e.Stop(rec.ID, o); err != nil {
		return err
	}
	c, err := e.Open(rec.ID)
	var runs *RunningError
	if errors.As(err, &runs) {
		return nil // another command was faster
	}
	if err != nil {
		return err
	}
	defer c.Close()
	a, err := e.Start(c, StartOptions{})
	if err != nil {
		return err
	}
	a.Close()
	e.note("restart", c.Record)
	return nil
}
