package linux

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// SetWindowSize sets the size of a terminal's window, in characters; see
// TIOCSWINSZ of ioctl_tty(2).
func SetWindowSize(f *os.File, width, height uint16) error {
	raw, err := f.SyscallConn() // not Fd, which would make reads of others block
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) {
		err = retry("ioctl TIOCSWINSZ", func() error {
			return unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height})
		})
	})
	return errors.Join(cerr, err)
}
