package bundle

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// fifos are the ends that a process which holds gets.
type fifos struct{ start, result *os.File }

func (f fifos) close() {
	for _, f := range []*os.File{f.start, f.result} {
		if f != nil {
			f.Close()
		}
	}
}

// makeFIFOs makes the two by which Start and the process speak, see fifo(7). The
// process holds both ends of the first, so that it waits even when nobody else
// has it open.
func (d dir) makeFIFOs() (f fifos, err error) {
	for _, name := range []string{startFIFO, resultFIFO} {
		if err := syscall.Mkfifo(d.path(name), 0o600); err != nil {
			return f, fmt.Errorf("mkfifo %s: %w", filepath.Base(name), err)
		}
	}
	if f.start, err = openFIFO(d.path(startFIFO), os.O_RDWR); err != nil {
		return f, err
	}
	// Only a FIFO that somebody reads can be opened for writing at once.
	reader, err := openFIFO(d.path(resultFIFO), os.O_RDONLY|syscall.O_NONBLOCK)
	if err != nil {
		return f, err
	}
	defer reader.Close()
	f.result, err = openFIFO(d.path(resultFIFO), os.O_WRONLY)
	return f, err
}

// openFIFO opens one without the poller of the Go runtime: the file is handed on
// to a process that expects it to block.
func openFIFO(path string, flags int) (*os.File, error) {
	fd, err := syscall.Open(path, flags|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}
