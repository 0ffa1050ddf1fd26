// Package bundle keeps containers as the OCI runtime specification knows them:
// each is made from a bundle, a directory with config.json and a root file
// system, and is known by a directory of its own below a root of the caller's
// choice. There is one file for each operation of runtime.md.
//
// # State
//
// ROOT/ID/ holds config.json as it was when the container was created,
// state.json with its first process, the journal of what was changed on the
// host, and while the container is made a file "creating". Two FIFOs, "start"
// and "result", are there until it is started. An flock(2) on the directory is
// held by whoever changes something.
//
//	creating  the file "creating" is there, and the directory is locked
//	created   its process lives, and "start" is there
//	running   its process lives
//	paused    the same, and its control group is frozen
//	stopped   its process has ended
//
// A directory with "creating" that nobody holds was left by a command that was
// killed: whoever finds it takes back what its journal says.
package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mydocker/initprog"
	"mydocker/internal/filelock"
	"mydocker/plan"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/mount"
	"mydocker/runtime/namespace"
	"mydocker/runtime/process"
	"mydocker/runtime/rootfs"
)

// A Runtime makes containers and knows those that it made.
type Runtime struct {
	// Root holds a directory for each container; it is made where it is missing.
	Root string
	// Systemd makes the control groups of containers that have a scope; nil:
	// this program does not speak to it.
	Systemd Systemd
	// Scopes gives one to every container that is made.
	Scopes bool
	// Rootless goes without the control groups that the caller may not make.
	Rootless bool
	// Warn takes what is worth a warning; nil drops it.
	Warn func(string)
	// Trace gets an event for each step that was made; nil for none.
	Trace func(plan.Event)
}

func (r *Runtime) warn(format string, args ...any) {
	if r.Warn != nil {
		r.Warn(fmt.Sprintf(format, args...))
	}
}

// phase is a part of the work that is no step of a plan.
type phase string

// Shell says what it is.
func (p phase) Shell() string { return "# " + string(p) }

// traced tells a tracer what a part took that began then.
func (r *Runtime) traced(p phase, start time.Duration) {
	if r.Trace != nil {
		r.Trace(plan.Event{Part: "runtime", Step: p, Start: start, Took: initprog.Now() - start})
	}
}

// Errors that callers tell apart. Their texts are those that tools look for.
var (
	ErrExist      = errors.New("container with given ID already exists")
	ErrNotExist   = errors.New("container does not exist")
	ErrNotRunning = errors.New("container not running")
	ErrPaused     = errors.New("cannot exec in a paused container (use --ignore-paused to override)")
)

// errStopped is exec's, which other runtimes word in their own way.
var errStopped = errors.New("cannot exec in a stopped container")

// checkID refuses what is no name of a container: it names a directory.
func checkID(id string) error {
	for _, c := range id {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("_+-.", c):
		default:
			return fmt.Errorf("invalid container ID format: %q: it consists of letters, digits and _ + - .", id)
		}
	}
	if id == "" || id == "." || id == ".." || len(id) > 255 {
		return fmt.Errorf("invalid container ID format: %q", id)
	}
	return nil
}

// dir is a container's directory.
type dir string

func (r *Runtime) dir(id string) dir { return dir(filepath.Join(r.Root, id)) }

func (d dir) path(name string) string { return filepath.Join(string(d), name) }

func (d dir) has(name string) bool {
	_, err := os.Lstat(d.path(name))
	return err == nil
}

// Names of the files in a container's directory.
const (
	configFile   = "config.json"
	stateFile    = "state.json"
	journalFile  = "journal"
	creatingFile = "creating"
	startFIFO    = "start"
	resultFIFO   = "result"
)

// lock waits for the container's lock.
func (d dir) lock() (*filelock.Held, error) {
	held, err := filelock.Dir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotExist
	}
	if err == nil && !held.Current(string(d)) {
		held.Close()
		return nil, ErrNotExist
	}
	return held, err
}

// codec knows the steps that a journal may hold.
func (r *Runtime) codec() plan.Codec {
	steps := slices.Concat(rootfs.Steps(), cgroup.HostSteps(), mount.Steps(), process.Steps(), namespace.Steps(), []plan.HostStep{namespace.Maps{}})
	if r.Systemd != nil {
		steps = append(steps, r.Systemd.Steps()...)
	}
	return plan.NewCodec(steps...)
}

// remove takes back what the container's journal says and removes its
// directory. The caller holds its lock; its processes have ended, or are killed
// with its control group.
func (r *Runtime) remove(d dir) error {
	entries, err := plan.ReadJournal(d.path(journalFile), r.codec())
	if err != nil {
		return err
	}
	var journal *plan.Journal
	if len(entries) > 0 {
		if journal, err = plan.OpenJournal(d.path(journalFile), false); err != nil {
			return err
		}
		defer journal.Close()
	}
	runner := &plan.Runner{Journal: journal, Trace: r.Trace}
	if err := runner.Undo(&plan.Env{Dead: true}, entries); err != nil {
		return err
	}
	return os.RemoveAll(string(d))
}
