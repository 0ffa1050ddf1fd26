package bundle

import (
	"errors"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/linux"
	"mydocker/runtime/cgroup"
)

// Kill sends a signal to the first process of a container; with all to every
// process in its control group. SIGKILL for a container that has no PID
// namespace of its own is for all of them.
func (r *Runtime) Kill(id string, sig syscall.Signal, all bool) error {
	c, err := r.Find(id)
	if err != nil {
		return err
	}
	if c.Status == specs.StateCreating {
		return errors.New("container is being created")
	}
	if all || sig == syscall.SIGKILL && !c.OwnPIDs && c.Cgroup != "" {
		return c.signalAll(sig)
	}
	p, err := c.pidfd()
	if err != nil {
		return err
	}
	defer p.Close()
	if err := linux.SendSignal(p, sig); err != nil {
		if errors.Is(err, syscall.ESRCH) {
			return ErrNotRunning
		}
		return err
	}
	if sig == syscall.SIGKILL && c.Status == Paused {
		c.thaw() // in a freezer of version 1 a signal has no effect before
	}
	return nil
}

// signalAll sends a signal to every process of a container.
func (c *Container) signalAll(sig syscall.Signal) error {
	if c.Cgroup == "" {
		return errors.New("the container has no control group of its own: only its first process can be signalled")
	}
	return cgroup.Signal(c.Layout, c.Cgroup, sig)
}

// Processes lists the processes of a container, as the host counts them.
func (c *Container) Processes() ([]int, error) {
	if c.Cgroup == "" {
		if c.Status == specs.StateStopped {
			return nil, nil
		}
		return []int{c.Pid}, nil
	}
	return cgroup.Processes(c.Layout, c.Cgroup)
}
