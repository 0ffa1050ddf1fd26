package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"mydocker/container"
	"mydocker/plan"
	"mydocker/runtime"
	"mydocker/runtime/cgroup"
)

// Streams are a container's standard streams, on the side of its user. Nil
// leaves one out.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer

	// Resized gets the terminal's master when there is one, to follow the
	// size of the user's.
	Terminal func(master *os.File)
}

// RunOptions say how a container is started in the foreground.
type RunOptions struct {
	Streams Streams
	Trace   func(plan.Event)
	// Started gets a function that sends the container a signal.
	Started func(signal func(syscall.Signal) error)
}

// An Exit is how a container ended.
type Exit struct {
	Code      int
	OOMKilled bool
}

// Start runs a created container in the foreground and returns when it has
// ended and all that its start made on the host is taken back.
func (e *Engine) Start(c *Container, o RunOptions) (Exit, error) {
	r := &run{e: e, h: c.Handle, d: c.d, o: o, view: c.d.view(), terminal: c.d.req.TTY}
	if err := r.compile(); err != nil {
		return Exit{}, err
	}
	journal, err := plan.OpenJournal(r.journalPath(), false)
	if err != nil {
		return Exit{}, err
	}
	defer journal.Close()
	r.runner = &plan.Runner{Journal: journal, Trace: o.Trace, Around: e.Around}
	exit, err := r.foreground()
	return exit, errors.Join(err, r.finish(exit, err))
}

// run is one start of a container.
type run struct {
	e      *Engine
	h      *container.Handle
	d      *draft
	o      RunOptions
	plan   *plan.Plan
	view   view
	runner *plan.Runner

	terminal bool
	pipes    []*os.File // our ends of the streams
	copies   sync.WaitGroup

	mu   sync.Mutex
	lost error // why output could not be passed on
}

// compile claims the container's place on its network and makes the plan.
func (r *run) compile() error {
	end, err := r.d.endpoint(false)
	if err != nil {
		return err
	}
	if end != nil {
		describe(&r.h.Record.Network, end)
	}
	if r.plan, err = r.d.compile(end, false); err != nil && end != nil {
		err = errors.Join(err, end.Release())
	}
	return err
}

func (r *run) journalPath() string { return filepath.Join(r.h.Dir(), "journal") }

// foreground starts the container, stays with it, and returns how it ended.
func (r *run) foreground() (Exit, error) {
	stdio, err := r.streams()
	defer closeAll(stdio[:])
	if err != nil {
		return Exit{}, err
	}
	c, err := runtime.Start(runtime.Launch{
		Plan: r.plan, Runner: r.runner, Stdio: stdio, Terminal: r.terminal,
		Traced: r.o.Trace != nil, Begin: r.begin, BreakInit: r.e.BreakInit,
	})
	closeAll(stdio[:])
	if err != nil {
		closeAll(r.pipes)
		return Exit{}, diagnose(err, r.view)
	}
	r.attach(c)
	if r.o.Started != nil {
		r.o.Started(c.Signal)
	}
	exit, err := c.Wait()
	if err != nil {
		return Exit{}, err
	}
	r.drain(c)
	return Exit{Code: exit.Code}, r.lost
}

// begin writes down that the container runs, as soon as there is a process
// that could be left behind.
func (r *run) begin(pid int) error {
	ticks, err := container.StartTicks(pid)
	if err != nil {
		return err
	}
	network := r.h.Record.Network
	return r.h.Update(func(rec *container.Record) error {
		rec.Network = network
		rec.Status, rec.Pid, rec.StartTicks = container.Running, pid, ticks
		rec.StartedAt, rec.FinishedAt = time.Now().UTC(), time.Time{}
		rec.ExitCode, rec.OOMKilled, rec.Error = 0, false, ""
		return nil
	})
}

// finish takes back what the start made and writes how the container ended.
func (r *run) finish(exit Exit, failed error) error {
	rec := r.h.Record
	exit.OOMKilled = r.oomKilled()
	err := r.e.undo(r.runner, r.journalPath(), true)
	if err != nil {
		r.h.KeepActive() // the next command tries again
	}
	if rec.AutoRemove && err == nil {
		return nil // the record is about to go
	}
	return errors.Join(err, r.h.Update(func(rec *container.Record) error {
		rec.Ended(exit.Code, time.Now())
		rec.OOMKilled = exit.OOMKilled
		var start *StartError
		if errors.As(failed, &start) {
			rec.ExitCode, rec.Error = start.Code, failed.Error()
		}
		return nil
	}))
}

