// Package cli is the command line: it binds flags to requests, makes one call
// of the engine for each command, and prints once. Results go to standard
// output, everything else to standard error.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"mydocker/engine"
)

// version is set when the binary is linked.
var version = "0.1.0-dev"

// Streams are what a command reads from and writes to.
type Streams struct {
	In       *os.File
	Out, Err io.Writer
	Env      func(string) (string, bool)
}

// System returns the process's own streams.
func System() Streams { return Streams{os.Stdin, os.Stdout, os.Stderr, os.LookupEnv} }

// app is one invocation.
type app struct {
	Streams
	root, state string
	args        []string
	verb        string // the command, such as "mydocker container stop"
	own         []Command
}

// An exitError ends the program with a code, after its error, if any, was printed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// Main runs the command line and returns the exit code: Docker's, see
// docs/exit-codes in the README. own are the commands that this program has of
// those that are elsewhere otherwise, see [ImageProgram].
func Main(args []string, s Streams, own ...Command) int {
	a := &app{Streams: s, args: args, own: own}
	root := a.command()
	root.SetArgs(args)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.Execute()
	return a.report(err)
}

// report prints an error for people, and returns the exit code.
func (a *app) report(err error) int {
	if err == nil {
		return 0
	}
	code := 1
	var exit *exitError
	if errors.As(err, &exit) {
		if code = exit.code; exit.err == nil {
			return code
		}
		err = exit.err
	}
	var start *engine.StartError
	if errors.As(err, &start) && code == 125 {
		code = start.Code
	}
	fmt.Fprintf(a.Err, "mydocker: error: %s\n", err)
	for _, h := range hints(err) {
		fmt.Fprintf(a.Err, "mydocker: hint: %s\n", h)
	}
	return code
}

// hints returns what to do about an error.
func hints(err error) (out []string) {
	var start *engine.StartError
	if errors.As(err, &start) {
		if start.Step != "" {
			step, _, _ := strings.Cut(start.Step, "\n")
			out = append(out, "the step that failed: "+step)
		}
		if start.Hint != "" {
			out = append(out, start.Hint)
		}
	}
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) && hinted.Hint() != "" {
		out = append(out, hinted.Hint())
	}
	if len(out) > 0 || start != nil {
		return out
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		out = append(out, "the disk is full: free space, or choose another with --root and --state")
	case errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		out = append(out, "the engine needs directories that it can write: choose others with --root and --state")
	}
	if errors.Is(err, engine.ErrNotRoot) {
		out = append(out, "use sudo; printing a plan needs no root: mydocker run --explain ...")
	}
	return out
}

func (a *app) command() *cobra.Command {
	c := &cobra.Command{
		Use:   "mydocker",
		Short: "A container engine without a daemon that shows, times, undoes and explains every step",
		Long: `mydocker runs containers, without a daemon, and shows how: add --explain to run and
it prints, as a shell script, every step that makes exactly that container; add
--trace and it prints what each step took.

  mydocker run --rm -it host                  a scratch copy of this machine
  mydocker run --explain host | less          how it is made
  mydocker import rootfs.tar.gz my && mydocker run --rm my /bin/sh`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
		Args:          cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &exitError{1, fmt.Errorf("unknown command: mydocker %s\n\nRun 'mydocker --help' for more information", args[0])}
			}
			return c.Help()
		},
	}
	c.PersistentPreRun = func(c *cobra.Command, _ []string) { a.verb = c.CommandPath() }
	f := c.PersistentFlags()
	f.StringVar(&a.root, "root", a.env("MYDOCKER_ROOT", engine.DefaultRoot), "Directory for images and containers (MYDOCKER_ROOT)")
	f.StringVar(&a.state, "state", a.env("MYDOCKER_STATE", engine.DefaultState), "Directory for the state of this boot (MYDOCKER_STATE)")
	c.SetFlagErrorFunc(usage)
	c.SetVersionTemplate("mydocker version {{.Version}}\n")
	c.Flags().BoolP("version", "v", false, "Print version information and quit")
	if one := a.named(); one != nil {
		c.AddCommand(one())
		c.CompletionOptions.DisableDefaultCmd = true
	} else {
		for _, v := range a.verbs() {
			c.AddCommand(v.command())
		}
		c.InitDefaultCompletionCmd()
	}
	plain(c)
	return c
}

