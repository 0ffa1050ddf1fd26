package wire

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"mydocker/initprog"
)

// A Start is what a monitor needs to start a process and to stay with it.
type Start struct {
	Exec bool // not the container's first process

	ID     string // of the container
	Socket string // where the monitor listens
	Dir    string // of the container: its log and exit file lie there

	Log      bool     // write the container's output to its log
	KeepOpen bool     // standard input stays open when the first who was attached is gone
	Want     Want     // of the one who starts it
	OOM      string   // file that counts the processes killed for want of memory, or empty
	Cgroup   string   // directory of a cgroup whose processes end with the first one, or empty
	Root     string   // of the engine: its journal of events lies there
	Names    []string // attributes of the container's events: key, value, key, value
	Finish   []string // arguments of Program when nobody else takes the container back

	// Process is what the monitor starts.
	Process initprog.Start

	// The monitor's own files; nil where there is none.
	In, Out, Err *os.File // its ends of the streams' pipes
	Status       *os.File // where a reaper writes how the program ended
	Lock         *os.File // held as long as the monitor is responsible
	Program      *os.File // that takes the container back

	cgroup *os.File // received for Process.Sys.CgroupFD
}

// A Want is what a client asks for.
type Want struct {
	In, Out, Err bool // streams
	// Whole: nothing is left out; the container waits for this reader.
	Whole bool
	// Clean: the client can take the container back when it has ended.
	Clean bool
}

// A Process is one for good: its number, and when it started, in clock ticks
// since boot.
type Process struct{ Pid, Ticks int }

// An Exit is how a process ended.
type Exit struct {
	Code      int // of exit(2), or 128 and the signal's number
	OOMKilled bool
	Offer     bool // whoever accepts takes the container back
}

// pass goes through all fields, to write them or to read them.
func (s *Start) pass(c *codec) {
	version := Version
	if number(c, &version); version != Version {
		c.failed = true
		return
	}
	c.text(&s.ID, &s.Socket, &s.Dir, &s.Root, &s.OOM, &s.Cgroup)
	c.flag(&s.Exec, &s.Log, &s.KeepOpen)
	s.Want.pass(c)
	list(c, &s.Names, func(t *string) { c.text(t) })
	list(c, &s.Finish, func(t *string) { c.text(t) })
	list(c, &s.Process.Files, func(f **os.File) { c.file(f) })
	c.file(&s.Process.Image)
	for _, f := range []**os.File{&s.In, &s.Out, &s.Err, &s.Status, &s.Lock, &s.Program, &s.cgroup} {
		c.file(f)
	}
	sys := s.Process.Sys
	number(c, &sys.Cloneflags)
	for _, maps := range []*[]syscall.SysProcIDMap{&sys.UidMappings, &sys.GidMappings} {
		list(c, maps, func(m *syscall.SysProcIDMap) {
			number(c, &m.ContainerID)
			number(c, &m.HostID)
			number(c, &m.Size)
		})
	}
	c.flag(&sys.GidMappingsEnableSetgroups, &sys.UseCgroupFD)
	list(c, &sys.AmbientCaps, func(n *uintptr) { number(c, n) })
}

func (w *Want) pass(c *codec) { c.flag(&w.In, &w.Out, &w.Err, &w.Whole, &w.Clean) }

func (p *Process) pass(c *codec) {
	number(c, &p.Pid)
	number(c, &p.Ticks)
}

func (x *Exit) pass(c *codec) {
	number(c, &x.Code)
	c.flag(&x.OOMKilled, &x.Offer)
}

// SendStart sends a start; its files stay the caller's.
func (c *Conn) SendStart(s Start) error {
	if s.Process.Sys.UseCgroupFD {
		fd, err := syscall.Dup(s.Process.Sys.CgroupFD)
		if err != nil {
			return os.NewSyscallError("dup", err)
		}
		s.cgroup = os.NewFile(uintptr(fd), "cgroup")
		defer s.cgroup.Close()
	}
	for _, f := range s.Process.Files {
		if f != nil {
			f.Fd() // programs expect blocking mode
		}
	}
	e := &codec{}
	s.pass(e)
	if len(e.b) > MaxData || len(e.files) > maxFiles {
		return errors.New("what the monitor has to know does not fit a packet")
	}
	return c.Send(Launch, e.b, e.files...)
}

// ReadStart reads the packet of SendStart. The files are the result's.
func ReadStart(p Packet) (*Start, error) {
	s := &Start{}
	s.Process.Sys = &syscall.SysProcAttr{}
	d := &codec{b: p.Payload, files: p.Files, reading: true}
	s.pass(d)
	if d.failed || s.Process.Image == nil {
		p.Close()
		return nil, fmt.Errorf("the container's monitor is of another version (it speaks %d): restart the container for that", Version)
	}
	if s.cgroup != nil {
		s.Process.Sys.CgroupFD = int(s.cgroup.Fd())
	}
	return s, nil
}

// CloseProcess closes what only the new process needed.
func (s *Start) CloseProcess() {
	closeAll(append(s.Process.Files, s.Process.Image, s.cgroup))
}

// SendWant asks for something: k is Attach or Wait.
func (c *Conn) SendWant(k Kind, w Want) error {
	e := &codec{}
	w.pass(e)
	return c.Send(k, e.b)
}

// ReadWant reads what was asked for.
func ReadWant(p Packet) (w Want, err error) {
	err = read(p, w.pass)
	return w, err
}

// Append returns the payload of Exited.
func (x Exit) Append(b []byte) []byte {
	e := &codec{b: b}
	x.pass(e)
	return e.b
}

// ReadExit reads the payload of Exited.
func ReadExit(p Packet) (x Exit, err error) {
	err = read(p, x.pass)
	return x, err
}

// Append returns the payload of Forked.
func (p Process) Append(b []byte) []byte {
	e := &codec{b: b}
	p.pass(e)
	return e.b
}

// ReadProcess reads the payload of Forked.
func ReadProcess(p Packet) (who Process, err error) {
	err = read(p, who.pass)
	return who, err
}

// Number is a payload of one number.
func Number(n int) []byte {
	e := &codec{}
	number(e, &n)
	return e.b
}

// ReadNumber reads the payload of Number.
func ReadNumber(p Packet) (n int, err error) {
	err = read(p, func(c *codec) { number(c, &n) })
	return n, err
}

func read(p Packet, pass func(*codec)) error {
	d := &codec{b: p.Payload, reading: true}
	if pass(d); d.failed {
		return errors.New("a packet that cannot be read")
	}
	return nil
}
