package cli

import (
	"github.com/spf13/cobra"

	"mydocker/cli/runflags"
	"mydocker/engine"
)

// attachFlags are those of attach.
type attachFlags struct {
	noStdin, sigProxy bool
	detachKeys        string
}

func (a *app) attachCommand() *cobra.Command {
	var f attachFlags
	c := &cobra.Command{
		Use:   "attach [OPTIONS] CONTAINER",
		Short: "Attach local standard input, output, and error streams to a running container",
		Args:  exactly(1),
	}
	fs := c.Flags()
	fs.StringVar(&f.detachKeys, "detach-keys", "", "Override the key sequence for detaching a container")
	fs.BoolVar(&f.noStdin, "no-stdin", false, "Do not attach STDIN")
	fs.BoolVar(&f.sigProxy, "sig-proxy", true, "Proxy all received signals to the process")
	c.RunE = func(c *cobra.Command, args []string) error {
		e, err := a.engine()
		if err != nil {
			return err
		}
		return a.attach(e, args[0], f)
	}
	return c
}

// attach joins the user's streams to a container that runs, and ends with its
// exit code.
func (a *app) attach(e *engine.Engine, name string, f attachFlags) error {
	keys, err := detachKeys(f.detachKeys)
	if err != nil {
		return err
	}
	rec, err := e.Containers.Find(name)
	if err != nil {
		return err
	}
	r := rec.Request
	at := runflags.Attached{In: r.Interactive && !f.noStdin, Out: true, Err: !r.TTY, TTY: r.TTY, SigProxy: f.sigProxy}
	if err := a.checkTerminal(at); err != nil {
		return err
	}
	con, _, err := e.Attach(name, engine.Attach{In: at.In, Out: at.Out, Err: at.Err})
	if err != nil {
		return err
	}
	defer con.Close()
	if s := terminalSize(a.In); s != nil && at.TTY {
		// A change of size makes programs that fill the screen draw it anew.
		con.Resize(s.width+1, s.height+1)
	}
	signals := newProxy(at)
	defer signals.stop()
	exit, err := a.attached(con, at, keys, signals, name)
	if err != nil {
		return err
	}
	return exitCode(exit)
}
