// Package runtimecmd is the command line of an OCI runtime: the commands, flags,
// output and exit codes of runc, as engines call them.
package runtimecmd

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/bundle"
	"mydocker/cli/tracer"
	"mydocker/plan"
)

// Name is the program's, and that of the directory where it keeps state.
const Name = "mydocker-runtime"

// version is set by the linker.
var version = "unknown"

// app is one call of the program.
type app struct {
	in            *os.File
	out, err      *os.File
	root          string
	log           logger
	systemdCgroup bool
	systemd       bundle.Systemd
	rootless      string
	tracer        *tracer.Tracer
}

// A command is one word of the command line.
type command struct {
	name, args, about string
	long              string
	min, max          int // arguments; max -1: any number
	// literal: from the first argument on nothing is a flag of ours.
	literal bool
	flags   func(*flags)
	run     func(*app, []string) error
}

// An exitError ends the program with a code.
type exitError struct {
	code int
	err  error // nil: nothing is said
}

func (e *exitError) Error() string { return fmt.Sprint(e.err) }
func (e *exitError) Unwrap() error { return e.err }

// errUsage is a command line that is not understood.
type errUsage struct {
	error
	command string
}

// Main runs the command line without the program's name, and returns its exit
// code: that of the container's process, or 1.
// Systemd is what --systemd-cgroup means; nil: it is refused.
func Main(args []string, systemd bundle.Systemd) int {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, systemd: systemd}
	return a.code(a.main(args))
}

func (a *app) main(args []string) error {
	global := a.globalFlags()
	rest, err := global.parse(args, true)
	if err != nil {
		return errUsage{err, ""}
	}
	switch {
	case global.version:
		a.printVersion()
		return nil
	case global.help || len(rest) == 0 || rest[0] == "help" || rest[0] == "h":
		return a.help(global, rest)
	}
	if err := a.open(); err != nil { // whatever goes wrong from here on is in the log
		return err
	}
	c := find(rest[0])
	if c == nil {
		return unknown(rest[0])
	}
	a.tracer = tracer.New(global.trace, "")
	err = a.dispatch(c, rest[1:])
	if terr := a.tracer.Finish(a.err); err == nil {
		err = terr
	}
	return err
}

func (a *app) dispatch(c *command, args []string) error {
	f := newFlags()
	c.flags(f)
	rest, err := f.parse(args, c.literal)
	switch {
	case errors.Is(err, flag.ErrHelp):
		a.commandHelp(c)
		return nil
	case err != nil:
		return errUsage{err, c.name}
	case len(rest) < c.min:
		return errUsage{fmt.Errorf("%s needs %s", c.name, c.args), c.name}
	case c.max >= 0 && len(rest) > c.max:
		return errUsage{fmt.Errorf("%s: %q is one argument too many", c.name, rest[c.max]), c.name}
	}
	return c.run(a, rest)
}

// code says what went wrong, and returns the exit code.
func (a *app) code(err error) int {
	if err == nil {
		return 0
	}
	code := 1
	var e *exitError
	if errors.As(err, &e) {
		if code = e.code; e.err == nil {
			return code
		}
	}
	a.log.write("error", err.Error())
	fmt.Fprintf(a.err, "%s: error: %v\n", Name, err)
	var u errUsage
	if errors.As(err, &u) {
		fmt.Fprintf(a.err, "%s: hint: %s\n", Name, strings.TrimSpace(Name+" "+u.command)+" --help")
	}
	return code
}

// global are the flags before the command.
type global struct {
	*flags
	help, version, trace bool
}

func (a *app) globalFlags() *global {
	g := &global{flags: newFlags()}
	g.bool(&a.log.debug, "write messages of level debug, too: what is done on the host", "debug")
	g.string(&a.log.file, "file that gets the messages, instead of standard error", "log")
	g.string(&a.log.format, "form of the messages: text or json", "log-format")
	g.string(&a.root, "directory that keeps the containers' state: /run/"+Name+", of others than root in XDG_RUNTIME_DIR", "root")
	g.bool(&a.systemdCgroup, "have systemd make control groups: cgroupsPath is slice:prefix:name", "systemd-cgroup")
	g.string(&a.rootless, "go without control groups that this user may not make: true, false or auto", "rootless")
	g.bool(&g.trace, "show on standard error what each step took", "trace")
	g.bool(&g.version, "print the version", "version", "v")
	g.bool(&g.help, "print this help", "help", "h")
	return g
}

