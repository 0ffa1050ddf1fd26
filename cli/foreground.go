package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	mobyterm "github.com/moby/term"
	"golang.org/x/term"

	"mydocker/cli/runflags"
	"mydocker/cli/tracer"
	"mydocker/engine"
	"mydocker/internal/units"
)

// foreground starts a container attached to the user's streams.
func (a *app) foreground(e *engine.Engine, c *engine.Container, at runflags.Attached, keys []byte, t *tracer.Tracer) (engine.Exit, error) {
	signals := newProxy(at)
	defer signals.stop()
	o := engine.StartOptions{Trace: t.Event(), Attach: engine.Attach{In: at.In, Out: at.Out, Err: at.Err}}
	if s := terminalSize(a.In); at.TTY && s != nil {
		o.Width, o.Height = s.width, s.height
	}
	name := c.Record.Name
	con, err := e.Start(c, o)
	if err != nil {
		return engine.Exit{}, err
	}
	defer con.Close()
	return a.attached(con, at, keys, signals, name)
}

// attached passes streams, signals and the terminal's size between the user
// and a container, until it has ended or the user leaves it.
func (a *app) attached(con *engine.Attachment, at runflags.Attached, keys []byte, signals *proxy, name string) (engine.Exit, error) {
	signals.start(con, func(why string) {
		fmt.Fprintf(a.Err, "mydocker: %s, leaving: container %s goes on (mydocker stop %s)\r\n", why, name, name)
		con.Close()
	})
	restore := func() {}
	if at.TTY {
		restore = a.terminal(con, at.In)
	}
	exit, err := con.Copy(a.streams(at, keys))
	restore()
	switch {
	case errors.Is(err, engine.ErrMonitorLost):
		return exit, &exitError{exit.Code, err}
	case errors.Is(err, engine.ErrOutputClosed):
		return exit, &exitError{1, fmt.Errorf("the output is closed: container %s goes on (mydocker stop %s)", name, name)}
	case !errors.Is(err, engine.ErrDetached):
		return exit, err
	case signals.gaveUp():
		return exit, &exitError{code: 1}
	}
	fmt.Fprintln(a.Err, "read escape sequence")
	return engine.Exit{}, nil
}

// streams are the user's, of which only those attached are used. That nobody
// reads them any more is an error then, of which the program learns, and not the
// end of the command.
func (a *app) streams(at runflags.Attached, keys []byte) (s engine.Streams) {
	signal.Ignore(syscall.SIGPIPE)
	if at.In {
		s.In = a.In
		if at.TTY {
			s.In = &escapable{mobyterm.NewEscapeProxy(a.In, keys)}
		}
	}
	if at.Out {
		s.Out = a.Out
	}
	if at.Err {
		s.Err = a.Err
	}
	s.Skipped = func(n int) {
		a.warn([]string{fmt.Sprintf("%s of output left out, too fast for this reader: see mydocker logs", units.HumanSizeWithPrecision(float64(n), 3))})
	}
	return s
}

// escapable says in the engine's words that the user left.
type escapable struct{ r io.Reader }

func (e *escapable) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	var escape mobyterm.EscapeError
	if errors.As(err, &escape) {
		err = engine.ErrDetached
	}
	return n, err
}

// detachKeys reads the sequence with which a user leaves a container, such as
// "ctrl-p,ctrl-q", the default.
func detachKeys(s string) ([]byte, error) {
	if s == "" {
		s = "ctrl-p,ctrl-q"
	}
	keys, err := mobyterm.ToBytes(s)
	if err != nil {
		return nil, fmt.Errorf("invalid detach keys (%s): %w", s, err)
	}
	return keys, nil
}

// patience is how many interrupts a container may ignore before its user is
// let go.
const patience = 3

// A proxy passes signals that the command gets on to a container. From the
// time it is made an interrupt does not end the command between two steps.
//
// To ask for a signal costs 15 us, since the thread that delivers them takes its
// turn: so real-time signals, of which there are 33, are asked for when the
// container runs, and hardly any is given back at the end of the command.
type proxy struct {
	tty  bool
	c    chan os.Signal
	on   bool
	done chan struct{}
	left chan struct{} // closed when the container ignored too many
}

// newProxy catches signals: all of them where they are passed on, and in front of
// a terminal, whose keys do that, those that would leave it in raw mode.
func newProxy(at runflags.Attached) *proxy {
	p := &proxy{tty: at.TTY, c: make(chan os.Signal, 64), done: make(chan struct{}), left: make(chan struct{})}
	if p.on = at.SigProxy && !at.TTY; p.on {
		signal.Notify(p.c, numbered(1, realTime)...)
	} else if at.TTY {
		signal.Notify(p.c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	}
	return p
}

// realTime is the first real-time signal, see signal(7); two belong to C libraries.
const realTime, pastSignals = 32, 65

// numbered returns signals but those that do nothing, and that are for nobody.
func numbered(from, to syscall.Signal) (list []os.Signal) {
	for s := from; s < to; s++ {
		switch s {
		case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGURG, syscall.SIGWINCH:
		default:
			list = append(list, s)
		}
	}
	return list
}

// start passes on what came meanwhile and what comes; leave is called when the
// container ignored several interrupts: a first process without a handler does
// (pid_namespaces(7)). In front of a terminal the first signal is for the command.
func (p *proxy) start(con *engine.Attachment, leave func(why string)) {
	if p.on {
		go signal.Notify(p.c, numbered(realTime, pastSignals)...)
	}
	go func() {
		interrupts := 0
		for {
			select {
			case s := <-p.c:
				if s == syscall.SIGINT || s == syscall.SIGTERM {
					interrupts++
				}
				if interrupts == patience || p.tty {
					close(p.left)
					leave(map[bool]string{true: "got a signal", false: "got three interrupts"}[p.tty])
					return
				}
				if proxied(s) {
					con.Signal(s.(syscall.Signal))
				}
			case <-p.done:
				return
			}
		}
	}()
}

// proxied tells signals that are for the container from those that are the
// command's own.
func proxied(s os.Signal) bool {
	switch s {
	case syscall.SIGCHLD, syscall.SIGPIPE, syscall.SIGURG, syscall.SIGWINCH, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGTSTP:
		return false
	}
	return true
}

// stop lets signals that mean to end the command do so again.
func (p *proxy) stop() {
	if p.on {
		signal.Reset(syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM)
	}
	close(p.done)
}

func (p *proxy) gaveUp() bool {
	select {
	case <-p.left:
		return true
	default:
		return false
	}
}

// resizer is what has a terminal.
type resizer interface {
	Resize(width, height uint16) error
}

// terminal joins the user's terminal to the container's: raw mode, and the
// window's size now and whenever it changes. It returns the way back.
func (a *app) terminal(to resizer, raw bool) (restore func()) {
	resize := func() {
		if s := terminalSize(a.In); s != nil {
			to.Resize(s.width, s.height)
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
	if f == nil {
		return nil
	}
	w, h, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return nil
	}
	return &size{uint16(w), uint16(h)}
}
