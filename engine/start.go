package engine

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"mydocker/container"
	"mydocker/linux"
	"mydocker/monitor/wire"
	"mydocker/plan"
	"mydocker/runtime"
	"mydocker/runtime/cgroup"
)

// StartOptions say how a container is started.
type StartOptions struct {
	// Attach are the streams that the caller gets: those of the container from
	// the first byte on. The container waits for a reader that is slow.
	Attach Attach
	Trace  func(plan.Event)
	// Width and Height are the size of the terminal, in characters, or 0.
	Width, Height uint16
}

// Attach names streams of a container.
type Attach struct{ In, Out, Err bool }

// Start starts a created container, under a monitor that stays with it. When it
// returns nil the container's program runs; the container is the monitor's and
// no longer the caller's. When it fails, all that it made on the host is taken
// back, and with --rm the container is removed.
func (e *Engine) Start(c *Container, o StartOptions) (*Attachment, error) {
	r := &run{e: e, h: c.Handle, d: c.d, o: o, view: c.d.view(), keeper: c.keeper}
	if r.keeper == nil {
		r.keeper = e.hire(c.ID())
	}
	c.keeper = nil
	journal, err := plan.OpenJournal(r.journalPath(), false)
	if err != nil {
		r.keeper.dismiss()
		return nil, err
	}
	defer journal.Close()
	r.runner = &plan.Runner{Journal: journal, Trace: o.Trace, Around: e.Around}
	a, err := r.start()
	if err == nil {
		c.Leave()
		return a, nil
	}
	r.keeper.dismiss()
	return nil, errors.Join(err, r.failed(err))
}

// run is one start of a container.
type run struct {
	e      *Engine
	h      *container.Handle
	d      *draft
	o      StartOptions
	plan   *plan.Plan
	view   view
	runner *plan.Runner
	keeper *keeper
}

// start goes from the plan to a running program.
func (r *run) start() (*Attachment, error) {
	if err := r.compile(); err != nil {
		return nil, err
	}
	if r.keeper.err != nil {
		return nil, r.keeper.err
	}
	if err := r.h.SaveSpec(); err != nil { // what it shares with others may have moved
		return nil, err
	}
	if err := r.brief(); err != nil {
		return nil, err
	}
	defer r.keeper.start.Program.Close()
	s, err := r.streams()
	defer s.close()
	if err != nil {
		return nil, err
	}
	return r.launch(s)
}

// launch runs the plan, and hands the container to its monitor.
func (r *run) launch(s *streams) (*Attachment, error) {
	c, err := runtime.Start(runtime.Launch{
		Plan: r.plan, Runner: r.runner, Stdio: s.theirs, Terminal: r.d.req.TTY, Parent: r.keeper,
		Traced: r.o.Trace != nil, Begin: r.begin, BreakInit: r.e.BreakInit,
	})
	if err != nil {
		return nil, diagnose(err, r.view)
	}
	if err := r.keeper.begun(c.Console); err != nil {
		c.Close()
		return nil, err
	}
	r.e.note("start", r.h.Record)
	a := &Attachment{e: r.e, id: r.h.ID(), conn: r.keeper.conn, process: r.keeper.process, trace: r.o.Trace, terminal: c.Console, engine: true}
	if r.o.Attach.In && c.Console == nil {
		a.in, s.ours[0] = s.ours[0], nil
	}
	return a, nil
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
	if r.h.Record.Kept {
		if err := r.forgetVolatile(); err != nil {
			return err
		}
	}
	if r.o.Width > 0 {
		r.d.terminalSize(r.o.Width, r.o.Height)
	}
	if r.plan, err = r.d.compile(end, false); err != nil && end != nil {
		err = errors.Join(err, end.Release())
	}
	return err
}

// forgetVolatile makes a root that was mounted without promises to the disk one
// that can be mounted again: no crash came between. See "Volatile mount" in
// overlayfs.rst of the kernel.
func (r *run) forgetVolatile() error {
	return linux.RemoveTree(filepath.Join(r.h.Dir(), "work", "work", "incompat", "volatile"))
}

func (r *run) journalPath() string { return journalPath(r.h) }

