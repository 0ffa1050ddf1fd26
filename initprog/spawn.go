package initprog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"syscall"
)

// Attr says how to start a program.
type Attr struct {
	// Stdio become descriptors 0, 1 and 2.
	Stdio [3]*os.File

	// Files become descriptors FirstFile and up; nil leaves a number closed.
	// They stay the caller's.
	Files []*os.File

	// Preserved become descriptors FirstPreserved and up, for a program that
	// hands them on. They stay the caller's.
	Preserved []*os.File

	// Sys carries clone flags, identity maps and the cgroup.
	Sys *syscall.SysProcAttr

	// Fork starts the process; nil is [Fork]. It is there so that another
	// process can become its parent.
	Fork func(Start) (pid int, err error)
}

// A Start is what it takes to start a program. Its files stay the caller's.
type Start struct {
	Image *os.File   // the program, sealed
	Files []*os.File // by number in the new process; nil leaves one closed
	Sys   *syscall.SysProcAttr

	Args, Env []string // for others than those of this package: nil is {"init"}, and nothing
}

// Fork starts a program as a child of the caller.
func Fork(s Start) (pid int, err error) {
	image, err := high(int(s.Image.Fd()))
	if err != nil {
		return 0, err
	}
	defer syscall.Close(image)
	args := s.Args
	if args == nil {
		args = []string{"init"}
	}
	attr := &syscall.ProcAttr{Env: append([]string{}, s.Env...), Sys: s.Sys}
	for _, f := range s.Files {
		fd := ^uintptr(0)
		if f != nil {
			fd = f.Fd()
		}
		attr.Files = append(attr.Files, fd)
	}
	pid, err = syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(image), args, attr)
	if err != nil {
		return 0, fmt.Errorf("clone: %w", err)
	}
	return pid, nil
}

// traceFD is the descriptor of the shared memory. It lies behind all of the
// caller's files.
const traceFD = FirstPreserved - 1

// FirstPreserved is the number of the first of [Attr.Preserved].
const FirstPreserved = 61

// A Process runs a program. It is the caller's child.
type Process struct {
	Pid int

	prog  *Program
	errs  *os.File // what the program tells
	sync  *os.File // on which it waits
	trace *os.File
	Born  int64 // CLOCK_MONOTONIC, nanoseconds, right before clone
}

// Spawn starts the program. The process waits where the program reads SyncFD,
// until [Process.Go].
func Spawn(p *Program, a Attr) (*Process, error) {
	if len(a.Files) > traceFD-FirstFile {
		return nil, fmt.Errorf("init program: %d descriptors are too many", len(a.Files))
	}
	image, err := p.Sealed()
	if err != nil {
		return nil, err
	}
	defer image.Close()
	child := &Process{prog: p}
	ends, err := child.open()
	if err != nil {
		child.Close()
		return nil, err
	}
	defer closeAll(ends)
	fork := a.Fork
	if fork == nil {
		fork = Fork
	}
	child.Born = int64(Now())
	child.Pid, err = fork(Start{Image: image, Files: child.descriptors(a, ends), Sys: a.Sys})
	if err != nil {
		child.Close()
		return nil, err
	}
	return child, nil
}

// open makes the pipes; it returns the ends that the process gets.
func (c *Process) open() (ends []*os.File, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.errs, ends = r, append(ends, w)
	r, w, err = os.Pipe()
	if err != nil {
		closeAll(ends)
		return nil, err
	}
	c.sync, ends = w, append(ends, r)
	if c.prog.stamps > 0 {
		if c.trace, err = c.prog.sharedMemory(); err != nil {
			closeAll(ends)
			return nil, err
		}
	}
	return ends, nil
}

// descriptors numbers what the process gets.
func (c *Process) descriptors(a Attr, ends []*os.File) []*os.File {
	files := slices.Concat(a.Stdio[:], ends, a.Files)
	if c.trace == nil && len(a.Preserved) == 0 {
		return files
	}
	files = append(files, make([]*os.File, traceFD+1-len(files))...)
	files[traceFD] = c.trace
	return append(files, a.Preserved...)
}

// Go lets a waiting program go on.
func (c *Process) Go() error {
	_, err := c.sync.Write([]byte{1})
	return err
}

// Abandon ends a program that waits, or will.
func (c *Process) Abandon() {
	closeAll([]*os.File{c.sync})
	c.sync = nil
}

// Messages of a program, see [Builder.Note].
const (
	NotePid   = 1 // the process that it cloned to go on in its place has this number
	NoteMeet  = 2 // it waits until the parent has made its part of the step with this index
	NoteReady = 3 // there is nothing left but execve(2), for which it waits to be told
)

// Note appends the writing of {kind, value of s} to the parent; kind is below 4096.
func (b *Builder) Note(kind int, s Slot) {
	rec := b.Words(uint64(kind), 0)
	iov := b.Words(uint64(rec), 8, uint64(s.addr), 4, uint64(rec)+8, 4)
	b.Sys("writev", b.Errors(), iov, 3).Says("tell the parent")
}

// Meet appends a wait for the parent, which is told the index of the step. If
// the parent dies instead, or gives up, the process ends.
func (b *Builder) Meet() {
	n, on := b.Slot(), b.NewLabel()
	b.Note(NoteMeet, b.Cell(int32(b.step)))
	b.Sys("read", SyncFD, b.Words(0), 1).Into(n).Says("wait for the host's side")
	b.JumpNonZero(n, on)
	b.Sys("exit_group", 125)
	b.Place(on)
}

// Await returns when the program has ended in its execve(2) (nil), or has
// failed (an [*Error]). A note goes to the caller, who says by false that there
// is no need to wait any longer, or ends the waiting with an error.
func (c *Process) Await(note func(kind, value int) (more bool, err error)) error {
	for {
		kind, value, err := c.Note()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if note == nil {
			continue
		}
		if more, err := note(kind, value); err != nil || !more {
			return err
		}
	}
}

// Note waits for one note. The error is io.EOF where the program ended in its
// execve(2), or an [*Error].
func (c *Process) Note() (kind, value int, err error) {
	rec := make([]byte, recordSize)
	if _, err := io.ReadFull(c.errs, rec); err != nil {
		return 0, 0, fmt.Errorf("read from the init program: %w", err)
	}
	where, what := binary.NativeEndian.Uint64(rec), binary.NativeEndian.Uint64(rec[8:])
	if i, ok := c.prog.failedOp(where); ok {
		return 0, 0, &Error{c.prog.Step(i), c.prog.Label(i), syscall.Errno(what)}
	}
	return int(where), int(int32(what)), nil
}

// Stamps returns when each operation ended, if the program was traced.
func (c *Process) Stamps() ([]Stamp, error) {
	if c.trace == nil {
		return nil, nil
	}
	return c.prog.stampsOf(c.trace)
}

// Close lets go of the pipes. A program that waits ends.
func (c *Process) Close() {
	closeAll([]*os.File{c.errs, c.sync, c.trace})
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}
