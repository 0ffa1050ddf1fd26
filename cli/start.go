package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"mydocker/cli/runflags"
	"mydocker/cli/tracer"
	"mydocker/container"
	"mydocker/engine"
)

// startFlags are those of start.
type startFlags struct {
	attach, interactive, traced bool
	detachKeys                  string
}

func (a *app) startCommand() *cobra.Command {
	var f startFlags
	c := &cobra.Command{
		Use:   "start [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Start one or more stopped containers",
		Args:  atLeast(1),
	}
	fs := c.Flags()
	fs.BoolVarP(&f.attach, "attach", "a", false, "Attach STDOUT/STDERR and forward signals")
	fs.BoolVarP(&f.interactive, "interactive", "i", false, "Attach container's STDIN")
	fs.StringVar(&f.detachKeys, "detach-keys", "", "Override the key sequence for detaching a container")
	fs.BoolVar(&f.traced, "trace", false, "Print what each step took")
	c.RunE = func(c *cobra.Command, args []string) error {
		if !f.attach && !f.interactive {
			return a.startDetached(args, f.traced)
		}
		if len(args) > 1 {
			return errors.New("you cannot start and attach multiple containers at once")
		}
		return a.startAttached(args[0], f)
	}
	return c
}

// startDetached starts containers that go on alone; one that runs is left as it is.
func (a *app) startDetached(names []string, traced bool) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	t := tracer.New(traced, "")
	err = a.each(names, func(name string) (string, error) { return name, a.startOne(e, name, t) })
	return first(err, t.Finish(a.Err))
}

func (a *app) startOne(e *engine.Engine, name string, t *tracer.Tracer) error {
	c, err := e.Open(name)
	var runs *engine.RunningError
	if errors.As(err, &runs) {
		return startPaused(runs)
	}
	if err != nil {
		return err
	}
	defer c.Close()
	at, err := e.Start(c, engine.StartOptions{Trace: t.Event()})
	if err != nil {
		return err
	}
	at.Close()
	return nil
}

// startPaused refuses to start what is paused: it runs, and yet does not.
func startPaused(e *engine.RunningError) error {
	if e.Status == container.Paused {
		return errors.New("cannot start a paused container, try unpause instead")
	}
	return nil
}

// startAttached starts a container in the foreground, or attaches to one that
// runs.
func (a *app) startAttached(name string, f startFlags) error {
	keys, err := detachKeys(f.detachKeys)
	if err != nil {
		return err
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	c, err := e.Open(name)
	var runs *engine.RunningError
	if errors.As(err, &runs) {
		return a.attach(e, name, attachFlags{noStdin: !f.interactive, sigProxy: true, detachKeys: f.detachKeys})
	}
	if err != nil {
		return err
	}
	defer c.Close()
	r := c.Record.Request
	at := runflags.Attached{In: f.interactive && r.Interactive, Out: true, Err: true, TTY: r.TTY, SigProxy: true}
	if err := a.checkTerminal(at); err != nil {
		return err
	}
	t := tracer.New(f.traced, "")
	exit, err := a.foreground(e, c, at, keys, t)
	if err = first(err, t.Finish(a.Err)); err != nil {
		return err
	}
	return exitCode(exit)
}
