package runtime_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
	"mydocker/runtime"
)

// An agent answers system calls: every one with error number 99, but for those
// that the filter is loaded with, which go on.
type agent struct {
	t     *testing.T
	path  string
	state chan specs.ContainerProcessState
	asked chan int // numbers of system calls
	done  chan error

	leaves bool // as soon as it is asked
}

func newAgent(t *testing.T) *agent {
	t.Helper()
	a := &agent{t: t, path: filepath.Join(testenv.Dir(t), "agent"), state: make(chan specs.ContainerProcessState, 1), asked: make(chan int, 100), done: make(chan error, 1)}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: a.path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetDeadline(time.Now().Add(time.Minute))
	go func() { a.done <- a.serve(l) }()
	t.Cleanup(func() {
		l.Close()
		if err := <-a.done; err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error("agent: ", err)
		}
	})
	return a
}

// serve takes one state.
func (a *agent) serve(l *net.UnixListener) error {
	c, err := l.AcceptUnix()
	if err != nil {
		return err
	}
	defer c.Close()
	text, oob := make([]byte, 64<<10), make([]byte, 64)
	n, on, _, _, err := c.ReadMsgUnix(text, oob)
	if err != nil {
		return err
	}
	var s specs.ContainerProcessState
	if err := json.Unmarshal(text[:n], &s); err != nil {
		return err
	}
	msgs, err := syscall.ParseSocketControlMessage(oob[:on])
	if err != nil || len(msgs) != 1 {
		return errors.New("no descriptor came")
	}
	fds, err := syscall.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		return errors.New("not one descriptor came")
	}
	defer syscall.Close(fds[0])
	a.state <- s
	if a.leaves {
		return nil
	}
	return a.answer(fds[0])
}

// answer goes on until no process has the filter any more; see
// seccomp_unotify(2) for the numbers and the structures.
func (a *agent) answer(fd int) error {
	const recv, send, flagContinue = 0xc0502100, 0xc0182101, 1
	for {
		var notif [80]byte
		if errno := ioctl(fd, recv, unsafe.Pointer(&notif)); errno == syscall.EINTR {
			continue
		} else if errno != 0 {
			return nil // ENOENT: all are gone
		}
		nr := int(int32(binary.NativeEndian.Uint32(notif[16:])))
		a.asked <- nr
		var resp [24]byte
		copy(resp[:8], notif[:8])
		if nr == syscall.SYS_GETPPID {
			binary.NativeEndian.PutUint32(resp[16:], uint32(0xffffffff&-99))
		} else {
			binary.NativeEndian.PutUint32(resp[20:], flagContinue)
		}
		if errno := ioctl(fd, send, unsafe.Pointer(&resp)); errno != 0 && errno != syscall.ENOENT {
			return errno
		}
	}
}

func ioctl(fd int, call uintptr, arg unsafe.Pointer) syscall.Errno {
	if !readable(fd) {
		return syscall.ENOENT
	}
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), call, uintptr(arg))
	return errno
}

// readable waits until there is something to read, or nobody left.
func readable(fd int) bool {
	const in, out, hup = 1, 4, 16
	p := struct {
		fd              int32
		events, revents int16
	}{int32(fd), in | out, 0}
	syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, 0, 0, 8, 0)
	return p.revents&hup == 0
}

func notifies(path string, names ...string) *specs.LinuxSeccomp {
	return &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: path, ListenerMetadata: "for you",
		Flags:    []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagWaitKillableRecv},
		Syscalls: []specs.LinuxSyscall{{Names: names, Action: specs.ActNotify}}}
}

// TestSeccompNotify has a filter that asks an agent about getppid(2), loaded
// as the last thing (no_new_privs) and before capabilities are given up; and
// about calls with which it is loaded, which write(2) is the only one not to be.
func TestSeccompNotify(t *testing.T) {
	f := newForeign(t)
	for _, c := range []struct {
		name  string
		nnp   bool
		calls []string
	}{
		{"last", true, []string{"getppid"}},
		{"before the capabilities go", false, []string{"getppid"}},
		{"read", true, []string{"getppid", "read", "close", "close_range", "execve", "openat"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.t = t
			a := newAgent(t)
			f.spec.Process.NoNewPrivileges = c.nnp
			f.spec.Linux.Seccomp = notifies(a.path, c.calls...)
			state := specs.State{Version: specs.Version, ID: "me", Status: specs.StateCreating, Bundle: "/b"}
			f.listener = runtime.NewListener(f.spec.Linux.Seccomp, f.filter(), func() specs.State { return state })
			run, r, err := f.start("/look", "110")
			got := <-a.state
			out, code, err := f.end(run, r, err)
			if err != nil || code != 0 || grep(out, "^syscall") != "syscall 110 -1 Cannot assign requested address\n" {
				t.Errorf("exit code %d, %v\n%s", code, err, grep(out, "^syscall"))
			}
			state.Pid = run.Pid
			want := specs.ContainerProcessState{Version: specs.Version, Fds: []string{"seccompFd"}, Pid: run.Pid, Metadata: "for you", State: state}
			if text(t, got) != text(t, want) {
				t.Errorf("got the state\n%s\nwant\n%s", text(t, got), text(t, want))
			}
			if n := len(a.asked); n < len(c.calls) && n == 0 {
				t.Error("the agent was not asked")
			}
		})
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestSeccompNotifyJoined asks the agent of a joining process.
func TestSeccompNotifyJoined(t *testing.T) {
	f := newForeign(t)
	run := f.lasting()
	a := newAgent(t)
	f.spec.Linux.Seccomp = notifies(a.path, "getppid")
	f.listener = runtime.NewListener(f.spec.Linux.Seccomp, f.filter(), func() specs.State { return specs.State{} })
	if got := grep(f.joined(run, "/look", "110"), "^syscall"); got != "syscall 110 -1 Cannot assign requested address\n" {
		t.Errorf("got %q", got)
	}
	<-a.state
}

// TestSeccompNotifyLeft has an agent that goes away before the program is executed,
// which it should have been asked about: it cannot be executed.
func TestSeccompNotifyLeft(t *testing.T) {
	f := newForeign(t)
	a := newAgent(t)
	a.leaves = true
	f.spec.Linux.Seccomp = notifies(a.path, "execve")
	f.listener = runtime.NewListener(f.spec.Linux.Seccomp, f.filter(), func() specs.State { return specs.State{} })
	f.refused("function not implemented", "true")
}

// TestSeccompNotifyNobody has no agent, and then nobody who would look for one:
// the container is not started, and no process is left.
func TestSeccompNotifyNobody(t *testing.T) {
	f := newForeign(t)
	f.spec.Linux.Seccomp = notifies(filepath.Join(testenv.Dir(t), "none"), "getppid")
	f.listener = runtime.NewListener(f.spec.Linux.Seccomp, f.filter(), func() specs.State { return specs.State{} })
	f.refused("seccomp listener", "true")
	if _, err := os.Stat(f.listener.Path); err == nil {
		t.Error("something was made there")
	}
	f.listener = nil
	f.refused("nobody listens", "true")
	f.spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}
	if runtime.NewListener(f.spec.Linux.Seccomp, f.filter(), nil) != nil {
		t.Error("a filter without notifications gets a listener")
	}
	if got := f.run("cat", "/proc/self/status"); !strings.Contains(got, "Seccomp:\t2\n") {
		t.Error("no filter is loaded")
	}
}
