package engine

import (
	"errors"
	"fmt"
	"syscall"

	"mydocker/plan"
	"mydocker/runtime/device"
	"mydocker/runtime/namespace"
	"mydocker/runtime/process"
)

// diagnoseJoin turns a failed step of joining a container into an error that
// teaches. Exit codes are Docker's: 127 for a command that is not there, 126 for
// whatever else kept it from running.
func diagnoseJoin(err error, v reader) error {
	var p *plan.Error
	if !errors.As(err, &p) {
		return err
	}
	e := &StartError{What: "joining the container: " + what(p), Step: untold(p), Code: 126, Err: p.Err}
	switch step := p.Step.(type) {
	case process.Exec:
		return diagnoseExec(step, p, v)
	case process.Chdir:
		e.What, e.Step = fmt.Sprintf("the working directory %q cannot be entered", step.Dir), ""
		if errors.Is(p.Err, syscall.ELOOP) {
			e.Hint = "it may lead through a link of /proc, which is not followed"
		}
	case device.Another:
		e.What, e.Step = "no terminal can be opened in the container", ""
		e.Why, e.Hint = "its /dev/pts is not, or no longer, a file system of type devpts", "leave out --tty"
	case namespace.Enter:
		// ENOMEM: its PID namespace takes no more processes.
		if errors.Is(p.Err, syscall.ESRCH) || errors.Is(p.Err, syscall.ENOMEM) {
			return &StartError{What: "the container has ended", Code: 126}
		}
		e.Why, e.Hint = likely(p)
	default:
		e.Why, e.Hint = likely(p)
	}
	return e
}
