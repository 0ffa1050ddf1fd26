package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Processes returns the IDs of a container's processes, as the host counts them:
// those in its group, or a group below, of any hierarchy. The smallest is first.
func Processes(l Layout, path string) ([]int, error) {
	var pids []int
	for _, dir := range l.groups(path) {
		below, err := processesBelow(dir)
		if err != nil {
			return nil, err
		}
		pids = append(pids, below...)
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// groups returns a container's group in every hierarchy.
func (l Layout) groups(path string) (dirs []string) {
	for _, h := range l.Hierarchies {
		dirs = append(dirs, h.dir(path))
	}
	if l.Unified != "" {
		dirs = append(dirs, l.dir(path))
	}
	return dirs
}

// processesBelow lists a group and those below. Groups that go meanwhile, or are
// not there, are empty.
func processesBelow(dir string) (pids []int, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if gone(err) {
			return nil
		}
		if err != nil || !e.IsDir() {
			return err
		}
		here, err := processes(path)
		if err != nil && !gone(err) {
			return err
		}
		pids = append(pids, here...)
		return nil
	})
	return pids, err
}

// gone tells what says that a group was removed. EOPNOTSUPP: a threaded group of
// version 2, whose processes are listed by the one above.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.EOPNOTSUPP)
}

// killGroup kills every process in a group and those below.
func killGroup(dir string) error {
	if write(dir, "cgroup.kill", "1") == nil { // version 2, Linux 5.14
		return nil
	}
	pids, err := processesBelow(dir)
	for _, pid := range pids {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	return err
}

func processes(dir string) (pids []int, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	for _, f := range strings.Fields(string(b)) {
		if pid, err := strconv.Atoi(f); err == nil && pid > 0 { // 0: of another PID namespace
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
