package runtimecmd

import (
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/term"

	"mydocker/bundle"
	"mydocker/linux"
	"mydocker/runtime"
)

// tty joins the caller's terminal to that of a process in the foreground.
type tty struct {
	in, out *os.File
	master  *os.File
	copied  chan struct{}
	signals chan os.Signal
	started chan struct{}
	first   atomic.Int64 // process ID, as soon as there is one
}

// waiter is a process in the foreground.
type waiter interface {
	Wait() (runtime.Exit, error)
	Signal(syscall.Signal) error
}

// tty has the terminal's master taken where there is no socket for it. From here
// on an interrupt does not end the program between two steps.
func (a *app) tty(o *bundle.IO) *tty {
	t := &tty{in: a.in, out: a.out, signals: make(chan os.Signal, 64), started: make(chan struct{})}
	signal.Notify(t.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	o.Born = func(pid int) { t.first.Store(int64(pid)) }
	go t.impatient()
	if o.ConsoleSocket == "" {
		o.TakeConsole = func(master *os.File) { t.master = master }
		if w, h, err := term.GetSize(int(t.in.Fd())); err == nil {
			o.ConsoleSize = &specs.Box{Width: uint(w), Height: uint(h)}
		}
	}
	return t
}

// patience is how long a process may take to start once the user wants its end.
const patience = 2 * time.Second

// impatient ends a process that does not get to its program, because somebody it
// has to wait for does not answer, when a signal says so.
func (t *tty) impatient() {
	select {
	case <-t.started:
		return
	case s := <-t.signals:
		select {
		case <-t.started:
			t.signals <- s // it is the program's
			return
		case <-time.After(patience):
		}
	}
	if pid := int(t.first.Load()); pid > 0 {
		syscall.Kill(pid, syscall.SIGKILL)
		return
	}
	os.Exit(1) // the next command takes back what there is
}

// wait passes on input, output, signals and the window's size until the process
// has ended.
func (t *tty) wait(w waiter) (runtime.Exit, error) {
	close(t.started)
	restore := t.join()
	go t.forward(w)
	exit, err := w.Wait()
	if t.copied != nil {
		select {
		case <-t.copied:
		case <-time.After(time.Second): // somebody it left behind has the terminal
		}
	}
	restore()
	return exit, err
}

// join copies between the terminals.
func (t *tty) join() (restore func()) {
	if t.master == nil {
		return func() {}
	}
	t.resize()
	t.copied = make(chan struct{})
	restore = func() {}
	if fd := int(t.in.Fd()); term.IsTerminal(fd) {
		if old, err := term.MakeRaw(fd); err == nil {
			restore = func() { term.Restore(fd, old) }
		}
	}
	go io.Copy(t.master, t.in)
	go func() {
		io.Copy(t.out, t.master) // EIO when the last who has the terminal is gone
		close(t.copied)
	}()
	return restore
}

func (t *tty) resize() {
	if w, h, err := term.GetSize(int(t.in.Fd())); err == nil {
		linux.SetWindowSize(t.master, uint16(w), uint16(h))
	}
}

// soon is when a process has run for so long that it matters whether it gets all
// signals.
const soon = 10 * time.Millisecond

// forward passes signals on. Each that is asked for costs the thread that
// delivers them a turn, so most are asked for when the process has run a while.
func (t *tty) forward(w waiter) {
	var rest []os.Signal
	for s := syscall.Signal(1); s < 65; s++ {
		switch s {
		case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPIPE:
		default:
			rest = append(rest, s)
		}
	}
	time.AfterFunc(soon, func() { signal.Notify(t.signals, rest...) })
	for s := range t.signals {
		if s == syscall.SIGWINCH {
			if t.master != nil {
				t.resize()
			}
			continue
		}
		w.Signal(s.(syscall.Signal))
	}
}
