package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"mydocker/cli/runflags"
)

func (a *app) startCommand() *cobra.Command {
	var attach, interactive, traced bool
	c := &cobra.Command{
		Use:   "start [OPTIONS] CONTAINER",
		Short: "Start a stopped container",
		Long: `Start a container that was created, or that has ended, in the foreground.

Detached containers are not supported yet, so --attach or --interactive has to
be given.`,
		Args: exactly(1),
	}
	c.Flags().BoolVarP(&attach, "attach", "a", false, "Attach STDOUT/STDERR and forward signals")
	c.Flags().BoolVarP(&interactive, "interactive", "i", false, "Attach container's STDIN")
	c.Flags().BoolVar(&traced, "trace", false, "Print what each step took")
	c.RunE = func(c *cobra.Command, args []string) error {
		if !attach && !interactive {
			return &exitError{125, fmt.Errorf("detached containers are not supported yet: use mydocker start --attach %s", args[0])}
		}
		return a.start(args[0], interactive, traced)
	}
	return c
}

func (a *app) start(name string, interactive, traced bool) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	c, err := e.Open(name)
	if err != nil {
		return err
	}
	defer c.Close()
	r := c.Record.Request
	at := runflags.Attached{In: interactive && r.Interactive, Out: true, Err: true, TTY: r.TTY, SigProxy: true}
	t := newTracer(traced, "")
	exit, err := a.foreground(e, c, at, t)
	if c.Record.AutoRemove {
		err = first(err, e.Discard(c))
	}
	if err = first(err, t.finish(a.Err)); err != nil {
		return err
	}
	return exitCode(exit)
}
