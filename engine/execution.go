package engine

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"mydocker/linux"
	"mydocker/monitor/wire"
)

// An Execution is a process that Exec started, as its caller sees it.
type Execution struct {
	conn     *wire.Conn
	process  *os.File    // its pidfd
	terminal *os.File    // its master, or nil
	ours     [3]*os.File // ends of its streams' pipes, or nil

	copies  sync.WaitGroup
	closing sync.Once
}

// Resize tells the process's terminal its size, in characters.
func (x *Execution) Resize(width, height uint16) error {
	if x.terminal == nil {
		return nil
	}
	return linux.SetWindowSize(x.terminal, width, height)
}

// Copy passes the streams on until the process has ended, and returns its exit
// code. To close the execution meanwhile is [ErrDetached]: the process goes on.
func (x *Execution) Copy(s Streams) (code int, err error) {
	if x.terminal != nil {
		x.copyOut(wire.Out, s.Out, x.terminal)
		x.copyIn(x.terminal, s.In)
	} else {
		x.copyOut(wire.Out, s.Out, x.ours[1])
		x.copyOut(wire.Err, s.Err, x.ours[2])
		x.copyIn(x.ours[0], s.In)
	}
	for {
		p, err := x.conn.Recv()
		if errors.Is(err, os.ErrClosed) {
			return 0, ErrDetached
		}
		if err != nil {
			return 137, errNoExit
		}
		if p.Kind == wire.Exited {
			exit, err := wire.ReadExit(p)
			x.drain()
			return exit.Code, err
		}
		p.Close()
	}
}

// copyOut passes on what the process writes. Where that fails the process
// learns it, as in a pipeline without us.
func (x *Execution) copyOut(k wire.Kind, to io.Writer, from *os.File) {
	if from == nil {
		return
	}
	if to == nil {
		to = io.Discard
	}
	x.copies.Go(func() {
		_, err := io.Copy(&outlet{w: to}, from)
		var lost *lostError
		if errors.As(err, &lost) {
			from.Close()
			x.conn.Send(wire.Broken, []byte{byte(k)})
			return
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			rest(to, from)
		}
	})
}

// drain passes on the rest of what the process wrote. Others that hold its
// streams, started by it, are not waited for.
func (x *Execution) drain() {
	for _, f := range []*os.File{x.ours[1], x.ours[2], x.terminal} {
		if f != nil {
			f.SetReadDeadline(time.Now())
		}
	}
	x.copies.Wait()
}

// rest copies what is there without waiting for more.
func rest(to io.Writer, from *os.File) {
	raw, err := from.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 32<<10)
	for {
		n := 0
		err := raw.Control(func(fd uintptr) { n, err = syscall.Read(int(fd), buf) })
		if err != nil || n <= 0 {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// copyIn passes input on, to its end.
func (x *Execution) copyIn(to *os.File, from io.Reader) {
	if to == nil || from == nil {
		return
	}
	go func() {
		_, err := io.Copy(to, from)
		switch {
		case errors.Is(err, ErrDetached):
			x.Close()
		case x.terminal == nil:
			to.Close()
			x.conn.Send(wire.InEnded, nil)
		}
	}()
}

// Signal sends the process a signal.
func (x *Execution) Signal(s syscall.Signal) error {
	if x.process == nil {
		return os.ErrProcessDone
	}
	return linux.SendSignal(x.process, s)
}

// Close lets the process go on alone.
func (x *Execution) Close() {
	x.closing.Do(func() {
		x.conn.Close()
		closeAll([]*os.File{x.process, x.terminal, x.ours[0], x.ours[1], x.ours[2]})
	})
}

// An outlet tells writes that failed from reads that did.
type outlet struct{ w io.Writer }

type lostError struct{ error }

func (o *outlet) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil {
		err = &lostError{err}
	}
	return n, err
}
