package bundle

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/runtime"
)

// Start has the process of a created container run its program.
func (r *Runtime) Start(id string) error {
	c, spec, err := r.locked(id)
	if err != nil {
		return err
	}
	defer c.close()
	switch c.Status {
	case specs.StateCreated:
	case specs.StateStopped:
		return errors.New("cannot start a container that has stopped")
	case Paused:
		return errors.New("cannot start a paused container")
	default:
		return errors.New("cannot start an already running container")
	}
	if err := r.startHooks(c, spec); err != nil {
		return errors.Join(err, r.destroy(c, spec))
	}
	if err := c.goOn(); err != nil {
		return diagnoseExec(err, spec)
	}
	if err := r.poststart(c, spec); err != nil {
		return errors.Join(err, r.destroy(c, spec))
	}
	return nil
}

// goOn tells the process to go on, and waits until it has executed its program.
func (c *locked) goOn() error {
	result, err := openFIFO(c.dir.path(resultFIFO), os.O_RDONLY|syscall.O_NONBLOCK)
	if err != nil {
		return err
	}
	defer result.Close()
	start, err := openFIFO(c.dir.path(startFIFO), os.O_WRONLY|syscall.O_NONBLOCK)
	if errors.Is(err, syscall.ENXIO) {
		return errors.New("cannot start a container that has stopped")
	}
	if err != nil {
		return err
	}
	defer start.Close()
	if err := syscall.SetNonblock(int(result.Fd()), false); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	if _, err := start.Write([]byte{1}); err != nil {
		return fmt.Errorf("tell the process to start: %w", err)
	}
	err = runtime.Result(result)
	if err == nil && c.filtered {
		err = runtime.Silent(c.Pid, true)
	}
	gone := errors.Join(os.Remove(c.dir.path(startFIFO)), os.Remove(c.dir.path(resultFIFO)))
	if err != nil {
		return err
	}
	return gone
}

// poststart runs the hooks that follow the start.
func (r *Runtime) poststart(c *locked, spec *specs.Spec) error {
	if spec.Hooks == nil {
		return nil
	}
	state := c.State()
	state.Status = specs.StateRunning
	return runHooks("poststart", spec.Hooks.Poststart, state)
}
