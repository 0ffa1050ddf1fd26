package cli

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"mydocker/cli/runflags"
	"mydocker/engine"
	"mydocker/linux"
)

// foreground runs a container attached to the user's streams: its signals are
// passed on, its terminal is the user's.
func (a *app) foreground(e *engine.Engine, c *engine.Container, at runflags.Attached, t *tracer) (engine.Exit, error) {
	o := engine.RunOptions{Streams: a.streams(at), Trace: t.event()}
	restore, stop := func() {}, func() {}
	defer func() { stop(); restore() }()
	if at.TTY {
		o.Streams.Terminal = func(master *os.File) { restore = a.terminal(master, at.In) }
	}
	if at.SigProxy {
		// From here on an interrupt must not end the command between two steps.
		held := make(chan os.Signal, 16)
		signal.Notify(held, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
		defer signal.Stop(held)
		o.Started = func(send func(syscall.Signal) error) {
			stop = proxySignals(send, func(s string) { a.warn([]string{s}) })
			for len(held) > 0 {
				send((<-held).(syscall.Signal))
			}
		}
	}
	return e.Start(c, o)
}

func (a *app) streams(at runflags.Attached) (s engine.Streams) {
	if at.In {
		s.In = a.In
	}
	if at.Out {
		s.Out = a.Out
	}
	if at.Err {
		s.Err = a.Err
	}
	return s
}

// patience is how many interrupts a container may ignore before it is killed.
const patience = 3

// proxySignals passes signals that the command gets on to the container; it
// returns the end of that. A first process without a handler ignores them
// (pid_namespaces(7)); after three the container is killed.
func proxySignals(send func(syscall.Signal) error, say func(string)) (stop func()) {
	c := make(chan os.Signal, 64)
	signal.Notify(c)
	done := make(chan struct{})
	go func() {
		interrupts := 0
		for {
			select {
			case s := <-c:
				if s == syscall.SIGINT || s == syscall.SIGTERM {
					if interrupts++; interrupts == patience {
						say("the container ignored the signals: it is killed")
						send(syscall.SIGKILL)
						continue
					}
				}
				switch s {
				case syscall.SIGCHLD, syscall.SIGPIPE, syscall.SIGURG, syscall.SIGWINCH, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGTSTP:
				default:
					send(s.(syscall.Signal))
				}
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(c); close(done) }
}

// terminal joins the user's terminal to the container's: raw mode, and the
// window's size now and whenever it changes. It returns the way back.
func (a *app) terminal(master *os.File, raw bool) (restore func()) {
	resize := func() {
		if s := terminalSize(a.In); s != nil {
			linux.SetWindowSize(master, s.width, s.height)
		}
	}
	resize()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	go func() {
		for range c {
			resize()
		}
	}()
	undo := func() { signal.Stop(c); close(c) }
	if !raw || !isTerminal(a.In) {
		return undo
	}
	old, err := term.MakeRaw(int(a.In.Fd()))
	if err != nil {
		return undo
	}
	return func() { undo(); term.Restore(int(a.In.Fd()), old) }
}

// size is that of a terminal's window, in characters.
type size struct{ width, height uint16 }

// terminalSize returns nil where f is no terminal.
func terminalSize(f *os.File) *size {
	w, h, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return nil
	}
	return &size{uint16(w), uint16(h)}
}
