package container

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"
)

// ExitFile is the name, in a container's directory, of what the monitor writes
// when the container has ended, and the next to hold the container folds into
// its record. It is written whole, by rename.
const ExitFile = "exit.json"

// An Exit is how a container's first process ended. Its JSON form is what
// [Exit.Append] makes: the monitor, which links nothing heavy, writes it.
type Exit struct {
	Pid        int       `json:"pid"`         // of the process that ended
	StartTicks uint64    `json:"start_ticks"` // of Pid, see [StartTicks]
	Code       int       `json:"exit_code"`   // of exit(2), or 128 and the signal's number
	OOMKilled  bool      `json:"oom_killed"`
	Finished   time.Time `json:"finished_at"`
}

// fold completes a record that says "running" with the exit of that process,
// where there is one: then it returns true.
func (s *Store) fold(r *Record) bool {
	if r.Pid == 0 || r.Status != Running && r.Status != Paused {
		return false
	}
	b, err := os.ReadFile(filepath.Join(s.Dir(r.ID), ExitFile))
	var x Exit
	if err != nil || json.Unmarshal(b, &x) != nil || x.Pid != r.Pid || x.StartTicks != r.StartTicks {
		return false
	}
	r.Ended(x.Code, x.Finished)
	r.OOMKilled = x.OOMKilled
	return true
}

// unwritten tells of a record that says "running" that nobody keeps the
// container and its process is gone: what happened could not be written down, for
// want of space, or was written since the record was read.
func (s *Store) unwritten(r *Record) bool {
	return (r.Status == Running || r.Status == Paused) && !r.Lives() && !s.Alive(r.ID)
}

// Ended notes that the container has ended, with an exit code as in [Exit].
func (r *Record) Ended(code int, at time.Time) {
	r.Status, r.Pid, r.StartTicks = Exited, 0, 0
	r.ExitCode, r.FinishedAt = code, at.UTC()
}
