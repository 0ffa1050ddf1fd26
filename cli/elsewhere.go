package cli

import (
	"fmt"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"mydocker/engine"
)

// ImageProgram is the name of the program that has the commands which speak to
// registries: what they link would make each start of all other commands longer.
// It lies beside mydocker, which becomes it by execve(2).
const ImageProgram = "mydocker-image"

// elsewhere are its commands, and what they are for.
var elsewhere = []struct{ name, short string }{
	{"login", "Authenticate to a registry"},
	{"logout", "Log out from a registry"},
	{"manifest", "Look at manifests of images in registries"},
	{"pull", "Download an image from a registry"},
}

// A Door is what commands of another package have of this one.
type Door struct {
	Streams
	app *app
}

// A Command is one of [ImageProgram], by its name.
type Command struct {
	Name string
	New  func(*Door) *cobra.Command
}

// Puller is Engine for a command that goes on with what killed ones left, and
// removes the rest in the end.
func (d *Door) Puller() (*engine.Engine, error) { return d.app.engine() }

// Warn prints a warning.
func (d *Door) Warn(text string) { d.app.warn([]string{text}) }

// Exit is an error with an exit code of its own.
func (d *Door) Exit(code int, err error) error { return &exitError{code, err} }

// Between refuses fewer or more arguments, in Docker's words.
func (d *Door) Between(least, most int) cobra.PositionalArgs {
	switch {
	case least == most:
		return exactly(least)
	case least == 0:
		return atMost(most)
	}
	return between(least, most)
}

// Group is a command that only has others.
func (d *Door) Group(name, short string) *cobra.Command { return group(name, short) }

// Version is the program's.
func (d *Door) Version() string { return version }

// elsewhereVerbs are the commands of the other program: itself, where this is it.
func (a *app) elsewhereVerbs() (all []verb) {
	for _, c := range elsewhere {
		all = append(all, verb{c.name, func() *cobra.Command { return a.elsewhereCommand(c.name, c.short) }})
	}
	return all
}

// elsewhereNamed is one of them, for a group of commands.
func (a *app) elsewhereNamed(name string) *cobra.Command {
	for _, v := range a.elsewhereVerbs() {
		if v.name == name {
			return v.command()
		}
	}
	panic("no command " + name + " is elsewhere")
}

func (a *app) elsewhereCommand(name, short string) *cobra.Command {
	for _, own := range a.own {
		if own.Name == name {
			c := own.New(&Door{a.Streams, a})
			c.Short = short
			return c
		}
	}
	return &cobra.Command{Use: name, Short: short, DisableFlagParsing: true, RunE: func(*cobra.Command, []string) error {
		return a.becomeImageProgram()
	}}
}

// becomeImageProgram goes on as the other program, with the same arguments.
func (a *app) becomeImageProgram() error {
	path, err := imageProgram()
	if err != nil {
		return err
	}
	err = syscall.Exec(path, append([]string{path}, a.args...), os.Environ())
	return fmt.Errorf("execute %s: %w", path, beside(err))
}
