package linux

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// WaitAny waits until a child of this process has ended and returns its number;
// the child stays to be reaped. Without children the error is ECHILD. See
// waitid(2).
func WaitAny() (pid int, err error) {
	var info unix.Siginfo
	err = retry("waitid", func() error { return unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOWAIT, nil) })
	return siginfoPid(&info), err
}

// Reap takes the status of a child that has ended, see wait4(2); false where
// there is none that has.
func Reap(pid int) (syscall.WaitStatus, bool) {
	var ws syscall.WaitStatus
	for {
		got, err := syscall.Wait4(pid, &ws, syscall.WNOHANG, nil)
		if err != syscall.EINTR {
			return ws, err == nil && got == pid
		}
	}
}

// CloseOnExec marks every descriptor from first up to be closed by execve(2).
func CloseOnExec(first int) error {
	return retry("close_range", func() error { return unix.CloseRange(uint(first), 1<<31-1, unix.CLOSE_RANGE_CLOEXEC) })
}

// Duplicate returns another descriptor of the same open file, closed on exec.
func Duplicate(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn() // not Fd, which would change the file's mode
	if err != nil {
		return -1, err
	}
	cerr := raw.Control(func(old uintptr) {
		fd, err = retryValue("fcntl F_DUPFD_CLOEXEC", func() (int, error) { return unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3) })
	})
	return fd, errors.Join(cerr, err)
}
