package monitor

import (
	"io"
	"os"
	"path/filepath"
	"syscall"

	"mydocker/jsonlog"
	"mydocker/linux"
	"mydocker/monitor/wire"
)

// openLog opens the container's log, whose name is Docker's.
func (m *monitor) openLog() (err error) {
	if m.start.Log {
		m.log, err = jsonlog.Open(filepath.Join(m.start.Dir, m.start.ID+"-json.log"), jsonlog.Options{})
	}
	return err
}

// open starts to copy what the container writes.
func (m *monitor) open() {
	if m.terminal != nil {
		m.copy(wire.Out, "stdout", m.terminal)
		return
	}
	m.copy(wire.Out, "stdout", m.start.Out)
	m.copy(wire.Err, "stderr", m.start.Err)
}

// copy copies one stream to the log and to everybody attached, to its end: of
// a terminal that is an error, EIO.
func (m *monitor) copy(k wire.Kind, name string, from *os.File) {
	if from == nil {
		return
	}
	var to io.Writer = io.Discard
	flush := func() {}
	if m.log != nil {
		s := m.log.Stream(name)
		to, flush = s, func() { s.Flush() }
	}
	from = pollable(from)
	m.copies.Go(func() {
		defer flush()
		buf := make([]byte, wire.MaxData)
		for {
			n, err := from.Read(buf)
			if n > 0 {
				to.Write(buf[:n])
				m.output(k, buf[:n])
			}
			if err != nil {
				return
			}
		}
	})
}

// pollable returns a copy of the file for reads that do not occupy a thread.
func pollable(f *os.File) *os.File {
	fd, err := linux.Duplicate(f)
	if err != nil || syscall.SetNonblock(fd, true) != nil {
		return f
	}
	return os.NewFile(uintptr(fd), f.Name())
}

// output passes on what the container wrote.
func (m *monitor) output(k wire.Kind, p []byte) {
	for _, c := range m.all() {
		if c.wants(k) {
			c.write(k, p)
		}
	}
}

func (c *client) wants(k wire.Kind) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return k == wire.Out && c.want.Out || k == wire.Err && c.want.Err
}

// serve does what a client asks for, until it is gone.
func (m *monitor) serve(c *client) {
	defer m.leave(c)
	for {
		p, err := c.conn.Recv()
		if err != nil {
			return
		}
		switch p.Kind {
		case wire.Launch:
			s, err := wire.ReadStart(p)
			if err != nil {
				c.conn.Send(wire.Failed, []byte(err.Error()))
				return
			}
			m.exec(c, s)
			return
		case wire.Attach, wire.Wait:
			m.ask(c, p)
		case wire.InEnded:
			m.endInput()
		case wire.Accept:
			m.give(c)
		}
		p.Close()
	}
}

// ask notes what a client wants. Whoever comes after the end is told so.
func (m *monitor) ask(c *client, p wire.Packet) {
	w, err := wire.ReadWant(p)
	if err != nil {
		return
	}
	w.Whole = false // only who starts a container makes it wait
	if p.Kind == wire.Attach {
		<-m.begun
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c.mu.Lock() // no output comes before the answer, and none after it is missed
	c.want = w
	if p.Kind == wire.Attach {
		c.conn.Send(wire.Attached, nil, m.input(w)...)
	}
	c.mu.Unlock()
	if m.exit != nil {
		c.hurry()
		c.write(wire.Exited, m.exit.Append(nil))
	}
}

// input is where an attached client writes to.
func (m *monitor) input(w wire.Want) []*os.File {
	switch {
	case m.terminal != nil: // also to tell its size
		return []*os.File{m.terminal}
	case w.In && m.start.In != nil:
		return []*os.File{m.start.In}
	}
	return nil
}

// endInput closes the container's standard input, if it is to end with the
// first who was attached.
func (m *monitor) endInput() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.start.KeepOpen && m.start.In != nil {
		m.start.In.Close()
		m.start.In = nil
	}
}
