package monitor

import (
	"io"
	"os"
	"syscall"

	"mydocker/monitor/wire"
)

// A session is a process between clone(2) and its end, and the client that
// starts it.
type session struct {
	client   *client
	start    *wire.Start
	kids     *children
	child    *child
	terminal *os.File // its master, once it runs
}

// outcome is how a start went.
type outcome int

const (
	running  outcome = iota
	refused          // the client gave it up, or it could not be started
	orphaned         // the client is gone
)

// begin starts the process and follows the client's words until it runs its
// program. In every other outcome it is dead.
func (s *session) begin() outcome {
	if !s.fork() {
		return refused
	}
	for {
		p, err := s.client.conn.Recv()
		if err != nil {
			s.child.kill()
			return orphaned
		}
		switch p.Kind {
		case wire.Reborn:
			s.reborn(p)
		case wire.Begun:
			s.terminal = p.File()
			return running
		default: // Abort, or nothing that belongs here
			p.Close()
			s.child.kill()
			return refused
		}
	}
}

func (s *session) fork() bool {
	var err error
	s.child, err = s.kids.fork(s.start.Process)
	s.start.CloseProcess()
	if err != nil {
		s.client.conn.Send(wire.Failed, []byte(err.Error()))
		return false
	}
	s.told()
	return true
}

// told tells the client which process it is.
func (s *session) told() {
	who := wire.Process{Pid: s.child.pid, Ticks: s.child.ticks}.Append(nil)
	if f := s.child.file; f != nil {
		s.client.conn.Send(wire.Forked, who, f)
		return
	}
	s.client.conn.Send(wire.Forked, who)
}

// reborn lets the first process go, for the one that it cloned.
func (s *session) reborn(p wire.Packet) {
	pid, err := wire.ReadNumber(p)
	if err != nil {
		return
	}
	first := s.child
	s.child = s.kids.know(pid)
	<-first.ended
	first.close()
	s.told()
}

// exec starts another process in the container, and stays with it while its
// client is there. Its streams are between it and the client; here they are
// held, so that it can live on when the client is gone.
func (m *monitor) exec(c *client, start *wire.Start) {
	<-m.begun // before, the container's root is still the host's
	m.mu.Lock()
	c.exec = true
	m.mu.Unlock()
	s := &session{client: c, start: start, kids: m.kids}
	if !start.Exec || !m.beginSession() {
		start.CloseProcess()
		closeFiles(start.In, start.Out, start.Err)
		c.conn.Send(wire.Failed, []byte("the container has ended"))
		return
	}
	if s.begin() != running {
		m.sessions.Done()
		closeFiles(start.In, start.Out, start.Err)
		return
	}
	c.conn.Send(wire.Ready, nil)
	go func() {
		defer m.sessions.Done()
		ws := <-s.child.ended
		s.child.close()
		c.write(wire.Exited, wire.Exit{Code: code(ws)}.Append(nil))
	}()
	for {
		p, err := c.conn.Recv()
		if err != nil {
			break
		}
		switch {
		case p.Kind == wire.InEnded:
			closeFiles(start.In)
		case p.Kind == wire.Broken && string(p.Payload) == string(wire.Out):
			closeFiles(start.Out)
		case p.Kind == wire.Broken:
			closeFiles(start.Err)
		}
		p.Close()
	}
	closeFiles(start.In)
	for _, f := range []*os.File{start.Out, start.Err, s.terminal} {
		if f != nil {
			go discard(f)
		}
	}
}

// beginSession returns false when the container has ended.
func (m *monitor) beginSession() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.ending {
		m.sessions.Add(1)
	}
	return !m.ending
}

// endSessions waits until everything that exec started has ended.
func (m *monitor) endSessions() {
	m.mu.Lock()
	m.ending = true
	m.mu.Unlock()
	m.sessions.Wait()
}

// discard reads what nobody wants any more, so that its writer does not wait.
func discard(f *os.File) {
	p := pollable(f)
	f.Close()
	defer p.Close()
	io.Copy(io.Discard, p)
}

// code is an exit code, as a shell tells it.
func code(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

func closeFiles(files ...*os.File) {
	for _, f := range files {
		f.Close() // of nil it is an error and no harm
	}
}
