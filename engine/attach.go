package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"

	"mydocker/container"
	"mydocker/linux"
	"mydocker/monitor/wire"
	"mydocker/plan"
)

// Streams are a container's standard streams, on the side of its user. Nil
// leaves one out.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Skipped is told how many bytes of output were left out, since the reader
	// was too slow; it may be nil.
	Skipped func(bytes int)
}

// An Attachment is a connection to a container that runs.
type Attachment struct {
	e    *Engine
	id   string
	conn *wire.Conn

	process  *os.File // pidfd of the first process
	terminal *os.File // its master, or nil
	in       *os.File // where input goes, or nil
	engine   bool     // who started the container
	trace    func(plan.Event)

	closing sync.Once
	lost    error // why output could not be passed on
}

// An Exit is how a container ended.
type Exit struct {
	Code      int
	OOMKilled bool
}

// ErrDetached says that the user left a container that goes on.
var ErrDetached = errors.New("detached")

// ErrOutputClosed says that whoever reads the container's output is gone. The
// container goes on.
var ErrOutputClosed = errors.New("the output is closed")

// ErrMonitorLost says that a container ended because its monitor was killed.
var ErrMonitorLost = errors.New("the process that kept the container was killed, and the container with it")

// Attach connects to a container that runs. With input asked for, what is
// written reaches it together with everybody else's.
func (e *Engine) Attach(nameOrID string, at Attach) (*Attachment, *container.Record, error) {
	rec, err := e.Containers.Find(nameOrID)
	if err != nil {
		return nil, nil, err
	}
	switch rec.Status {
	case container.Running:
	case container.Paused:
		return nil, rec, errors.New("You cannot attach to a paused container, unpause it first")
	case container.Restarting:
		return nil, rec, errors.New("You cannot attach to a restarting container, wait until it is running")
	default:
		return nil, rec, errStopped
	}
	a, err := e.connect(rec)
	if err == nil {
		if err = a.attach(at); err != nil {
			a.Close()
		}
	}
	if err != nil && over(rec) { // meanwhile
		err = errStopped
	}
	return a, rec, err
}

var errStopped = errors.New("You cannot attach to a stopped container, start it first")

// connect reaches a container's monitor.
func (e *Engine) connect(rec *container.Record) (*Attachment, error) {
	conn, err := wire.Dial(e.Containers.SocketPath(rec.ID))
	if err != nil {
		return nil, fmt.Errorf("reach the container's monitor: %w", err)
	}
	process, err := openProcess(rec)
	if err != nil {
		process = nil // it has just ended: the monitor tells
	}
	return &Attachment{e: e, id: rec.ID, conn: conn, process: process}, nil
}

// openProcess returns the pidfd of a container's first process, and of no
// other that may have its number by now.
func openProcess(rec *container.Record) (*os.File, error) {
	f, err := linux.OpenProcess(rec.Pid)
	if err != nil {
		return nil, err
	}
	if ticks, err := container.StartTicks(rec.Pid); err != nil || ticks != rec.StartTicks {
		f.Close()
		return nil, os.ErrProcessDone
	}
	return f, nil
}

// over tells whether a container that ran according to its record does not run
// any more. A process that ends, and waits for those that end with it, has no
// root already.
func over(rec *container.Record) bool {
	f, err := openProcess(rec)
	if err != nil {
		return true
	}
	defer f.Close()
	_, err = os.Readlink("/proc/" + strconv.Itoa(rec.Pid) + "/root")
	return err != nil
}

func (a *Attachment) attach(at Attach) error {
	err := a.conn.SendWant(wire.Attach, wire.Want{In: at.In, Out: at.Out, Err: at.Err, Clean: true})
	if err != nil {
		return err
	}
	p, err := a.conn.Recv()
	if err == nil && p.Kind != wire.Attached {
		err = fmt.Errorf("the container's monitor gave an answer of kind %c", p.Kind)
	}
	if err != nil {
		return err
	}
	if f := p.File(); f != nil && isTerminal(f) {
		a.terminal = f
	} else {
		a.in = f
	}
	return nil
}

// isTerminal tells a terminal's master from a pipe.
func isTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// Resize tells the container's terminal its size, in characters.
func (a *Attachment) Resize(width, height uint16) error {
	if a.terminal == nil {
		return nil
	}
	return linux.SetWindowSize(a.terminal, width, height)
}

