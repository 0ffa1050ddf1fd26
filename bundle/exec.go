package bundle

import (
	"errors"
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
	"mydocker/runtime"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/security/seccomp"
)

// ExecOptions are one more process in a container.
type ExecOptions struct {
	// Process changes the container's own process into the one to be run: its
	// working directory, environment, user and capabilities are a copy's.
	Process func(*specs.Process) error
	IO
	PidFile      string
	IgnorePaused bool // wait until the container goes on
	// Cgroup is a group below the container's.
	Cgroup string
}

// Exec starts a process in a container that was created or runs. It is a child
// of the caller.
func (r *Runtime) Exec(id string, o ExecOptions) (*runtime.Running, error) {
	c, err := r.Find(id)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Status == specs.StateStopped:
		return nil, errors.New("cannot exec in a stopped container")
	case c.Status == specs.StateCreating:
		return nil, errors.New("cannot exec in a container that is being created")
	case c.Status == Paused && !o.IgnorePaused:
		return nil, ErrPaused
	}
	spec, err := c.spec()
	if err != nil {
		return nil, err
	}
	p, err := o.process(spec)
	if err != nil {
		return nil, err
	}
	if err := o.IO.check(p.Terminal); err != nil {
		return nil, err
	}
	running, err := r.join(c, spec, p, o)
	if err != nil {
		return nil, diagnoseProcess(err, p)
	}
	if err := o.IO.console(running.Console); err != nil {
		running.Signal(9)
		running.Wait()
		return nil, err
	}
	return running, writePid(o.PidFile, running.Pid)
}

// process returns what is to run.
func (o ExecOptions) process(spec *specs.Spec) (*specs.Process, error) {
	if spec.Process == nil {
		return nil, errors.New("the container's specification has no process")
	}
	p := *spec.Process
	p.ConsoleSize = nil
	if err := o.Process(&p); err != nil {
		return nil, err
	}
	if len(p.Args) == 0 {
		return nil, errors.New("process args cannot be empty")
	}
	return &p, nil
}

// join runs the plan of joining.
func (r *Runtime) join(c *Container, spec *specs.Spec, p *specs.Process, o ExecOptions) (*runtime.Running, error) {
	target, err := c.pidfd()
	if err != nil {
		return nil, err
	}
	defer target.Close()
	f := runtime.JoinFacts{}
	if f.Cgroups, err = cgroup.Probe(); err != nil {
		return nil, err
	}
	if spec.Linux.Seccomp != nil {
		if f.Filter, err = seccomp.Cached(r.cache(), spec.Linux.Seccomp); err != nil {
			return nil, err
		}
	}
	jp, err := runtime.CompileJoin(runtime.Join{Spec: spec, Process: p, CgroupPath: c.Cgroup + o.Cgroup, Preserve: len(o.Preserve)}, f)
	if err != nil {
		return nil, err
	}
	return runtime.Start(runtime.Launch{
		Plan: jp, Runner: &plan.Runner{Trace: r.Trace}, Stdio: o.Stdio, Preserved: o.Preserve,
		Terminal: p.Terminal, Target: target, Traced: r.Trace != nil,
	})
}

// Pause freezes a container's processes.
func (r *Runtime) Pause(id string) error {
	return r.freeze(id, func(c *locked, l cgroup.Layout) error {
		if c.Status != specs.StateRunning && c.Status != specs.StateCreated {
			return fmt.Errorf("%w: it is %s", ErrNotRunning, c.Status)
		}
		return cgroup.Freeze(l, c.Cgroup)
	})
}

// Resume lets them go on.
func (r *Runtime) Resume(id string) error {
	return r.freeze(id, func(c *locked, l cgroup.Layout) error {
		if c.Status != Paused {
			return errors.New("container not paused")
		}
		return cgroup.Thaw(l, c.Cgroup)
	})
}

func (r *Runtime) freeze(id string, do func(*locked, cgroup.Layout) error) error {
	c, _, err := r.locked(id)
	if err != nil {
		return err
	}
	defer c.close()
	if c.Cgroup == "" {
		return errors.New("the container has no control group of its own, so it cannot be frozen")
	}
	l, err := cgroup.Probe()
	if err != nil {
		return err
	}
	return do(c, l)
}
