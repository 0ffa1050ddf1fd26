package runtimecmd

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/bundle"
	"mydocker/internal/runtimespec"
)

// execution are the flags of exec.
type execution struct {
	bundle.ExecOptions
	file, cwd, user, label, apparmor string
	env, groups, caps                []string
	tty, noNewPrivs, detach, orphans bool
	preserve                         int
	args                             []string
}

func (e *execution) flags(f *flags) {
	f.string(&e.ConsoleSocket, "Unix socket that gets the terminal's master", "console-socket")
	f.string(&e.cwd, "working directory in the container", "cwd")
	f.words(&e.env, "environment variable, NAME=VALUE", "env", "e")
	f.bool(&e.tty, "give the process a terminal", "tty", "t")
	f.string(&e.user, "UID[:GID]", "user", "u")
	f.words(&e.groups, "additional group ID", "additional-gids", "g")
	f.string(&e.file, "file with the process as JSON, instead of all other flags about it", "process", "p")
	f.bool(&e.detach, "return when the process runs", "detach", "d")
	f.string(&e.PidFile, "file that gets the process ID", "pid-file")
	f.string(&e.label, "SELinux label", "process-label")
	f.string(&e.apparmor, "AppArmor profile", "apparmor")
	f.bool(&e.noNewPrivs, "the process gains no privileges by execve(2)", "no-new-privs")
	f.words(&e.caps, "capability to add", "cap", "c")
	f.int(&e.preserve, "how many descriptors from 3 up the process inherits", "preserve-fds")
	f.words(&e.Cgroup, "control group for the process, below the container's: [CONTROLLER,...:]PATH", "cgroup")
	f.bool(&e.IgnorePaused, "allow it in a paused container: the process waits with it", "ignore-paused")
	f.bool(&e.orphans, "do not become the parent of the process's orphans", "no-subreaper")
}

func execCommand() *command {
	e := &execution{}
	return &command{name: "exec", args: "CONTAINER COMMAND [ARGUMENT...]", about: "run one more process in a container", min: 1, max: -1, literal: true, flags: e.flags,
		run: func(a *app, args []string) error {
			e.args = args[1:]
			err := a.exec(e, args[0])
			var exit *exitError
			if err == nil || errors.As(err, &exit) {
				return err
			}
			return &exitError{255, fmt.Errorf("exec failed: %w", err)}
		}}
}

func (a *app) exec(e *execution, id string) error {
	if len(e.args) == 0 && e.file == "" {
		return e.orNot(a, id, errUsage{errors.New("exec needs a command, or --process FILE"), "exec"})
	}
	if err := a.streams(&e.IO, e.preserve); err != nil {
		return e.orNot(a, id, err)
	}
	e.Process = e.process
	if e.detach {
		_, err := a.runtime().Exec(id, e.ExecOptions)
		return err
	}
	t := a.tty(&e.IO)
	p, err := a.runtime().Exec(id, e.ExecOptions)
	if err != nil {
		return err
	}
	exit, err := t.wait(p)
	if err != nil {
		return err
	}
	return exited(exit.Code)
}

// orNot returns what is wrong with a command line, or that the container's state
// forbids exec, which comes first: see [app.orMissing].
func (e *execution) orNot(a *app, id string, wrong error) error {
	if _, err := a.runtime().MayExec(id, e.IgnorePaused); err != nil {
		return err
	}
	return wrong
}

// process makes the process to be run from the container's own.
func (e *execution) process(p *specs.Process) error {
	if e.file != "" {
		return readProcess(e.file, p)
	}
	p.Args, p.Terminal, p.ConsoleSize = e.args, e.tty, nil
	p.Env = append(slices.Clone(p.Env), e.env...)
	if e.cwd != "" {
		p.Cwd = e.cwd
	}
	if e.apparmor != "" {
		p.ApparmorProfile = e.apparmor
	}
	if e.label != "" {
		p.SelinuxLabel = e.label
	}
	p.NoNewPrivileges = p.NoNewPrivileges || e.noNewPrivs
	if err := e.setUser(p); err != nil {
		return err
	}
	return e.addCaps(p)
}

// readProcess replaces the process by that of a file.
func readProcess(file string, p *specs.Process) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	*p = specs.Process{}
	if err := runtimespec.Unmarshal(b, p); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func (e *execution) setUser(p *specs.Process) error {
	if e.user != "" {
		uid, gid, both := strings.Cut(e.user, ":")
		n, err := id(uid)
		if err != nil {
			return err
		}
		p.User.UID = n
		if both {
			if p.User.GID, err = id(gid); err != nil {
				return err
			}
		}
	}
	for _, g := range e.groups {
		n, err := id(g)
		if err != nil {
			return err
		}
		p.User.AdditionalGids = append(slices.Clone(p.User.AdditionalGids), n)
	}
	return nil
}

// id reads the number of a user or group.
func id(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > 1<<31-1 {
		return 0, fmt.Errorf("invalid user or group %q: it is a number", s)
	}
	return uint32(n), nil
}

// addCaps adds capabilities to all sets but the inheritable.
func (e *execution) addCaps(p *specs.Process) error {
	if len(e.caps) == 0 {
		return nil
	}
	c := specs.LinuxCapabilities{}
	if p.Capabilities != nil {
		c = *p.Capabilities
	}
	for _, set := range []*[]string{&c.Bounding, &c.Effective, &c.Permitted, &c.Ambient} {
		*set = append(slices.Clone(*set), e.caps...)
	}
	p.Capabilities = &c
	return nil
}