func (r *run) oomKilled() bool {
	layout, err := r.e.layout()
	if err != nil {
		return false
	}
	n, err := cgroup.OOMKills(layout, r.h.Record.CgroupPath)
	return err == nil && n > 0
}

// undo takes back what a journal says was made for the last start. dead says
// that the container's namespaces are gone.
func (e *Engine) undo(runner *plan.Runner, journal string, dead bool) error {
	entries, err := plan.ReadJournal(journal, e.codec())
	if err != nil {
		return err
	}
	running := entries[:0:0]
	for _, n := range entries {
		if n.Part != plan.PartCreate {
			running = append(running, n)
		}
	}
	return runner.Undo(&plan.Env{Dead: dead}, running)
}

// streams makes the container's standard streams: nothing of the user's own
// reaches it but what goes through pipes, or its terminal.
func (r *run) streams() (s [3]*os.File, err error) {
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return s, err
	}
	if r.terminal {
		return [3]*os.File{null, null, null}, nil
	}
	defer null.Close()
	for i := range s {
		if s[i], err = r.stream(i, null); err != nil {
			return s, err
		}
	}
	return s, nil
}

// stream makes the pipe for descriptor i; standard input is empty unless asked for.
func (r *run) stream(i int, null *os.File) (*os.File, error) {
	if i == 0 && r.o.Streams.In == nil {
		fd, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		return os.NewFile(uintptr(fd), "/dev/null"), err
	}
	rd, wr, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	theirs, ours := wr, rd
	if i == 0 {
		theirs, ours = rd, wr
	}
	r.pipes = append(r.pipes, ours)
	// So that the container's user can open /dev/stdout again.
	u, l := r.h.Spec.Process.User, r.h.Spec.Linux
	uid, gid := hostID(l.UIDMappings, int(u.UID)), hostID(l.GIDMappings, int(u.GID))
	return theirs, errors.Join(rd.Chown(uid, gid), wr.Chown(uid, gid))
}

// attach starts the copying between the user's streams and the container's.
func (r *run) attach(c *runtime.Running) {
	s := r.o.Streams
	if r.terminal {
		if s.Terminal != nil {
			s.Terminal(c.Console)
		}
		r.copyOut(s.Out, c.Console)
		if s.In != nil {
			go io.Copy(c.Console, s.In)
		}
		return
	}
	for i, p := range r.pipes {
		switch {
		case len(r.pipes) == 3 && i == 0:
			go func() { io.Copy(p, s.In); p.Close() }()
		case i == len(r.pipes)-2:
			r.copyOut(s.Out, p)
		default:
			r.copyOut(s.Err, p)
		}
	}
}

// copyOut passes on what the container writes, to its end. What nobody asked for
// is read all the same, so that the container does not block. When it cannot be
// passed on, the container's side breaks too, as in a pipeline without us.
func (r *run) copyOut(to io.Writer, from *os.File) {
	if to == nil {
		to = io.Discard
	}
	r.copies.Go(func() {
		defer from.Close()
		out := &outlet{w: to}
		io.Copy(out, from) // a terminal whose other end is gone gives an error: the end
		if out.err != nil && !errors.Is(out.err, syscall.EPIPE) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.lost = errors.Join(r.lost, fmt.Errorf("pass on the container's output: %w", out.err))
		}
	})
}

// outlet remembers why a write failed, to tell it from failed reads.
type outlet struct {
	w   io.Writer
	err error
}

func (o *outlet) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.err = err
	return n, err
}

// drain waits until all output has been passed on. Processes that outlived
// the first one, in a PID namespace that is not the container's own, may hold
// the streams: they are ended first.
func (r *run) drain(c *runtime.Running) {
	if !ownPID(r.h.Spec) {
		if layout, err := r.e.layout(); err == nil {
			cgroup.Kill(layout, r.h.Record.CgroupPath)
		}
	}
	r.copies.Wait()
	if c.Console != nil {
		c.Console.Close()
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}
