package runtime

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"

	"mydocker/internal/proc"
	"mydocker/plan"
	"mydocker/runtime/security"
)

// ErrSilent is a first process that ended before its execve(2) and could not tell
// why.
var ErrSilent = errors.New("the first process ended before it could execute the program")

// Silent returns nil, or an [ErrSilent] with what is known, of a process whose end
// of the pipe is closed: by its execve(2), or because it is gone. Only where a
// seccomp filter forbids write(2) and the like does a failure go untold.
func Silent(pid int, filtered bool) error {
	p, err := proc.Read(pid)
	if err != nil || !p.Ending || !isStub(p.Name) {
		return nil // it is waited for by now: its exit code tells
	}
	err = untold(p)
	if filtered {
		err = fmt.Errorf("%w: the seccomp filter may forbid execve, write or exit_group", err)
	}
	return err
}

// untold is the [ErrSilent] of a process.
func untold(p proc.Process) error {
	return fmt.Errorf("%w%s", ErrSilent, how(syscall.WaitStatus(p.Status)))
}

// isStub tells a process that has not executed a program yet: it is named by the
// number of the descriptor from which it was started, see [initprog.Fork].
func isStub(name string) bool {
	return len(name) >= 3 && strings.Trim(name, "0123456789") == ""
}

// how says how a process ended, where that is known.
func how(ws syscall.WaitStatus) string {
	switch {
	case ws.Signaled():
		return fmt.Sprintf(", killed by signal %d (%v)", ws.Signal(), ws.Signal())
	case ws.ExitStatus() > 0:
		return fmt.Sprintf(", with exit status %d", ws.ExitStatus())
	}
	return ""
}

// filtered tells whether the process gets a filter of system calls.
func (s *starting) filtered() bool {
	return slices.ContainsFunc(s.Plan.Init, func(i plan.InitStep) bool { _, ok := i.(security.Seccomp); return ok })
}

// silent is [Silent] for a process that has told nothing.
func (s *starting) silent() error {
	switch holds := s.holds(); {
	case holds && s.ready:
		return nil
	case slices.ContainsFunc(s.Plan.Init, isReaper):
		return nil // the first process never executes a program: it ends as its child does
	case holds:
		if err := Silent(s.running.Pid, s.filtered()); err != nil {
			return err
		}
		return s.gone(io.EOF)
	case s.filtered():
		return Silent(s.running.Pid, true)
	}
	return nil
}

// gone words the end of a process that was yet to tell something.
func (s *starting) gone(err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	p, _ := proc.Read(s.running.Pid) // where it is no longer there, how it ended is not known
	return untold(p)
}
