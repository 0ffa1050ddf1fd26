package linux

import (
	"os"

	"golang.org/x/sys/unix"
)

// EventFD makes a counter that the kernel, or anybody, may write to, and whose
// reader waits; see eventfd(2). The caller closes it.
func EventFD() (*os.File, error) {
	fd, err := retryValue("eventfd", func() (int, error) {
		return unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "eventfd"), nil
}
