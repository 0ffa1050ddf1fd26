package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/initprog"
	"mydocker/internal/proc"
	"mydocker/linux"
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
	// Cgroup are groups below the container's: see [cgroup.Sub].
	Cgroup []string
}

// Exec starts a process in a container that was created or runs. It is a child
// of the caller.
func (r *Runtime) Exec(id string, o ExecOptions) (*runtime.Running, error) {
	began := initprog.Now()
	c, err := r.MayExec(id, o.IgnorePaused)
	if err != nil {
		return nil, err
	}
	spec, profile, err := c.spec()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotExist // since it was found
	}
	if err != nil {
		return nil, err
	}
	r.traced("read what is known of the container", began)
	p, err := o.process(spec)
	if err != nil {
		return nil, err
	}
	if err := o.IO.check(p); err != nil {
		return nil, err
	}
	for _, w := range runtime.Warnings(p) {
		r.warn("%s", w)
	}
	running, err := r.join(c, spec, profile, p, o, false)
	if errors.Is(err, syscall.EAGAIN) { // clone(2), in a group whose limit of processes is reached
		running, err = r.join(c, spec, profile, p, o, true)
	}
	if err != nil && c.ends(err) {
		return nil, errStopped
	}
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

// MayExec returns a container whose state allows it one more process.
func (r *Runtime) MayExec(id string, ignorePaused bool) (*Container, error) {
	c, err := r.Find(id)
	switch {
	case err != nil:
		return nil, err
	case c.Status == specs.StateStopped:
		return nil, errStopped
	case c.Status == specs.StateCreating:
		return nil, errors.New("cannot exec in a container that is being created")
	case c.Status == Paused && !ignorePaused:
		return nil, ErrPaused
	}
	return c, nil
}

// ends tells whether a process could not join a container because that has ended,
// or is about to: whoever kills all of its processes may come to this one first.
func (c *Container) ends(err error) bool {
	first, opened := c.pidfd()
	if opened != nil {
		return errors.Is(opened, ErrNotRunning)
	}
	defer first.Close()
	if p, err := proc.Read(c.Pid); errors.Is(err, fs.ErrNotExist) || err == nil && p.Ending {
		return true
	}
	if !errors.Is(err, runtime.ErrSilent) {
		return false
	}
	ended, err := linux.WaitProcessFor(first, time.Second)
	return err == nil && ended
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
	return &p, runtime.ValidateProcess(&p)
}

// join runs the plan of joining; late means that the process enters the control
// groups when it is there.
func (r *Runtime) join(c *Container, spec *specs.Spec, profile []byte, p *specs.Process, o ExecOptions, late bool) (*runtime.Running, error) {
	began := initprog.Now()
	target, err := c.pidfd()
	if err != nil {
		return nil, err
	}
	defer target.Close()
	f := runtime.JoinFacts{Cgroups: c.Layout, LSM: modules(p, spec)}
	if f.InUserNamespace, err = inUserNamespace(); err != nil {
		return nil, err
	}
	if f.Filter, err = seccomp.Given(r.cache(), profile); err != nil {
		return nil, err
	}
	groups, placed, err := r.groups(c, o.Cgroup)
	if err != nil {
		return nil, err
	}
	if late {
		*groups = groups.Late()
	}
	j := runtime.Join{Spec: spec, Process: p, Groups: groups, Placed: placed, Preserve: len(o.Preserve), Keyring: c.Keyring}
	if j.Caller, err = runtime.ProbeCaller(); err != nil {
		return nil, err
	}
	if p.Env, err = runtime.Environment(p.Env, func() string { return c.home(p.User.UID) }); err != nil {
		return nil, err
	}
	jp, err := runtime.CompileJoin(j, f)
	if err != nil {
		return nil, err
	}
	l := runtime.Launch{
		Plan: jp, Runner: &plan.Runner{Trace: r.Trace}, Stdio: o.Stdio, Preserved: o.Preserve,
		Terminal: p.Terminal, Target: target, Traced: r.Trace != nil,
	}
	if l.Listener, err = listener(f.Filter, profile, c.State); err != nil {
		return nil, err
	}
	r.traced("compile the plan", began)
	return runtime.Start(l)
}

// home is that of a user of the container.
func (c *Container) home(uid uint32) string {
	root, err := linux.OpenDir(fmt.Sprintf("/proc/%d/root", c.Pid))
	if err != nil {
		return "/"
	}
	defer root.Close()
	home, _ := runtime.Home(root, uid)
	return home
}

// groups are those that one more process joins, or the step by which systemd
// has it join where the caller may not.
func (r *Runtime) groups(c *Container, below []string) (*cgroup.Steps, []plan.HostStep, error) {
	if c.Unit != "" && r.Systemd != nil && r.Rootless && len(below) == 0 {
		own, err := cgroup.OwnOf(0)
		if err != nil {
			return nil, nil, err
		}
		if c.Layout.Unified != "" && !cgroup.MayMove(c.Layout, c.Cgroup, own) {
			return &cgroup.Steps{}, []plan.HostStep{r.Systemd.Attach(c.Unit)}, nil
		}
	}
	s, err := c.groups(below)
	return s, nil, err
}

// groups are those that one more process joins: the container's, groups below,
// or those of its first process where it has moved into one below itself.
func (c *Container) groups(below []string) (*cgroup.Steps, error) {
	if c.Cgroup == "" {
		if len(below) > 0 {
			return nil, errors.New("the container has no control group of its own")
		}
		return &cgroup.Steps{}, nil
	}
	if len(below) == 0 && !cgroup.TakesProcesses(c.Layout, c.Cgroup) {
		own, err := cgroup.OwnOf(c.Pid)
		s := cgroup.Beside(c.Layout, own)
		return &s, err
	}
	s, err := cgroup.Sub(c.Layout, c.Cgroup, below)
	return &s, err
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
	return do(c, c.Layout)
}
