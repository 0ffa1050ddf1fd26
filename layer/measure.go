package layer

import (
	"errors"
	"os"
	"syscall"

	"mydocker/linux"
)

// Usage is how much is in a directory.
type Usage struct {
	Bytes int64 // in files, as their sizes say; directories do not count
	Disk  int64 // bytes on the disk, with directories
}

// Measure adds up a directory and all below it on the same file system. A file
// of several names counts once. It follows no symbolic link; what goes meanwhile
// does not count.
func Measure(dir string) (Usage, error) {
	d, err := os.Open(dir)
	if err != nil {
		return Usage{}, err
	}
	defer d.Close()
	m := measurement{seen: map[uint64]bool{}}
	top, err := linux.StatAt(d, ".")
	if err != nil {
		return Usage{}, err
	}
	m.on = top.On
	err = m.below(d)
	return m.Usage, err
}

type measurement struct {
	Usage
	on   uint64          // the file system
	seen map[uint64]bool // numbers of files with several names
}

func (m *measurement) below(dir *os.File) error {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, n := range names {
		st, err := linux.StatAt(dir, n)
		if errors.Is(err, os.ErrNotExist) || err == nil && (st.On != m.on || m.known(st)) {
			continue
		}
		if err != nil {
			return err
		}
		m.Disk += st.Blocks * 512
		if !st.IsDir() {
			m.Bytes += st.Size
			continue
		}
		if err := m.enter(dir, n); err != nil {
			return err
		}
	}
	return nil
}

func (m *measurement) enter(dir *os.File, name string) error {
	sub, err := linux.OpenDirAt(dir, name)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) {
		return nil
	}
	if err != nil {
		return err
	}
	defer sub.Close()
	return m.below(sub)
}

// known tells a file that was counted under another name.
func (m *measurement) known(st linux.Stat) bool {
	if st.IsDir() || st.Links < 2 {
		return false
	}
	known := m.seen[st.Inode]
	m.seen[st.Inode] = true
	return known
}
