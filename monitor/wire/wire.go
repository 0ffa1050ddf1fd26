// Package wire is how the engine and a container's monitor talk: packets over
// a Unix socket of type SOCK_SEQPACKET, see unix(7), each a kind, a payload
// and descriptors. Monitors link it, so it stays small.
package wire

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

// Version is that of the protocol. A monitor of another one refuses to start.
// Monitors outlive the engine that started them: of a container that runs, to
// attach and to wait stay the same in all versions, to start a process is
// refused where the versions differ.
const Version = 1

// A Kind says what a packet is.
type Kind byte

// What the engine sends.
const (
	Launch  Kind = 'L' // a [Start]: the container's first process, or with Exec another one
	Reborn  Kind = 'P' // a number: the process cloned that one to go on in its place
	Begun   Kind = 'B' // it runs the program now; the descriptor is its terminal's master, if any
	Abort   Kind = 'A' // it shall not run: it is killed
	Attach  Kind = 'T' // a [Want]: answered by Attached
	InEnded Kind = 'E' // the input is at its end
	Broken  Kind = 'K' // a [Kind]: output of a process that exec started cannot be passed on
	Wait    Kind = 'W' // a [Want] without streams: answered by Exited, when it has
	Accept  Kind = 'C' // the offer in Exited: answered by Lock
)

// What a monitor answers.
const (
	Forked   Kind = 'p' // a [Process] and its pidfd: it exists
	Failed   Kind = 'e' // an errno and words: it does not
	Ready    Kind = 's' // the answer to Begun: from here on the monitor is responsible
	Attached Kind = 'a' // with a descriptor to write input to, if asked for and there: a pipe, or the terminal's master
	Out      Kind = 'o' // standard output, or what the terminal shows
	Err      Kind = 'r' // standard error
	Skipped  Kind = 'k' // a number of bytes that this reader was too slow for
	Exited   Kind = 'x' // an [Exit]
	Lock     Kind = 'l' // with the lock's descriptor: the receiver is responsible now; without: somebody else is
)

// MaxData is the most bytes of a packet's payload.
const MaxData = 32 << 10

// maxFiles is the most descriptors of a packet.
const maxFiles = 64

// A Conn is one end of a connection. Sends may come from several goroutines,
// receives from one.
type Conn struct {
	f   *os.File
	raw syscall.RawConn
	in  []byte
	oob []byte

	closed atomic.Bool
	frugal bool // no buffer while it waits: one of many

	mu  sync.Mutex // one send at a time
	out []byte
}

// NewConn takes a connected socket over.
func NewConn(fd int) (*Conn, error) {
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(fd), "monitor")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Conn{f: f, raw: raw}, nil
}

// Pair returns a connection and the descriptor of its other end, which is
// closed on exec.
func Pair() (*Conn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	other := os.NewFile(uintptr(fds[1]), "monitor")
	c, err := NewConn(fds[0])
	if err != nil {
		other.Close()
		return nil, nil, err
	}
	return c, other, nil
}

// Close ends the connection, also for those who wait: they get os.ErrClosed.
func (c *Conn) Close() error {
	c.closed.Store(true)
	return c.f.Close()
}

// Send sends a packet; it waits while the receiver is slow.
func (c *Conn) Send(k Kind, payload []byte, files ...*os.File) error {
	_, err := c.send(k, payload, files, true)
	return err
}

// TrySend is Send without the wait: it returns false when the receiver is slow.
func (c *Conn) TrySend(k Kind, payload []byte) (bool, error) { return c.send(k, payload, nil, false) }

func (c *Conn) send(k Kind, payload []byte, files []*os.File, wait bool) (sent bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(append(c.out[:0], byte(k)), payload...)
	var oob []byte
	if len(files) > 0 {
		fds, err := numbers(files)
		if err != nil {
			return false, err
		}
		oob = syscall.UnixRights(fds...)
	}
	var serr error
	err = c.raw.Write(func(fd uintptr) bool {
		for {
			_, serr = syscall.SendmsgN(int(fd), c.out, oob, nil, syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT)
			if serr != syscall.EINTR {
				return serr != syscall.EAGAIN || !wait
			}
		}
	})
	if err == nil && serr == syscall.EAGAIN {
		return false, nil
	}
	if err == nil {
		err = os.NewSyscallError("sendmsg", serr)
	}
	return err == nil, err
}

// numbers returns the files' descriptors. Unlike File.Fd it leaves them in
// non-blocking mode, which all who share a terminal share.
func numbers(files []*os.File) (fds []int, err error) {
	for _, f := range files {
		raw, err := f.SyscallConn()
		if err == nil {
			err = raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) })
		}
		if err != nil {
			return nil, err
		}
	}
	return fds, nil
}

