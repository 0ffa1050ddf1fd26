package runtime

import (
	"encoding/binary"
	"io"
	"os"
	"syscall"

	"mydocker/initprog"
)

// An Exit is how a container's program ended.
type Exit struct {
	Code   int            // of exit(2), or 128+Signal
	Signal syscall.Signal // that killed it, or 0
}

// self is the Parent that the calling process is.
type self struct{}

func (self) Fork(p initprog.Start, _ *os.File) (int, error) { return initprog.Fork(p) }
func (self) Reborn(first, _ int) error                      { return reap(first, nil) }

// Kill may go by the number: the process is a child and not yet waited for.
func (self) Kill(pid int) {
	syscall.Kill(pid, syscall.SIGKILL)
	reap(pid, nil)
}

// Wait waits until the container's first process has ended.
func (r *Running) Wait() (Exit, error) {
	var ws syscall.WaitStatus
	if err := reap(r.Pid, &ws); err != nil {
		return Exit{}, err
	}
	if r.status != nil {
		defer r.status.Close()
		info := make([]byte, 128)
		if _, err := io.ReadFull(r.status, info); err == nil {
			return exitOf(info), nil
		}
	}
	if ws.Signaled() {
		return Exit{128 + int(ws.Signal()), ws.Signal()}, nil
	}
	return Exit{Code: ws.ExitStatus()}, nil
}

// exitOf reads a siginfo_t of waitid(2).
func exitOf(info []byte) Exit {
	const cldExited = 1
	code, status := binary.NativeEndian.Uint32(info[8:]), int(binary.NativeEndian.Uint32(info[24:]))
	if code == cldExited {
		return Exit{Code: status}
	}
	return Exit{128 + status, syscall.Signal(status)}
}

// Close lets go of the terminal.
func (r *Running) Close() { closeFiles([]*os.File{r.Console, r.status}) }

// Signal sends a signal to the container's first process.
func (r *Running) Signal(s syscall.Signal) error {
	return os.NewSyscallError("kill", syscall.Kill(r.Pid, s))
}

func reap(pid int, ws *syscall.WaitStatus) error {
	for {
		_, err := syscall.Wait4(pid, ws, 0, nil)
		if err != syscall.EINTR {
			return os.NewSyscallError("wait4", err)
		}
	}
}
