package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"mydocker/linux"
)

// A rootView reads the files of a container that runs. Its processes may change
// them meanwhile, and put anything in their place: every path is resolved by
// the kernel inside of the root, and only what is known to be a regular file is
// opened, so that no device is touched and no FIFO waited for.
type rootView struct{ root *os.File }

// openRootView takes hold of the root of a process, which target, a pidfd, tells
// from a later one of the same number. The caller closes it.
func openRootView(pid int, target *os.File) (rootView, error) {
	root, err := linux.OpenDir(fmt.Sprintf("/proc/%d/root", pid))
	if err != nil {
		return rootView{}, err
	}
	if err := linux.SendSignal(target, 0); err != nil {
		root.Close()
		return rootView{}, fmt.Errorf("the container's first process: %w", err)
	}
	return rootView{root}, nil
}

func (v rootView) Close() error { return v.root.Close() }

// Open opens a regular file for reading; see [oci.Files].
func (v rootView) Open(name string) (io.ReadCloser, error) { return v.regular(name) }

func (v rootView) regular(name string) (*os.File, error) {
	return v.reopen(name, syscall.O_RDONLY, fs.FileMode.IsRegular, errNotRegular)
}

// reopen opens what a path leads to, once it is known to be of the right kind.
// The descriptor that was looked at is opened again, not the path.
func (v rootView) reopen(name string, flags int, right func(fs.FileMode) bool, wrong error) (*os.File, error) {
	at, err := linux.OpenIn(v.root, rel(name), linux.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	defer at.Close()
	st, err := at.Stat()
	if err == nil && !right(st.Mode()) {
		err = wrong
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f, err := os.OpenFile("/proc/self/fd/"+strconv.Itoa(int(at.Fd())), flags, 0)
	var path *fs.PathError
	if errors.As(err, &path) {
		path.Path = name
	}
	return f, err
}

func (v rootView) stat(name string) (fs.FileInfo, error) {
	f, err := linux.OpenIn(v.root, rel(name), linux.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

func (v rootView) names(dir string) []string {
	f, err := v.reopen(dir, syscall.O_RDONLY, fs.FileMode.IsDir, syscall.ENOTDIR)
	if err != nil {
		return nil
	}
	defer f.Close()
	n, _ := f.Readdirnames(20000)
	return n
}