// A Packet is what was received. Payload holds until the next Recv; the files
// are the receiver's to close.
type Packet struct {
	Kind    Kind
	Payload []byte
	Files   []*os.File
}

// Recv waits for a packet. The error is io.EOF when the other end is gone.
func (c *Conn) Recv() (Packet, error) {
	var n, oobn, flags int
	var rerr error
	err := c.raw.Read(func(fd uintptr) bool {
		if c.in == nil {
			c.in, c.oob = make([]byte, MaxData+1), make([]byte, syscall.CmsgSpace(4*maxFiles))
		}
		for {
			n, oobn, flags, _, rerr = syscall.Recvmsg(int(fd), c.in, c.oob, syscall.MSG_CMSG_CLOEXEC)
			if rerr == syscall.EAGAIN && c.frugal {
				c.in = nil
			}
			if rerr != syscall.EINTR {
				return rerr != syscall.EAGAIN
			}
		}
	})
	switch {
	case err != nil && c.closed.Load():
		return Packet{}, os.ErrClosed
	case err != nil:
		return Packet{}, err
	case rerr == syscall.ECONNRESET, rerr == nil && n == 0:
		return Packet{}, io.EOF
	case rerr != nil:
		return Packet{}, os.NewSyscallError("recvmsg", rerr)
	}
	files, err := received(c.oob[:oobn])
	if err == nil && flags&(syscall.MSG_TRUNC|syscall.MSG_CTRUNC) != 0 {
		closeAll(files)
		err = errors.New("a packet was cut off")
	}
	return Packet{Kind(c.in[0]), c.in[1:n], files}, err
}

func received(oob []byte) (files []*os.File, err error) {
	if len(oob) == 0 {
		return nil, nil
	}
	msgs, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("receive descriptors: %w", err)
	}
	for i := range msgs {
		fds, err := syscall.ParseUnixRights(&msgs[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files, nil
}

// Close closes the files of a packet.
func (p Packet) Close() { closeAll(p.Files) }

// File returns the first file, or nil.
func (p Packet) File() *os.File {
	if len(p.Files) == 0 {
		return nil
	}
	return p.Files[0]
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close() // of nil it is an error and no harm
	}
}

// Dial connects to the monitor that listens at path.
func Dial(path string) (*Conn, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	err = withAddress(path, func(a syscall.Sockaddr) error { return syscall.Connect(fd, a) })
	if err != nil {
		syscall.Close(fd)
		return nil, &os.PathError{Op: "connect", Path: path, Err: err}
	}
	return NewConn(fd)
}

// A Listener accepts connections.
type Listener struct {
	f   *os.File
	raw syscall.RawConn
}

// Listen makes a socket at path, for its owner alone. What is there, from
// somebody who is gone, is replaced.
func Listen(path string) (*Listener, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	os.Remove(path)
	err = withAddress(path, func(a syscall.Sockaddr) error { return syscall.Bind(fd, a) })
	if err == nil {
		err = syscall.Chmod(path, 0o600)
	}
	if err == nil {
		err = syscall.Listen(fd, 128)
	}
	if err != nil {
		syscall.Close(fd)
		return nil, &os.PathError{Op: "listen", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	raw, err := f.SyscallConn()
	return &Listener{f, raw}, err
}

// Accept waits for a connection.
func (l *Listener) Accept() (*Conn, error) {
	var fd int
	var aerr error
	err := l.raw.Read(func(s uintptr) bool {
		fd, _, aerr = syscall.Accept4(int(s), syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK)
		return aerr != syscall.EAGAIN && aerr != syscall.EINTR && aerr != syscall.ECONNABORTED
	})
	if err == nil {
		err = os.NewSyscallError("accept4", aerr)
	}
	if err != nil {
		return nil, err
	}
	c, err := NewConn(fd)
	if err == nil {
		c.frugal = true
	}
	return c, err
}

// Close ends listening.
func (l *Listener) Close() error { return l.f.Close() }

// maxPath is the longest path of a socket's address.
const maxPath = 107

// withAddress calls f with the address of path, however long that is.
func withAddress(path string, f func(syscall.Sockaddr) error) error {
	if len(path) <= maxPath {
		return f(&syscall.SockaddrUnix{Name: path})
	}
	const oPath = 0x200000
	dir, err := syscall.Open(filepath.Dir(path), oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(dir)
	return f(&syscall.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(dir) + "/" + filepath.Base(path)})
}
