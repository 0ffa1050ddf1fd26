package bundle

import (
	"errors"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/initprog"
	"mydocker/runtime"
)

// A Started container is one whose program runs, a child of the caller.
type Started struct {
	*Container
	runtime *Runtime
	spec    *specs.Spec
	running *runtime.Running
}

// Wait waits for the end of its program.
func (s *Started) Wait() (runtime.Exit, error) {
	began := initprog.Now()
	exit, err := s.running.Wait()
	s.runtime.traced("the program runs, and the kernel ends its namespaces", began)
	return exit, err
}

// Remove ends what is left of it and takes it back.
func (s *Started) Remove() error {
	held, err := s.dir.lock()
	if errors.Is(err, ErrNotExist) {
		return nil // somebody did
	}
	if err != nil {
		return err
	}
	defer held.Close()
	return s.runtime.destroy(&locked{Container: s.Container, held: held}, s.spec)
}

// Run creates a container and starts it. It spares the way by the FIFOs where no
// hook comes between.
func (r *Runtime) Run(id string, o CreateOptions) (*Started, error) {
	m, err := r.load(id, o)
	if err != nil {
		return nil, err
	}
	defer m.close()
	if h := m.spec.Hooks; h != nil && len(h.StartContainer) > 0 {
		return m.createAndStart()
	}
	if err := m.make(false); err != nil {
		return nil, err
	}
	s := &Started{&Container{Record: m.rec, Status: specs.StateRunning, dir: m.dir}, r, m.spec, m.running}
	if err := r.poststart(&locked{Container: s.Container, held: m.lock}, m.spec); err != nil {
		m.kill()
		return nil, errors.Join(err, m.abort())
	}
	return s, nil
}

// createAndStart is for hooks that come between.
func (m *making) createAndStart() (*Started, error) {
	if err := m.make(true); err != nil {
		return nil, err
	}
	m.close() // Start takes its lock
	if err := m.Start(m.id); err != nil {
		if gone := m.Delete(m.id, true); !errors.Is(gone, ErrNotExist) { // a hook that failed took it back
			err = errors.Join(err, gone)
		}
		return nil, err
	}
	c, err := m.Find(m.id)
	return &Started{c, m.Runtime, m.spec, m.running}, err
}

// Signal sends a signal to its first process.
func (s *Started) Signal(sig syscall.Signal) error { return s.running.Signal(sig) }
