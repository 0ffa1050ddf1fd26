package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// A place is a thread in mount and network namespaces of its own, from which
// commands are started: they see the machine as it is, and leave no bridge,
// rule or mount on it.
type place struct {
	jobs chan func()
	null *os.File
}

// newPlace makes a place. Its mounts are private, its loopback interface is up.
// prepare runs inside.
func newPlace(prepare func() error) (*place, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	p := &place{jobs: make(chan func()), null: null}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread is the place
		err := syscall.Unshare(syscall.CLONE_NEWNS | syscall.CLONE_NEWNET)
		if err == nil {
			err = syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
		}
		if err == nil {
			err = exec.Command("ip", "link", "set", "lo", "up").Run()
		}
		if err == nil {
			err = prepare()
		}
		ready <- err
		for err == nil {
			(<-p.jobs)()
		}
	}()
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("namespaces for the benchmark: %w", err)
	}
	return p, nil
}

// do runs f on the place's thread.
func (p *place) do(f func()) {
	done := make(chan struct{})
	p.jobs <- func() { f(); close(done) }
	<-done
}

// output runs a command and returns what it printed; its error says what it
// wrote on standard error.
func (p *place) output(argv ...string) (out string, err error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second // of what goes on and holds them
	p.do(func() { err = cmd.Start() })
	if err == nil {
		err = cmd.Wait() // elsewhere, so that others can start meanwhile
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return "", fmt.Errorf("%s: %w %s", filepath.Base(argv[0]), err, lastLine(stderr.String()))
	}
	return stdout.String(), nil
}

// A cost is what one run took.
type cost struct {
	wall time.Duration
	cpu  time.Duration // of the command and the children it waited for
}

// time runs a command that prints nowhere, and measures from before it is
// started until it has been waited for.
func (p *place) time(argv []string) (c cost, err error) {
	p.do(func() {
		attr := &os.ProcAttr{Env: os.Environ(), Files: []*os.File{p.null, p.null, p.null}}
		start := time.Now()
		var child *os.Process
		var state *os.ProcessState
		if child, err = os.StartProcess(argv[0], argv, attr); err == nil {
			state, err = child.Wait()
		}
		c.wall = time.Since(start)
		if err == nil && !state.Success() {
			err = fmt.Errorf("%s: %s", filepath.Base(argv[0]), state)
		}
		if err == nil {
			c.cpu = state.UserTime() + state.SystemTime()
		}
	})
	return c, err
}

// peak runs a command and returns the kilobytes of the largest of it and the
// children that it waited for. What the kernel counts begins with the memory of
// the process that forked, so that this is a small one: busybox. It takes the
// kernel's kilobytes for pages.
func (p *place) peak(argv []string) (kilobytes int, err error) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(busybox, join([]string{"time", "-f", "%M"}, argv...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	p.do(func() { err = cmd.Start() })
	if err == nil {
		err = cmd.Wait()
	}
	if err == nil {
		kilobytes, err = strconv.Atoi(lastLine(said.String()))
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", filepath.Base(argv[0]), err, &said)
	}
	return kilobytes * 1024 / os.Getpagesize(), nil
}

// hideControllers makes cgroup v1 with a v2 hierarchy that has controllers look
// like one without: Debian's crun refuses the former.
func hideControllers(dir string) func() error {
	return func() error {
		const file = "/sys/fs/cgroup/unified/cgroup.controllers"
		if _, err := os.Stat(file); err != nil {
			return nil // not this layout
		}
		empty := filepath.Join(dir, "empty")
		if err := os.WriteFile(empty, nil, 0o644); err != nil {
			return err
		}
		return syscall.Mount(empty, file, "", syscall.MS_BIND, "")
	}
}

// hideState puts an empty directory in the place of /var/lib, where podman's
// network plugins note addresses whatever its flags say.
func hideState() error {
	return syscall.Mount("none", "/var/lib", "tmpfs", 0, "")
}
