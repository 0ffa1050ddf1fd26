package plan

import (
	"errors"
	"time"

	"mydocker/initprog"
)

// Parts of a plan, as events, errors and journals name them.
const (
	PartCreate = "create"
	PartHost   = "host"
	PartSpawn  = "spawn"
	PartAttach = "attach"
	PartInit   = "init"
	PartUndo   = "undo"
)

// An Event tells a tracer that a step has ended.
type Event struct {
	Part  string
	Step  Step
	Call  string        // of init steps: one of its system calls
	Start time.Duration // on CLOCK_MONOTONIC
	Took  time.Duration
	Err   error
}

// An Error is a step that failed.
type Error struct {
	Part string
	Step Step
	Call string // of init steps: the system call
	Err  error
}

// Error says for what the step was, the call and what the kernel said.
func (e *Error) Error() string {
	said := e.Err.Error()
	if e.Call != "" {
		said = e.Call + ": " + said
	}
	if t, ok := e.Step.(Telling); ok {
		said = t.Tells() + ": " + said
	}
	return said
}

func (e *Error) Unwrap() error { return e.Err }

// A Runner runs steps. All of its fields may be nil.
type Runner struct {
	Journal *Journal
	Trace   func(Event)

	// Around is called before and after each host step, with its number in
	// the journal. What it returns is the step's failure. It is there for
	// tests that make steps fail.
	Around func(part string, n int, after bool) error
}

// Do writes steps to the journal, then makes them in order and stops at the
// first that fails. What was begun is in the journal, for Undo.
func (r *Runner) Do(env *Env, part string, steps []HostStep) error {
	base, err := r.Journal.Begin(part, steps)
	if err != nil {
		return err
	}
	for i, s := range steps {
		start := initprog.Now()
		err := r.one(env, part, base+i, s)
		r.trace(Event{Part: part, Step: s, Start: start, Took: initprog.Now() - start, Err: err})
		if err != nil {
			return &Error{Part: part, Step: s, Err: err}
		}
	}
	return nil
}

func (r *Runner) one(env *Env, part string, n int, s HostStep) error {
	if err := r.around(part, n, false); err != nil {
		return err
	}
	if err := s.Do(env); err != nil {
		return err
	}
	if err := r.Journal.Done(n); err != nil {
		return err
	}
	return r.around(part, n, true)
}

// Undo takes back what the entries say, last first. It goes on past failures,
// which it joins; what failed stays in the journal as not undone.
func (r *Runner) Undo(env *Env, entries []Entry) error {
	var errs []error
	var undone []int
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		if e.Undone {
			continue
		}
		if err := r.undo(env, e); err != nil {
			errs = append(errs, err)
			continue
		}
		undone = append(undone, e.N)
	}
	// One write for all: a step that is undone again after a crash finds
	// nothing left to undo.
	return errors.Join(append(errs, r.Journal.Undone(undone...))...)
}

func (r *Runner) undo(env *Env, e Entry) error {
	if u := e.Step.Undo(); u != nil {
		start := initprog.Now()
		err := r.around(PartUndo, e.N, false)
		if err == nil {
			err = u.Do(env)
		}
		r.trace(Event{Part: PartUndo, Step: u, Start: start, Took: initprog.Now() - start, Err: err})
		if err != nil {
			return &Error{Part: PartUndo, Step: u, Err: err}
		}
	}
	return r.around(PartUndo, e.N, true)
}

func (r *Runner) around(part string, n int, after bool) error {
	if r.Around == nil {
		return nil
	}
	return r.Around(part, n, after)
}

func (r *Runner) trace(e Event) {
	if r.Trace != nil {
		r.Trace(e)
	}
}