// Signal sends a signal to the container's first process.
func (a *Attachment) Signal(s syscall.Signal) error {
	if a.process == nil {
		return os.ErrProcessDone
	}
	return linux.SendSignal(a.process, s)
}

// Copy passes the streams on until the container has ended and is taken back,
// or the connection is closed, which is [ErrDetached]. What it reads from
// s.In it may read further than the container's end.
func (a *Attachment) Copy(s Streams) (Exit, error) {
	if s.In != nil {
		go a.copyIn(s.In)
	} else if a.engine {
		a.endInput()
	}
	out := map[wire.Kind]io.Writer{wire.Out: s.Out, wire.Err: s.Err}
	for {
		p, err := a.conn.Recv()
		if err != nil {
			return a.broken(err)
		}
		switch p.Kind {
		case wire.Out, wire.Err:
			if err := a.pass(p, out); err != nil {
				return Exit{}, err
			}
		case wire.Skipped:
			if n, err := wire.ReadNumber(p); err == nil && s.Skipped != nil {
				s.Skipped(n)
			}
		case wire.Exited:
			exit, err := a.ended(p)
			return exit, errors.Join(err, a.lost)
		default:
			p.Close()
		}
	}
}

// Wait waits until the container has ended and is taken back.
func (a *Attachment) Wait() (Exit, error) { return a.Copy(Streams{}) }

// pass passes output on. Nobody being there who reads it is the error; what
// else keeps it from being written is told when the container has ended.
func (a *Attachment) pass(p wire.Packet, out map[wire.Kind]io.Writer) error {
	to := out[p.Kind]
	if to == nil {
		return nil
	}
	_, err := to.Write(p.Payload)
	if errors.Is(err, syscall.EPIPE) {
		return ErrOutputClosed
	}
	if err != nil {
		out[p.Kind] = nil
		a.lost = errors.Join(a.lost, fmt.Errorf("pass on the container's output: %w", err))
	}
	return nil
}

// copyIn passes input on, to its end.
func (a *Attachment) copyIn(from io.Reader) {
	to := a.in
	if a.terminal != nil {
		to = a.terminal
	}
	if to == nil {
		return
	}
	_, err := io.Copy(to, from)
	if errors.Is(err, ErrDetached) {
		a.Close()
		return
	}
	if a.terminal == nil {
		a.endInput()
	}
}

func (a *Attachment) endInput() {
	if a.in != nil {
		a.in.Close()
	}
	a.conn.Send(wire.InEnded, nil)
}

// ended takes the container back, if that is asked of us, or waits until
// somebody else has.
func (a *Attachment) ended(p wire.Packet) (Exit, error) {
	x, err := wire.ReadExit(p)
	exit := Exit{Code: x.Code, OOMKilled: x.OOMKilled}
	if err != nil {
		return exit, err
	}
	if x.Offer && a.conn.Send(wire.Accept, nil) == nil {
		for {
			p, err := a.conn.Recv()
			if err != nil {
				break
			}
			if p.Kind == wire.Lock && p.File() != nil {
				return exit, a.takeBack(p.File())
			}
			p.Close()
			if p.Kind == wire.Lock {
				break
			}
		}
	}
	return exit, a.e.Containers.WaitFree(a.id)
}

// takeBack settles a container whose lock was handed over.
func (a *Attachment) takeBack(lock *os.File) error {
	h, err := a.e.Containers.Adopt(a.id, lock)
	if err != nil {
		return err
	}
	defer h.Close()
	return a.e.settle(h, a.trace)
}

// broken tells why a connection ended before the container: it was closed here,
// or the monitor is gone.
func (a *Attachment) broken(err error) (Exit, error) {
	if errors.Is(err, os.ErrClosed) {
		return Exit{}, ErrDetached
	}
	if err := a.e.Containers.WaitFree(a.id); err != nil {
		return Exit{}, err
	}
	rec, err := a.e.Containers.Load(a.id)
	if err == nil && rec.Status == container.Exited {
		return Exit{Code: rec.ExitCode, OOMKilled: rec.OOMKilled}, nil
	}
	return Exit{Code: 137}, errors.Join(ErrMonitorLost, a.e.repair(a.id))
}

// Close lets the container go on alone.
func (a *Attachment) Close() {
	a.closing.Do(func() {
		a.conn.Close()
		closeAll([]*os.File{a.process, a.terminal, a.in})
	})
}