// A verb is a command by its name.
type verb struct {
	name    string
	command func() *cobra.Command
}

func (a *app) verbs() []verb {
	return append([]verb{
		{"run", a.runCommand}, {"create", a.createCommand}, {"start", a.startCommand}, {"rm", a.rmCommand}, {"ps", a.psCommand},
		{"kill", a.killCommand}, {"pause", a.pauseCommand}, {"unpause", a.unpauseCommand}, {"top", a.topCommand},
		{"diff", a.diffCommand}, {"rename", a.renameCommand}, {"port", a.portCommand},
		{"exec", a.execCommand}, {"attach", a.attachCommand}, {"logs", a.logsCommand}, {"stop", a.stopCommand},
		{"restart", a.restartCommand}, {"wait", a.waitCommand},
		{"images", a.imagesCommand}, {"import", a.importCommand}, {"rmi", a.rmiCommand}, {"inspect", a.inspectCommand},
		{"explain", a.explainCommand}, {"version", a.versionCommand}, {"info", a.infoCommand},
		{"container", a.containerCommand}, {"image", a.imageCommand}, {"runtime", a.runtimeCommand}, {engine.FinishCommand, a.finishCommand},
	}, a.elsewhereVerbs()...)
}

// named returns the one command that the arguments name, so that the others,
// with their hundreds of flags, need not be made: that takes longer than to list
// containers. It is nil where that is for cobra to find out.
func (a *app) named() func() *cobra.Command {
	args := a.args
	for len(args) > 1 && strings.HasPrefix(args[0], "--") {
		switch name, _, inline := strings.Cut(args[0], "="); {
		case name != "--root" && name != "--state":
			return nil
		case inline:
			args = args[1:]
		default:
			args = args[2:]
		}
	}
	for _, v := range a.verbs() {
		if len(args) > 0 && args[0] == v.name {
			return v.command
		}
	}
	return nil
}

// plain keeps cobra from adding "[flags]" to lines that say OPTIONS already.
func plain(c *cobra.Command) {
	c.DisableFlagsInUseLine = true
	for _, sub := range c.Commands() {
		plain(sub)
	}
}

func (a *app) env(name, fallback string) string {
	if v, ok := a.Env(name); ok && v != "" {
		return v
	}
	return fallback
}

// usage turns a wrong flag into an error with Docker's exit code.
func usage(c *cobra.Command, err error) error {
	return &exitError{125, fmt.Errorf("%w\n\nRun '%s --help' for more information", err, c.CommandPath())}
}

// atLeast refuses too few arguments, in Docker's words.
func atLeast(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) >= n {
			return nil
		}
		return argsError(c, fmt.Sprintf("requires at least %d argument", n), n)
	}
}

// exactly refuses another number of arguments.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return argsError(c, fmt.Sprintf("requires %d argument", n), n)
	}
}

// atMost refuses too many arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		if n == 0 {
			return argsError(c, "accepts no arguments", 1)
		}
		return argsError(c, fmt.Sprintf("requires at most %d argument", n), n)
	}
}

// between refuses fewer or more arguments.
func between(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		return argsError(c, fmt.Sprintf("requires at least %d and at most %d argument", least, most), most)
	}
}

func argsError(c *cobra.Command, what string, n int) error {
	if n != 1 {
		what += "s"
	}
	return &exitError{1, fmt.Errorf("'%s' %s\n\nUsage:  %s\n\nRun '%s --help' for more information", c.CommandPath(), what, c.UseLine(), c.CommandPath())}
}

// engine opens the engine, ready for changes.
func (a *app) engine() (*engine.Engine, error) {
	e, err := engine.New(a.root, a.state)
	if err != nil {
		return nil, err
	}
	e.Command = a.verb
	err = e.Prepare()
	var repair *engine.RepairError
	if errors.As(err, &repair) {
		a.warn([]string{repair.Error()})
		err = nil
	}
	return e, err
}

// imageEngine opens the engine for a command on images, and removes what killed
// imports left.
func (a *app) imageEngine() (*engine.Engine, error) {
	e, err := a.engine()
	if err != nil {
		return nil, err
	}
	return e, e.Images.Repair()
}
