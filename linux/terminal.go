package linux

import (
	"os"

	"golang.org/x/sys/unix"
)

// SetWindowSize sets the size of a terminal's window, in characters; see
// TIOCSWINSZ of ioctl_tty(2).
func SetWindowSize(f *os.File, width, height uint16) error {
	return retry("ioctl TIOCSWINSZ", func() error {
		return unix.IoctlSetWinsize(int(f.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height})
	})
}
