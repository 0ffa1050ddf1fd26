package cli

import (
	"errors"
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/spf13/cobra"

	"mydocker/cli/runflags"
	"mydocker/cli/tracer"
	"mydocker/engine"
	"mydocker/oci"
	"mydocker/plan"
)

const execLong = `Run a command in a container that runs.

The command is a child of the process that keeps the container: it goes on when
the one who started it is gone. --explain prints how the container is joined, as
a shell script, and does nothing.`

func (a *app) execCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "exec [OPTIONS] CONTAINER COMMAND [ARG...]",
		Short:   "Execute a command in a running container",
		Long:    execLong,
		Example: "  mydocker exec -it box sh\n  mydocker exec --explain box id",
		Args:    atLeast(2),
	}
	f := runflags.AddExec(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error { return execCode(a.exec(f, args[0], args[1:])) }
	return c
}

// execCode gives a command that cannot be started Docker's exit code.
func execCode(err error) error {
	var start *engine.StartError
	if errors.As(err, &start) {
		return &exitError{start.Code, err}
	}
	return err
}

func (a *app) exec(f *runflags.ExecFlags, name string, command []string) error {
	r, err := f.Request(runflags.OS(), command)
	if err != nil {
		return err
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	if f.Explain {
		return a.printJoin(e, name, r)
	}
	at := runflags.Attached{In: f.Interactive, Out: true, Err: true, TTY: r.TTY}
	if f.Detach {
		at = runflags.Attached{TTY: r.TTY}
	}
	if err := a.checkTerminal(at); err != nil {
		return err
	}
	keys, err := detachKeys(f.DetachKeys)
	if err != nil {
		return err
	}
	t := tracer.New(f.Trace, f.TraceFile)
	return first(a.execute(e, name, r, at, keys, t), t.Finish(a.Err))
}

// execute starts the command and, attached, stays with it to its end.
func (a *app) execute(e *engine.Engine, name string, r oci.ExecRequest, at runflags.Attached, keys []byte, t *tracer.Tracer) error {
	if s := terminalSize(a.In); s != nil && r.TTY {
		r.ConsoleSize = &specs.Box{Width: uint(s.width), Height: uint(s.height)}
	}
	x, err := e.Exec(name, engine.ExecOptions{ExecRequest: r, Attach: engine.Attach{In: at.In, Out: at.Out, Err: at.Err}, Trace: t.Event()})
	if err != nil {
		return err
	}
	defer x.Close()
	if !at.Out {
		return nil
	}
	restore := func() {}
	if at.TTY {
		restore = a.terminal(x, at.In)
	}
	code, err := x.Copy(a.streams(at, keys))
	restore()
	if errors.Is(err, engine.ErrDetached) {
		fmt.Fprintln(a.Err, "read escape sequence")
		return nil
	}
	if err != nil || code == 0 {
		return err
	}
	return &exitError{code: code}
}

// printJoin prints the script of a command that is not run.
func (a *app) printJoin(e *engine.Engine, name string, r oci.ExecRequest) error {
	p, pid, err := e.PlanExec(name, r)
	if err != nil {
		return err
	}
	return plan.JoinScript{Title: plan.Cmd(append([]string{"mydocker"}, a.args...)...), Pid: pid}.Write(a.Out, p)
}
