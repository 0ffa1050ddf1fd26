package engine

import (
	"errors"
	"syscall"
	"time"

	"mydocker/container"
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
	a, err := e.connect(rec)
	if err != nil {
		return e.ended(rec.ID)
	}
	defer a.Close()
	if err := a.conn.SendWant(wire.Wait, wire.Want{Clean: true}); err != nil {
		return e.ended(rec.ID)
	}
	over := make(chan error, 1)
	go func() {
		_, err := a.Wait()
		over <- err
	}()
	if err := e.signalled(rec, sig); err != nil {
		return err
	}
	if patience >= 0 && sig != syscall.SIGKILL {
		select {
		case err := <-over:
			return endedHow(err)
		case <-time.After(patience):
			if err := e.signalled(rec, syscall.SIGKILL); err != nil {
				return err
			}
		}
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
func (e *Engine) ended(id string) error {
	if err := e.Containers.WaitFree(id); err != nil {
		return err
	}
	return e.repair(id)
}

// Restart stops a container, if it runs, and starts it again, detached.
func (e *Engine) Restart(nameOrID string, o StopOptions) error {
	if err := e.Stop(nameOrID, o); err != nil {
		return err
	}
	c, err := e.Open(nameOrID)
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
