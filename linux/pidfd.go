package linux

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// OpenProcess returns a descriptor of a process, see pidfd_open(2). It stands
// for that process even when its number is given to another; whether the number
// was still the one meant is to be looked at after the opening.
func OpenProcess(pid int) (*os.File, error) {
	fd, err := retryValue("pidfd_open", func() (int, error) { return unix.PidfdOpen(pid, 0) })
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

// SendSignal sends a signal to a process, by what [OpenProcess] returned; see
// pidfd_send_signal(2).
func SendSignal(process *os.File, sig syscall.Signal) error {
	return retry("pidfd_send_signal", func() error {
		return unix.PidfdSendSignal(int(process.Fd()), sig, nil, 0)
	})
}

// TakeFile returns a descriptor like one of another process, which has it as fd;
// see pidfd_getfd(2).
func TakeFile(process *os.File, fd int) (*os.File, error) {
	got, err := retryValue("pidfd_getfd", func() (int, error) { return unix.PidfdGetfd(int(process.Fd()), fd, 0) })
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(got), "taken"), nil
}
