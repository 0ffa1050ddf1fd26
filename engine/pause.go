package engine

import (
	"fmt"

	"mydocker/container"
	"mydocker/runtime/cgroup"
)

// Pause stops all processes of a container where they are, by name or ID.
func (e *Engine) Pause(nameOrID string) error {
	return e.freezing("pause", nameOrID, func(r *container.Record, layout cgroup.Layout) error {
		if r.Status == container.Paused {
			return fmt.Errorf("Container %s is already paused", r.ID)
		}
		if r.Status != container.Running || r.Pid == 0 {
			return &NotRunningError{r.ID}
		}
		if err := cgroup.Freeze(layout, r.CgroupPath); err != nil {
			return fmt.Errorf("Cannot pause container %s: %w", r.ID, err)
		}
		r.Status = container.Paused
		return nil
	})
}

// Unpause lets a paused container go on, by name or ID. So it does with one that
// is frozen though its record does not say so: whoever paused it was killed.
func (e *Engine) Unpause(nameOrID string) error {
	return e.freezing("unpause", nameOrID, func(r *container.Record, layout cgroup.Layout) error {
		frozen := r.Status == container.Paused
		if r.Status == container.Running {
			frozen, _ = cgroup.Frozen(layout, r.CgroupPath) // not there: it is just ending
		}
		if !frozen {
			return fmt.Errorf("Container %s is not paused", r.ID)
		}
		return e.thaw(r)
	})
}

// freezing, of which action is the name, calls f with the record of a container, locked: freezer and record are
// changed as one.
func (e *Engine) freezing(action, nameOrID string, f func(*container.Record, cgroup.Layout) error) error {
	rec, err := e.Containers.Find(nameOrID)
	if err != nil {
		return err
	}
	layout, err := e.layout()
	if err != nil {
		return err
	}
	frozen := false
	err = e.Containers.Edit(rec.ID, func(r *container.Record) error {
		err := f(r, layout)
		frozen = err == nil && r.Status == container.Paused
		return err
	})
	if err != nil && frozen { // the record could not be written
		if terr := cgroup.Thaw(layout, rec.CgroupPath); terr != nil {
			err = fmt.Errorf("%w (and it stays frozen: %v)", err, terr)
		}
	}
	if err == nil {
		e.note(action, rec)
	}
	return err
}
