package runtime

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"

	"mydocker/initprog"
	"mydocker/plan"
	"mydocker/runtime/namespace"
	"mydocker/runtime/process"
)

// beside makes the steps that need not wait for the first process, nor it for
// them before it is there.
func (l Launch) beside() <-chan error {
	done := make(chan error, 1)
	if len(l.Plan.Beside) == 0 {
		done <- nil
		return done
	}
	go func() { done <- l.Runner.Do(&plan.Env{}, plan.PartHost, l.Plan.Beside) }()
	return done
}

// placed makes the steps for which the process waits before all others.
func (s *starting) placed(env *plan.Env) error {
	if len(s.Plan.Placed)+len(s.Plan.Beside) == 0 {
		return nil
	}
	env.Pid, env.Socket = s.running.Pid, s.console
	if err := s.Runner.Do(env, plan.PartAttach, s.Plan.Placed); err != nil {
		return s.firstCause(err)
	}
	if err := s.proc.Go(); err != nil && !errors.Is(err, syscall.EPIPE) {
		return s.explain(fmt.Errorf("wake the first process: %w", err))
	}
	return nil
}

// settled waits until the first process is the one that stays, and has the
// namespaces that steps of the host's side look for.
func (s *starting) settled(env *plan.Env) error {
	for waits := s.unsettled(); waits > 0; {
		kind, value, err := s.proc.Note()
		if err != nil {
			return s.explain(s.gone(err))
		}
		if kind == initprog.NotePid {
			waits--
			if err := s.reborn(value); err != nil {
				return err
			}
			continue
		}
		env.Pid, env.Socket = s.running.Pid, s.console
		if _, err := s.answer(env, kind, value); err != nil {
			return s.explain(err)
		}
		if kind == initprog.NoteMeet && owns(s.Plan.Init[value]) {
			waits--
		}
	}
	return nil
}

// unsettled counts the notes of which settled waits.
func (s *starting) unsettled() (n int) {
	for _, i := range s.Plan.Init {
		if r, ok := i.(namespace.Reborn); ok && r.Reborn() {
			n++
		}
		if owns(i) {
			n++
		}
	}
	return n
}

func owns(i plan.InitStep) bool { _, ok := i.(namespace.Owner); return ok }

// reborn takes the process that took over inside of another PID namespace for
// the first one, and lets that go.
func (s *starting) reborn(pid int) error {
	if err := s.Parent.Reborn(s.running.Pid, pid); err != nil {
		return err
	}
	s.running.Pid = pid
	return nil
}

// answer does what the process waits for, or takes note that it holds.
func (s *starting) answer(env *plan.Env, kind, value int) (more bool, err error) {
	switch kind {
	case initprog.NoteReady:
		s.ready = true
		return false, nil
	case initprog.NoteMeet:
		return true, s.meet(env, s.Plan.Init[value])
	}
	return true, s.Listener.note(s.running.Pid, kind, value)
}

// meet makes the host's part of a step, and lets the process go on.
func (s *starting) meet(env *plan.Env, step plan.InitStep) error {
	if m, ok := step.(plan.Meeting); ok {
		start := initprog.Now()
		err := m.Meet(env)
		if s.Runner.Trace != nil {
			s.Runner.Trace(plan.Event{Part: plan.PartAttach, Step: step, Start: start, Took: initprog.Now() - start, Err: err})
		}
		if err != nil {
			return &plan.Error{Part: plan.PartInit, Step: step, Err: err}
		}
	}
	if err := s.proc.Go(); err != nil && !errors.Is(err, syscall.EPIPE) { // EPIPE: it failed; Await tells
		return fmt.Errorf("wake the first process: %w", err)
	}
	return nil
}

func (s *starting) holds() bool {
	return slices.ContainsFunc(s.Plan.Init, func(i plan.InitStep) bool { _, ok := i.(process.Hold); return ok })
}

// Result reads from the other end of Launch.Hold[1] how the execve(2) of a
// process that held went, when it was told to go on: nil, or an errno.
func Result(r io.Reader) error {
	var rec [16]byte
	switch _, err := io.ReadFull(r, rec[:]); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("read how the first process went on: %w", err)
	}
	return syscall.Errno(binary.NativeEndian.Uint64(rec[8:]))
}