// open completes and checks the global flags.
func (a *app) open() error {
	switch a.rootless {
	case "", "auto", "true", "false":
	default:
		return errUsage{fmt.Errorf("invalid value %q for --rootless: it is true, false or auto", a.rootless), ""}
	}
	if a.systemdCgroup && a.systemd == nil {
		return errUsage{errors.New("--systemd-cgroup needs the program mydocker-runtime, which speaks to systemd"), ""}
	}
	if a.root == "" {
		a.root = defaultRoot()
	}
	root, err := filepath.Abs(a.root)
	if err != nil {
		return err
	}
	a.root = root
	return a.log.open()
}

// defaultRoot is below the user's runtime directory for others than root.
func defaultRoot() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" && os.Geteuid() != 0 {
		return filepath.Join(dir, Name)
	}
	return "/run/" + Name
}

// runtime returns what makes containers.
func (a *app) runtime() *bundle.Runtime {
	r := &bundle.Runtime{Root: a.root, Systemd: a.systemd, Scopes: a.systemdCgroup, Trace: a.debugged(a.tracer.Event()), Warn: func(s string) { a.log.write("warning", s) }}
	r.Rootless = a.rootless == "true" || a.rootless != "false" && bundle.Rootless()
	return r
}

// debugged has the steps that are made on the host written as messages of level
// debug, if they are asked for.
func (a *app) debugged(trace func(plan.Event)) func(plan.Event) {
	if !a.log.debug {
		return trace
	}
	return func(e plan.Event) {
		if trace != nil {
			trace(e)
		}
		if e.Part != plan.PartInit && e.Call == "" {
			line, _, _ := strings.Cut(e.Step.Shell(), "\n")
			a.log.write("debug", fmt.Sprintf("%s, %v: %s", e.Part, e.Took, line))
		}
	}
}

func (a *app) printVersion() {
	fmt.Fprintf(a.out, "%s version %s\nspec: %s\ngo: %s\n", Name, version, specs.Version, runtime.Version())
}

// commands are all, in the order of the help.
func commands() []*command {
	return []*command{
		createCommand(), startCommand(), runCommand(), execCommand(), stateCommand(), listCommand(), psCommand(),
		killCommand(), deleteCommand(), pauseCommand(), resumeCommand(), updateCommand(), eventsCommand(),
		specCommand(), featuresCommand(), checkpointCommand("checkpoint"), checkpointCommand("restore"),
	}
}

// unknown is a command that is none. Its exit code is runc's.
func unknown(name string) error {
	return &exitError{3, errUsage{fmt.Errorf("unknown command %q", name), ""}}
}

func find(name string) *command {
	for _, c := range commands() {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (a *app) help(g *global, args []string) error {
	if len(args) > 1 {
		if c := find(args[1]); c != nil {
			a.commandHelp(c)
			return nil
		}
		return unknown(args[1])
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s makes containers from bundles, as the OCI runtime specification has it.\n\nUsage: %s [flags] command [flags] [arguments]\n\nCommands:\n", Name, Name)
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-11s %s\n", c.name, c.about)
	}
	b.WriteString("\nFlags:\n")
	g.usage(&b)
	_, err := io.WriteString(a.out, b.String())
	return err
}

func (a *app) commandHelp(c *command) {
	f := newFlags()
	c.flags(f)
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s %s [flags] %s\n\n%s.\n", Name, c.name, c.args, strings.ToUpper(c.about[:1])+c.about[1:])
	if c.long != "" {
		b.WriteString("\n" + c.long + "\n")
	}
	if len(f.list) > 0 {
		b.WriteString("\nFlags:\n")
		f.usage(&b)
	}
	io.WriteString(a.out, b.String())
}

func noFlags(*flags) {}
