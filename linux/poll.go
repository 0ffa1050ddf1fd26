package linux

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// WaitPriority waits until the kernel says that the content of a file of its own
// is new since it was read last (POLLPRI of poll(2)), as with cgroup.events. The
// bool is false where that did not happen in time.
func WaitPriority(f *os.File, timeout time.Duration) (bool, error) {
	deadline := time.Now().Add(timeout)
	n, err := retryValue("poll", func() (int, error) {
		left := max(time.Until(deadline), 0)
		fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLPRI}}
		return unix.Poll(fds, int((left+time.Millisecond-1)/time.Millisecond))
	})
	return n > 0, err
}

// WaitProcessFor is WaitProcess with an end: the bool is false where the process
// still runs then.
func WaitProcessFor(process *os.File, timeout time.Duration) (ended bool, err error) {
	deadline := time.Now().Add(timeout)
	n, err := retryValue("poll", func() (int, error) {
		left := max(time.Until(deadline), 0)
		return unix.Poll([]unix.PollFd{{Fd: int32(process.Fd()), Events: unix.POLLIN}}, int((left+time.Millisecond-1)/time.Millisecond))
	})
	return n > 0, err
}

// WaitProcess waits until a process, by what [OpenProcess] returned, has ended.
func WaitProcess(process *os.File) error {
	_, err := retryValue("poll", func() (int, error) {
		return unix.Poll([]unix.PollFd{{Fd: int32(process.Fd()), Events: unix.POLLIN}}, -1)
	})
	return err
}
