package cli

import (
	"os"
	"os/signal"
	"sync"
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
	restore := func() {}
	defer func() { restore() }()
	var once sync.Once
	if at.TTY {
		o.Streams.Terminal = func(master *os.File) {
			restore = a.terminal(master, at.In)
		}
	}
	stop := func() {}
	defer func() { stop() }()
	o.Started = func(send func(syscall.Signal) error) {
		if at.SigProxy {
			once.Do(func() { stop = proxySignals(send) })
		}
	}
	if at.SigProxy {
		// From here on an interrupt must not end the command between two steps.
		hold := make(chan os.Signal, 16)
		signal.Notify(hold, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
		defer signal.Stop(hold)
		o.Started = func(send func(syscall.Signal) error) {
			once.Do(func() {
				stop = proxySignals(send)
				for len(hold) > 0 {
					send((<-hold).(syscall.Signal))
				}
			})
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

// proxySignals passes signals that the command gets on to the container; it
// returns the end of that.
func proxySignals(send func(syscall.Signal) error) (stop func()) {
	c := make(chan os.Signal, 64)
	signal.Notify(c)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-c:
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