func journalPath(h *container.Handle) string { return filepath.Join(h.Dir(), "journal") }

// brief collects what the monitor has to know.
func (r *run) brief() (err error) {
	layout, err := r.e.layout()
	if err != nil {
		return err
	}
	s, at := &r.keeper.start, r.o.Attach
	s.ID, s.Socket, s.Dir = r.h.ID(), r.e.Containers.SocketPath(r.h.ID()), r.h.Dir()
	s.Log, s.KeepOpen = true, r.d.req.Interactive && !at.In
	s.Want = wire.Want{In: at.In, Out: at.Out, Err: at.Err, Whole: true, Clean: at != Attach{}}
	s.Root, s.Names = r.e.Root, names(r.h.Record)
	s.OOM = cgroup.OOMFile(layout, r.h.Record.CgroupPath)
	if !ownPID(r.h.Spec) {
		s.Cgroup = cgroup.Dir(layout, r.h.Record.CgroupPath)
	}
	s.Finish = []string{"mydocker", "--root", r.e.Root, "--state", r.e.State, FinishCommand, r.h.ID()}
	s.Lock = r.h.Lock()
	s.Program, err = r.e.program()
	return err
}

// begin writes down that the container runs, as soon as there is a process
// that could be left behind.
func (r *run) begin(pid int) error {
	network := r.h.Record.Network
	return r.h.Update(func(rec *container.Record) error {
		rec.Network = network
		rec.Status, rec.Pid, rec.StartTicks = container.Running, pid, r.keeper.ticks
		rec.StartedAt, rec.FinishedAt = time.Now().UTC(), time.Time{}
		rec.ExitCode, rec.OOMKilled, rec.Error, rec.Kept = 0, false, "", false
		return nil
	})
}

// failed takes back what a start made that came to nothing, and writes why.
func (r *run) failed(why error) error {
	err := r.e.undo(r.runner, r.journalPath(), true)
	if err == nil && r.h.Record.AutoRemove {
		return r.e.discard(r.h, r.o.Trace)
	}
	if err != nil {
		r.h.KeepActive() // the next command tries again
	}
	return errors.Join(err, r.h.Update(func(rec *container.Record) error {
		rec.Ended(125, time.Now())
		rec.Error = why.Error()
		var start *StartError
		if errors.As(why, &start) {
			rec.ExitCode = start.Code
		}
		return nil
	}))
}

// streams are the container's standard streams: nothing of the user's own
// reaches it but what goes through pipes, or its terminal.
type streams struct {
	theirs, ours [3]*os.File
}

func (s *streams) close() {
	closeAll(s.theirs[:])
	closeAll(s.ours[:])
}

func (r *run) streams() (*streams, error) {
	s := &streams{}
	u, l := r.h.Spec.Process.User, r.h.Spec.Linux
	uid, gid := hostID(l.UIDMappings, int(u.UID)), hostID(l.GIDMappings, int(u.GID))
	for i := range s.theirs {
		if err := s.open(i, !r.d.req.TTY && (i > 0 || r.d.req.Interactive), uid, gid); err != nil {
			return s, err
		}
	}
	k := &r.keeper.start
	k.In, k.Out, k.Err = s.ours[0], s.ours[1], s.ours[2]
	return s, nil
}

// open makes descriptor i: a pipe where it is wanted, else empty. With a
// terminal, that takes its place. The pipe belongs to the container's user, who
// can so open /dev/stdout again.
func (s *streams) open(i int, wanted bool, uid, gid int) error {
	if !wanted {
		mode := map[bool]int{true: syscall.O_RDONLY, false: syscall.O_WRONLY}[i == 0]
		fd, err := syscall.Open("/dev/null", mode|syscall.O_CLOEXEC, 0)
		s.theirs[i] = os.NewFile(uintptr(fd), "/dev/null")
		return err
	}
	rd, wr, err := os.Pipe()
	if err != nil {
		return err
	}
	s.theirs[i], s.ours[i] = wr, rd
	if i == 0 {
		s.theirs[i], s.ours[i] = rd, wr
	}
	return errors.Join(rd.Chown(uid, gid), wr.Chown(uid, gid))
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}
