package engine

import (
	"errors"
	"io/fs"

	"mydocker/container"
	"mydocker/monitor/wire"
)

// Wait waits until a container does not run, by name or ID, and returns how it
// ended. Of one that never ran the code is 0.
func (e *Engine) Wait(nameOrID string) (Exit, error) {
	rec, err := e.Containers.Find(nameOrID)
	if err != nil {
		return Exit{}, err
	}
	if rec.Status != container.Running && rec.Status != container.Paused {
		return Exit{Code: rec.ExitCode, OOMKilled: rec.OOMKilled}, nil
	}
	a, err := e.connect(rec)
	if err == nil {
		defer a.Close()
		err = a.conn.SendWant(wire.Wait, wire.Want{})
	}
	if err == nil {
		exit, err := a.Wait()
		return exit, endedHow(err)
	}
	if err := e.ended(rec); err != nil {
		return Exit{}, err
	}
	now, err := e.Containers.Load(rec.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return Exit{}, &container.NotFoundError{Ref: nameOrID}
	}
	if err != nil {
		return Exit{}, err
	}
	return Exit{Code: now.ExitCode, OOMKilled: now.OOMKilled}, nil
}
