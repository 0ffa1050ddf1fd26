package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/linux"
	"mydocker/runtime/security"
	"mydocker/runtime/security/seccomp"
)

// A Listener brings the descriptor on which a container's system calls are
// answered to who answers them: see linux.seccomp.listenerPath and the
// container process state in config-linux.md of the runtime specification.
type Listener struct {
	Path     string             // the agent's socket, AF_UNIX and SOCK_STREAM
	Metadata string             // for the agent
	State    func() specs.State // of the container; its Pid is filled in

	pipe *os.File // wakes the process
}

// NewListener returns who is to be in [Launch.Listener] for the container's or
// a joining process's filter, or nil where it asks nobody. State is called
// when the process is there.
func NewListener(p *specs.LinuxSeccomp, f *seccomp.Filter, state func() specs.State) *Listener {
	if f == nil || !f.Listens() {
		return nil
	}
	return &Listener{Path: p.ListenerPath, Metadata: p.ListenerMetadata, State: state}
}

// note does what the process with that number waits for; see package security.
// An error means that the process must not go on: it ends when the caller gives
// it up.
func (l *Listener) note(pid, kind, value int) error {
	if kind != security.NotePipe && kind != security.NoteListener {
		return nil
	}
	if l == nil {
		return errors.New("the seccomp filter has a listener, but nobody listens")
	}
	f, err := take(pid, value)
	if err != nil {
		return fmt.Errorf("seccomp listener: %w", err)
	}
	if kind == security.NotePipe {
		l.pipe = f
		return l.wake()
	}
	defer l.close()
	defer f.Close()
	if err := l.send(pid, f); err != nil {
		return fmt.Errorf("seccomp listener %s: %w", l.Path, err)
	}
	return l.wake()
}

func take(pid, fd int) (*os.File, error) {
	p, err := linux.OpenProcess(pid)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	return linux.TakeFile(p, fd)
}

func (l *Listener) wake() error {
	_, err := l.pipe.Write([]byte{1})
	return err
}

// close lets go of the process, which ends if it still waits. More than once
// and for none, nothing happens.
func (l *Listener) close() {
	if l != nil && l.pipe != nil {
		l.pipe.Close()
		l.pipe = nil
	}
}

// send sends one state over a connection of its own.
func (l *Listener) send(pid int, fd *os.File) error {
	state := l.State()
	state.Pid = pid
	text, err := json.Marshal(specs.ContainerProcessState{
		Version: specs.Version, Fds: []string{specs.SeccompFdName}, Pid: pid, Metadata: l.Metadata, State: state,
	})
	if err != nil {
		return err
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: l.Path, Net: "unix"})
	if err != nil {
		return err
	}
	defer conn.Close()
	n, _, err := conn.WriteMsgUnix(text, syscall.UnixRights(int(fd.Fd())), nil)
	for err == nil && n < len(text) { // the descriptor went with the first part
		text = text[n:]
		n, err = conn.Write(text)
	}
	return err
}
