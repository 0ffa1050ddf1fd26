package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/atomicfile"
	"mydocker/internal/filelock"
	"mydocker/internal/proc"
	"mydocker/internal/runtimespec"
	"mydocker/plan"
	"mydocker/runtime/cgroup"
)

// A Record is what is kept of a container beside its specification.
type Record struct {
	Version     int               `json:"version"` // of this form: recordVersion
	OCIVersion  string            `json:"ociVersion"`
	ID          string            `json:"id"`
	Bundle      string            `json:"bundle"` // absolute
	Rootfs      string            `json:"rootfs"` // absolute
	Created     time.Time         `json:"created"`
	Owner       int               `json:"owner"` // user who made it
	Annotations map[string]string `json:"annotations,omitempty"`

	Pid   int    `json:"pid"`
	Ticks uint64 `json:"ticks"` // of Pid, see [proc.Process]

	// Cgroup is the container's control group in the hierarchies of Layout; empty
	// where it has none of its own. Unit is that of systemd.
	Cgroup string        `json:"cgroup,omitempty"`
	Layout cgroup.Layout `json:"layout,omitzero"`
	Unit   string        `json:"unit,omitempty"`
	// Limits are the container's by now, where they have been changed.
	Limits runtimespec.Rare[specs.LinuxResources] `json:"limits,omitzero"`
	// Keyring is the name of its session keyring, empty: the caller's.
	Keyring string `json:"keyring,omitempty"`
	// OwnPIDs says that its processes end with the first.
	OwnPIDs bool `json:"ownPIDs"`
}

const recordVersion = 1

// Paused is the state of a container that is frozen. The specification has no
// word for it; the runtimes agree on this one.
const Paused specs.ContainerState = "paused"

// A Container is one that was found.
type Container struct {
	Record
	Status specs.ContainerState

	dir dir
}

// Find returns a container by its ID. The error is ErrNotExist where there is
// none.
func (r *Runtime) Find(id string) (*Container, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	c := &Container{dir: r.dir(id)}
	err := c.read()
	if _, serr := os.Lstat(string(c.dir)); errors.Is(err, ErrNotExist) && serr == nil {
		r.abandoned(c.dir) // what is left of a removal goes
	}
	if err != nil {
		return nil, err
	}
	if c.ID = id; c.Status == specs.StateCreating && r.abandoned(c.dir) {
		return nil, ErrNotExist
	}
	return c, nil
}

// read reads the record and looks at the process.
func (c *Container) read() error {
	b, err := os.ReadFile(c.dir.path(stateFile))
	switch {
	case err == nil:
		if err := json.Unmarshal(b, &c.Record); err != nil {
			return fmt.Errorf("%s: %w", c.dir.path(stateFile), err)
		}
		if c.Version != recordVersion {
			return fmt.Errorf("%s: version %d, this program knows %d", c.dir.path(stateFile), c.Version, recordVersion)
		}
	case errors.Is(err, fs.ErrNotExist) && c.dir.has(creatingFile):
		c.Status = specs.StateCreating
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotExist
	default:
		return err
	}
	c.Status, err = c.status()
	return err
}

func (c *Container) status() (specs.ContainerState, error) {
	switch {
	case c.dir.has(creatingFile):
		return specs.StateCreating, nil
	case !c.alive():
		return specs.StateStopped, nil
	}
	if frozen, err := c.frozen(); err == nil && frozen {
		return Paused, nil
	}
	if c.dir.has(startFIFO) {
		return specs.StateCreated, nil
	}
	return specs.StateRunning, nil
}

func (c *Container) alive() bool { return proc.Alive(c.Pid, c.Ticks) }

// frozen tells whether the container is paused.
func (c *Container) frozen() (bool, error) {
	if c.Cgroup == "" {
		return false, nil
	}
	return cgroup.Frozen(c.Layout, c.Cgroup)
}

// State returns what the specification says of a container.
func (c *Container) State() specs.State {
	s := specs.State{Version: c.OCIVersion, ID: c.ID, Status: c.Status, Pid: c.Pid, Bundle: c.Bundle, Annotations: c.Annotations}
	if s.Status == specs.StateStopped {
		s.Pid = 0
	}
	return s
}

// abandoned tells whether the one who made the container was killed; then it
// takes back what is left.
func (r *Runtime) abandoned(d dir) bool {
	held, got, err := filelock.TryDir(string(d))
	if err != nil || !got {
		return errors.Is(err, fs.ErrNotExist)
	}
	defer held.Close()
	if !held.Current(string(d)) {
		return true
	}
	if !d.has(creatingFile) && (d.has(stateFile) || r.unfinished(d)) {
		return false // it is complete by now, or somebody removed its state
	}
	c := &Container{dir: d}
	if c.read() == nil && c.Pid > 0 {
		c.killAll()
	}
	if err := r.remove(d); err != nil {
		r.warn("taking back what is left of container %s: %v", d, err)
	}
	return true
}

// unfinished tells whether something on the host is a container's.
func (r *Runtime) unfinished(d dir) bool {
	entries, err := plan.ReadJournal(d.path(journalFile), r.codec())
	return err != nil || slices.ContainsFunc(entries, func(e plan.Entry) bool { return !e.Undone })
}

// List returns all containers, in the order of their IDs.
func (r *Runtime) List() ([]*Container, error) {
	entries, err := os.ReadDir(r.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []*Container
	for _, e := range entries {
		if !e.IsDir() || checkID(e.Name()) != nil {
			continue
		}
		c, err := r.Find(e.Name())
		if errors.Is(err, ErrNotExist) {
			if _, err := os.Lstat(string(r.dir(e.Name()))); err == nil {
				r.warn("container %s: its %s is missing: delete --force takes back what is left", e.Name(), stateFile)
			}
			continue
		}
		if err != nil {
			r.warn("container %s: %v", e.Name(), err)
			continue
		}
		all = append(all, c)
	}
	return all, nil
}

func (d dir) writeRecord(rec *Record) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	return atomicfile.Write(d.path(stateFile), b, 0o600, false)
}

// writePid writes a process ID as --pid-file wants it: whole or not at all.
func writePid(path string, pid int) error {
	if path == "" {
		return nil
	}
	return atomicfile.Write(path, []byte(strconv.Itoa(pid)), 0o644, false)
}
