package runtimecmd

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/moby/sys/signal"

	"mydocker/bundle"
	"mydocker/linux"
)

// creation are the flags of create and run.
type creation struct {
	bundle.CreateOptions
	preserve int
}

func (c *creation) flags(f *flags) {
	f.string(&c.Bundle, "the bundle's directory, by default the working directory", "bundle", "b")
	f.string(&c.ConsoleSocket, "Unix socket that gets the terminal's master", "console-socket")
	f.string(&c.PidFile, "file that gets the process ID of the container's first process", "pid-file")
	f.bool(&c.NoPivot, "chroot(2) instead of pivot_root(2), for a root on a ramdisk", "no-pivot")
	f.bool(&c.NoNewKeyring, "leave the container in the caller's session keyring", "no-new-keyring")
	f.int(&c.preserve, "how many descriptors from 3 up the container inherits", "preserve-fds")
}

// streams completes the options with the caller's descriptors.
func (a *app) streams(io *bundle.IO, preserve int) (err error) {
	io.Stdio = [3]*os.File{a.in, a.out, a.err}
	if preserve < 0 {
		return fmt.Errorf("--preserve-fds %d: it is a number of descriptors", preserve)
	}
	if s := os.Getenv("LISTEN_FDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return fmt.Errorf("LISTEN_FDS is %q: it is a number of descriptors", s)
		}
		preserve += n
	}
	for fd := 3; fd < 3+preserve; fd++ {
		if !linux.IsInherited(fd) {
			return fmt.Errorf("descriptor %d is to be preserved, but not open", fd)
		}
		io.Preserve = append(io.Preserve, os.NewFile(uintptr(fd), "fd"+strconv.Itoa(fd)))
	}
	return nil
}

func createCommand() *command {
	c := &creation{}
	return &command{name: "create", args: "CONTAINER", about: "create a container from a bundle; its program waits for start", min: 1, max: 1, flags: c.flags,
		run: func(a *app, args []string) error {
			if err := a.streams(&c.IO, c.preserve); err != nil {
				return err
			}
			_, err := a.runtime().Create(args[0], c.CreateOptions)
			return prefix("create failed", err)
		}}
}

func startCommand() *command {
	return &command{name: "start", args: "CONTAINER", about: "run the program of a container that was created", min: 1, max: 1, flags: noFlags,
		run: func(a *app, args []string) error { return prefix("start failed", a.runtime().Start(args[0])) }}
}

// prefix says what failed.
func prefix(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

func runCommand() *command {
	c, detach, keep, orphans := &creation{}, false, false, false
	return &command{name: "run", args: "CONTAINER", about: "create a container, run its program, and delete it when that has ended", min: 1, max: 1,
		flags: func(f *flags) {
			c.flags(f)
			f.bool(&detach, "return when the program runs; the container is to be deleted later", "detach", "d")
			f.bool(&keep, "do not delete the container when it has ended", "keep")
			f.bool(&orphans, "do not become the parent of the container's orphans", "no-subreaper")
		},
		run: func(a *app, args []string) error {
			if err := a.streams(&c.IO, c.preserve); err != nil {
				return err
			}
			if detach {
				_, err := a.runtime().Run(args[0], c.CreateOptions)
				return prefix("run failed", err)
			}
			if !orphans {
				if err := linux.SetSubreaper(); err != nil {
					return err
				}
			}
			return a.runForeground(args[0], c.CreateOptions, keep)
		}}
}

func (a *app) runForeground(id string, o bundle.CreateOptions, keep bool) error {
	t := a.tty(&o.IO)
	s, err := a.runtime().Run(id, o)
	if err != nil {
		return prefix("run failed", err)
	}
	exit, err := t.wait(s)
	if !keep {
		err = errors.Join(err, s.Remove())
	}
	if err != nil {
		return prefix("run failed", err)
	}
	return exited(exit.Code)
}

// exited hands on a process's exit code.
func exited(code int) error {
	if code == 0 {
		return nil
	}
	return &exitError{code: code}
}

func killCommand() *command {
	all := false
	return &command{name: "kill", args: "CONTAINER [SIGNAL]", about: "send a signal (SIGTERM) to a container's first process", min: 1, max: 2,
		flags: func(f *flags) { f.bool(&all, "send it to all of the container's processes", "all", "a") },
		run: func(a *app, args []string) error {
			sig := syscall.SIGTERM
			if len(args) == 2 {
				var err error
				if sig, err = parseSignal(args[1]); err != nil {
					return a.orMissing(args[0], err)
				}
			}
			return a.runtime().Kill(args[0], sig, all)
		}}
}

// orMissing returns what is wrong with a command line, or that there is no such
// container, which comes first: callers look for that.
func (a *app) orMissing(id string, wrong error) error {
	if _, err := a.runtime().Find(id); err != nil {
		return err
	}
	return wrong
}

// parseSignal takes a number, or a name with or without SIG.
func parseSignal(s string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 0 || n > 64 {
			return 0, fmt.Errorf("unknown signal %q", s)
		}
		return syscall.Signal(n), nil
	}
	sig, ok := signal.SignalMap[strings.TrimPrefix(strings.ToUpper(s), "SIG")]
	if !ok {
		return 0, fmt.Errorf("unknown signal %q", s)
	}
	return sig, nil
}

func deleteCommand() *command {
	force := false
	return &command{name: "delete", args: "CONTAINER", about: "remove what is kept of a container that has stopped", min: 1, max: 1,
		flags: func(f *flags) { f.bool(&force, "kill it if it runs; that there is none is no error", "force", "f") },
		run: func(a *app, args []string) error {
			err := a.runtime().Delete(args[0], force)
			if force && errors.Is(err, bundle.ErrNotExist) {
				return nil
			}
			return err
		}}
}

func pauseCommand() *command {
	return &command{name: "pause", args: "CONTAINER", about: "stop all processes of a container where they are", min: 1, max: 1, flags: noFlags,
		run: func(a *app, args []string) error { return a.runtime().Pause(args[0]) }}
}

func resumeCommand() *command {
	return &command{name: "resume", args: "CONTAINER", about: "let the processes of a paused container go on", min: 1, max: 1, flags: noFlags,
		run: func(a *app, args []string) error { return a.runtime().Resume(args[0]) }}
}

// checkpointCommand refuses what needs CRIU.
func checkpointCommand(name string) *command {
	return &command{name: name, args: "CONTAINER", about: "not supported yet: it needs CRIU", min: 0, max: -1, literal: true, flags: noFlags,
		run: func(*app, []string) error {
			return fmt.Errorf("%s is not supported: this runtime does not call CRIU yet", name)
		}}
}
