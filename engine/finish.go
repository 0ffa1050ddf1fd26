package engine

import (
	"os"
	"path/filepath"
	"syscall"
	"time"

	"mydocker/container"
	"mydocker/plan"
	"mydocker/runtime/cgroup"
)

// FinishCommand is the verb of the command line with which a monitor has its
// container taken back; the lock is at descriptor [FinishLock].
const FinishCommand = "finish"

// FinishLock is the descriptor of the lock for [Engine.Finish].
const FinishLock = 3

// Finish takes back a container whose monitor handed over its lock.
func (e *Engine) Finish(id string, lock *os.File) error {
	h, err := e.Containers.Adopt(id, lock)
	if err != nil {
		return err
	}
	defer h.Close()
	return e.settle(h, nil)
}

// settle brings a container for which this process is responsible to a known
// state: what a start made on the host is taken back, what was not completed or
// is to go is removed, and the record says how it ended.
func (e *Engine) settle(h *container.Handle, trace func(plan.Event)) error {
	// Without a record it was never completed, or is half removed.
	if h.Record == nil || h.Record.AutoRemove && !h.Record.Kept || h.Record.Status == container.Removing || e.halfMade(h) {
		return e.discard(h, trace)
	}
	if err := e.endAndUndo(h, trace, true); err != nil {
		h.KeepActive()
		return err
	}
	lost := h.Record.Status == container.Running || h.Record.Status == container.Paused
	err := h.Update(func(r *container.Record) error {
		if lost {
			r.Ended(137, time.Now())
			r.Error = ErrMonitorLost.Error()
		}
		return nil
	})
	if lost {
		e.note("die", h.Record, "exitCode", "137")
	}
	return err
}

// halfMade tells whether a container's create steps were not all made: whoever
// made it was killed, and it was never told to anybody.
func (e *Engine) halfMade(h *container.Handle) bool {
	if h.Record.Status != container.Created {
		return false
	}
	entries, err := plan.ReadJournal(journalPath(h), e.codec())
	if err != nil {
		return false
	}
	for _, n := range entries {
		if n.Part == plan.PartCreate && !n.Done {
			return true
		}
	}
	return len(entries) == 0
}

// resettle settles a container that is to be started while something of its last
// start, or of its removal, is left: whoever was responsible died after the caller
// looked for such. One that is gone afterwards has no record.
func (e *Engine) resettle(h *container.Handle) error {
	if h.Record == nil {
		return e.settle(h, nil)
	}
	entries, err := plan.ReadJournal(journalPath(h), e.codec())
	if err != nil {
		return err
	}
	left := h.Record.Status != container.Created && h.Record.Status != container.Exited
	for _, n := range entries {
		left = left || n.Part != plan.PartCreate && !n.Undone
	}
	if !left {
		return nil
	}
	if err := e.settle(h, nil); err != nil {
		return err
	}
	if !e.Containers.Exists(h.ID()) {
		h.Record = nil
	}
	return nil
}

// endAndUndo kills what still runs in the container and takes its host steps
// back. With mark that is written down.
func (e *Engine) endAndUndo(h *container.Handle, trace func(plan.Event), mark bool) error {
	r := h.Record
	if r != nil && r.Pid > 0 {
		if ticks, err := container.StartTicks(r.Pid); err == nil && ticks == r.StartTicks {
			syscall.Kill(r.Pid, syscall.SIGKILL)
		}
	}
	path := filepath.Join(h.Dir(), "journal")
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	ended := r != nil && r.Status == container.Exited // its monitor saw the end of all
	if r != nil && r.CgroupPath != "" && !ended {
		if layout, err := e.layout(); err == nil {
			cgroup.Kill(layout, r.CgroupPath)
		}
	}
	runner := &plan.Runner{Trace: trace, Around: e.Around}
	if mark {
		journal, err := plan.OpenJournal(path, false)
		if err != nil {
			return err
		}
		defer journal.Close()
		runner.Journal = journal
	}
	return e.undo(runner, path, ended)
}

// undo takes back what a journal says was made for the last start. dead says
// that the container's namespaces are gone.
func (e *Engine) undo(runner *plan.Runner, journal string, dead bool) error {
	entries, err := plan.ReadJournal(journal, e.codec())
	if err != nil {
		return err
	}
	running := entries[:0:0]
	for _, n := range entries {
		if n.Part != plan.PartCreate {
			running = append(running, n)
		}
	}
	return runner.Undo(&plan.Env{Dead: dead}, running)
}
