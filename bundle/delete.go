package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/initprog"
	"mydocker/internal/filelock"
	"mydocker/internal/proc"
	"mydocker/internal/runtimespec"
	"mydocker/linux"
	"mydocker/runtime/cgroup"
)

// locked is a container that only the caller changes.
type locked struct {
	*Container
	held     *filelock.Held
	filtered bool // it has a seccomp filter
}

func (c *locked) close() { c.held.Close() }

// locked returns a container with its specification, and its lock.
func (r *Runtime) locked(id string) (*locked, *specs.Spec, error) {
	if _, err := r.Find(id); err != nil { // an abandoned one is taken back there
		return nil, nil, err
	}
	held, err := r.dir(id).lock()
	if err != nil {
		return nil, nil, err
	}
	c := &locked{Container: &Container{dir: r.dir(id)}, held: held}
	spec, err := c.open()
	if err != nil {
		c.close()
		return nil, nil, err
	}
	return c, spec, nil
}

func (c *locked) open() (*specs.Spec, error) {
	if err := c.read(); err != nil {
		return nil, err
	}
	spec, profile, err := c.spec()
	c.filtered = len(profile) > 0
	return spec, err
}

// spec returns the specification as it was when the container was created, and
// its filter's text.
func (c *Container) spec() (*specs.Spec, json.RawMessage, error) {
	text, err := os.ReadFile(c.dir.path(configFile))
	if err != nil {
		return nil, nil, err
	}
	spec, profile, err := runtimespec.Decode(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", c.dir.path(configFile), err)
	}
	if spec.Root != nil {
		spec.Root.Path = c.Rootfs
	}
	return spec, profile, nil
}

// Delete removes a container that has stopped; with force also another, which is
// killed. One that was never started is removed, too: the specification says
// no, runc and what calls it say yes. Its hooks are run.
func (r *Runtime) Delete(id string, force bool) error {
	c, spec, err := r.locked(id)
	if err != nil {
		if force && errors.Is(err, ErrNotExist) {
			return r.clear(id, err)
		}
		return err
	}
	defer c.close()
	if c.Status != specs.StateStopped && c.Status != specs.StateCreated && !force && !c.soonStopped() {
		return fmt.Errorf("cannot delete container %s that is not stopped: %s", id, c.Status)
	}
	return r.destroy(c, spec)
}

// moment is how long delete waits for a process that may have been killed right
// before: a signal is not yet an end.
const moment = 20 * time.Millisecond

// soonStopped waits for the end of a container that is about to stop.
func (c *Container) soonStopped() bool {
	first, err := c.pidfd()
	if err != nil {
		return errors.Is(err, ErrNotRunning)
	}
	defer first.Close()
	ended, err := linux.WaitProcessFor(first, moment)
	if p, rerr := proc.Read(c.Pid); err == nil && !ended && rerr == nil && p.Ending {
		ended, err = linux.WaitProcessFor(first, patience)
	}
	return err == nil && ended
}

// clear takes back what is left of a container of which nothing is known but its
// journal; missing is the error where there is not even that.
func (r *Runtime) clear(id string, missing error) error {
	d := r.dir(id)
	held, err := d.lock()
	if err != nil {
		return missing
	}
	defer held.Close()
	return r.remove(d)
}

// destroy ends what is left of a container, takes it back, and runs its hooks.
func (r *Runtime) destroy(c *locked, spec *specs.Spec) error {
	began := initprog.Now()
	if err := c.killAll(); err != nil {
		return err
	}
	if err := r.remove(c.dir); err != nil {
		return err
	}
	r.traced("end what is left, and take it back", began)
	r.poststop(spec, c.Record)
	return nil
}

// patience is how long a killed process may take to be gone.
const patience = 10 * time.Second

// killAll kills the container's processes, and returns when the first has ended.
func (c *Container) killAll() error {
	if !c.OwnPIDs || c.alive() && c.Cgroup != "" {
		if err := c.killGroup(); err != nil {
			return err
		}
	}
	p, err := c.pidfd()
	if errors.Is(err, ErrNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.Close()
	if err := linux.SendSignal(p, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	c.thaw()
	ended, err := linux.WaitProcessFor(p, patience)
	if err == nil && !ended {
		err = fmt.Errorf("process %d does not end: it waits for the kernel", c.Pid)
	}
	return err
}

// pidfd returns a pidfd of the first process.
func (c *Container) pidfd() (*os.File, error) {
	p, err := linux.OpenProcess(c.Pid)
	if errors.Is(err, syscall.ESRCH) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, err
	}
	if !c.alive() {
		p.Close()
		return nil, ErrNotRunning
	}
	return p, nil
}

// killGroup kills every process in the container's control group.
func (c *Container) killGroup() error {
	if c.Cgroup == "" {
		return nil
	}
	return cgroup.Kill(c.Layout, c.Cgroup)
}

// thaw lets a frozen container's processes go on, so that they can end.
func (c *Container) thaw() {
	if c.Cgroup != "" {
		cgroup.ThawAll(c.Layout, c.Cgroup)
	}
}
