package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mydocker/cli/runflags"
	"mydocker/cli/tracer"
	"mydocker/engine"
	"mydocker/oci"
	"mydocker/plan"
)

const runLong = `Create a container from an image, and run a command in it.

IMAGE is "host", the embedded image: a copy-on-write copy of this machine's own
root file system, of which nothing is downloaded and to which nothing is
written; or one that "mydocker pull" or "mydocker import" made. With --rootfs DIR no image is
named: DIR is the read-only lower directory, or with --rootfs DIR:rw the root
itself.

In a container of the image host, what is secret on the host is hidden: the
directories of container engines, private keys and password hashes
(/var/lib/mydocker, /var/lib/docker, /var/lib/containers, /root/.ssh,
/etc/shadow, ...). --security-opt hostsecrets=visible shows them; programs that
replace such a file, as useradd does with /etc/shadow, need that.

--explain prints the plan as a shell script and does nothing; it needs no root.
--trace prints what each step and each system call took, or with --trace=FILE
writes a Chrome trace (chrome://tracing, Perfetto).`

func (a *app) runCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "run [OPTIONS] IMAGE [COMMAND] [ARG...]",
		Short:   "Create and run a new container from an image",
		Long:    runLong,
		Example: "  mydocker run --rm -it host\n  mydocker run --explain --memory 100m host true",
	}
	f := runflags.Add(c.Flags(), true)
	c.Args = f.Args
	c.RunE = func(c *cobra.Command, args []string) error {
		err := a.run(f, args)
		if _, ok := err.(*exitError); err != nil && !ok {
			err = &exitError{125, err}
		}
		return err
	}
	return c
}

func (a *app) createCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "create [OPTIONS] IMAGE [COMMAND] [ARG...]",
		Short: "Create a new container",
		Long:  createLong(),
	}
	f := runflags.Add(c.Flags(), false)
	c.Args = f.Args
	c.RunE = func(c *cobra.Command, args []string) error {
		err := a.create(f, args)
		if _, ok := err.(*exitError); err != nil && !ok {
			err = &exitError{125, err}
		}
		return err
	}
	return c
}

// createLong is the text of run without what create has not.
func createLong() string {
	long, _, _ := strings.Cut(runLong, "\n--trace")
	return strings.Replace(long, ", and run a command in it", " without starting it; see start", 1)
}

// request reads the flags into what the engine is asked for.
func (a *app) request(f *runflags.Flags, args []string) (*oci.Request, engine.CreateOptions, error) {
	r, err := f.Request(runflags.OS(), args)
	if err != nil {
		return nil, engine.CreateOptions{}, err
	}
	r.HostSecretsVisible = f.HostSecretsVisible
	return r, engine.CreateOptions{Name: f.Name, CIDFile: f.CIDFile, AutoRemove: f.Remove}, nil
}

func (a *app) run(f *runflags.Flags, args []string) error {
	r, o, err := a.request(f, args)
	if err != nil {
		return err
	}
	if f.Explain {
		return a.printPlan(r, o)
	}
	at := f.Attachments(r)
	if err := a.checkTerminal(at); err != nil {
		return err
	}
	keys, err := detachKeys(f.DetachKeys)
	if err != nil {
		return err
	}
	o.Start = true
	e, c, err := a.made(f, r, o)
	if err != nil {
		return err
	}
	defer c.Close()
	t := tracer.New(f.Trace, f.TraceFile)
	if f.Detach {
		return first(a.detached(e, c, t), t.Finish(a.Err))
	}
	exit, err := a.foreground(e, c, at, keys, t)
	if err = first(err, t.Finish(a.Err)); err != nil {
		return err
	}
	return exitCode(exit)
}

// detached starts a container that goes on alone, and prints its ID.
func (a *app) detached(e *engine.Engine, c *engine.Container, t *tracer.Tracer) error {
	id := c.ID()
	at, err := e.Start(c, engine.StartOptions{Trace: t.Event()})
	if err != nil {
		return err
	}
	at.Close()
	fmt.Fprintln(a.Out, id)
	return nil
}

// made opens the engine and creates the container, from an image that is pulled
// where that is wanted.
func (a *app) made(f *runflags.Flags, r *oci.Request, o engine.CreateOptions) (*engine.Engine, *engine.Container, error) {
	e, err := a.engine()
	if err != nil {
		return nil, nil, err
	}
	if err := a.pullFirst(e, f, r); err != nil {
		return nil, nil, err
	}
	h, err := e.Create(r, o)
	if isMissing(err) && f.Pull == runflags.PullMissing {
		fmt.Fprintf(a.Err, "Unable to find image '%s' locally\n", completed(r.Image))
		if perr := a.pull(f, r.Image); perr != nil {
			for _, hint := range hints(err) {
				fmt.Fprintf(a.Err, "mydocker: hint: %s\n", hint)
			}
			return nil, nil, perr
		}
		h, err = e.Create(r, o)
	}
	if err != nil {
		return nil, nil, err
	}
	a.warn(h.Record.Warnings)
	return e, h, nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// exitCode passes on how the container ended.
func exitCode(x engine.Exit) error {
	if x.Code == 0 {
		return nil
	}
	return &exitError{code: x.Code}
}

func (a *app) create(f *runflags.Flags, args []string) error {
	r, o, err := a.request(f, args)
	if err != nil {
		return err
	}
	if f.Explain {
		return a.printPlan(r, o)
	}
	_, h, err := a.made(f, r, o)
	if err != nil {
		return err
	}
	defer h.Close()
	fmt.Fprintln(a.Out, h.Record.ID)
	return nil
}

func (a *app) warn(warnings []string) {
	for _, w := range warnings {
		fmt.Fprintf(a.Err, "mydocker: warning: %s\n", w)
	}
}

// printPlan prints the script of a container that is not made.
func (a *app) printPlan(r *oci.Request, o engine.CreateOptions) error {
	e, err := engine.New(a.root, a.state)
	if err != nil {
		return err
	}
	p, root, warnings, err := e.Plan(r, o)
	if err != nil {
		return err
	}
	a.warn(warnings)
	s := plan.Script{Title: plan.Cmd(append([]string{"mydocker"}, a.args...)...), Root: root, Remove: o.AutoRemove}
	return s.Write(a.Out, p)
}

// checkTerminal refuses -t where there is none to attach, as Docker does.
func (a *app) checkTerminal(at runflags.Attached) error {
	if at.TTY && at.In && !isTerminal(a.In) {
		return &exitError{1, fmt.Errorf("the input device is not a TTY")}
	}
	return nil
}

func isTerminal(f *os.File) bool { return f != nil && terminalSize(f) != nil }
