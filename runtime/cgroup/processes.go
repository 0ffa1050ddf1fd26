package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
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

// Signal sends a signal to every process of a container. They are frozen
// meanwhile, where that is possible, so that none is born that does not get it;
// what was frozen before stays so, and gets it after the thaw.
func Signal(l Layout, path string, sig syscall.Signal) error {
	if sig == syscall.SIGKILL {
		return Kill(l, path)
	}
	if frozen, err := Frozen(l, path); err == nil && !frozen && Freeze(l, path) == nil {
		defer Thaw(l, path)
	}
	pids, err := Processes(l, path)
	for _, pid := range pids {
		if kerr := syscall.Kill(pid, sig); kerr != nil && kerr != syscall.ESRCH {
			err = errors.Join(err, fmt.Errorf("signal process %d: %w", pid, kerr))
		}
	}
	return err
}

// CheckEmpty refuses a group for a new container that has processes already, or
// in which they would be frozen. One that is not there is empty. It looks at all
// hierarchies: who ends the container kills what is in any of them.
func CheckEmpty(l Layout, path string) error {
	for _, dir := range l.groups(path) {
		if _, err := os.Lstat(dir); err != nil {
			continue
		}
		pids, err := processesBelow(dir)
		if err != nil {
			return fmt.Errorf("unable to get cgroup PIDs: %w", err)
		}
		if len(pids) > 0 {
			return fmt.Errorf("container's cgroup is not empty: %d process(es) found", len(pids))
		}
	}
	if frozen, err := Frozen(l, path); err == nil && frozen {
		return errors.New("container's cgroup unexpectedly frozen")
	}
	return nil
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

// killGroup kills every process in a group and those below, also such that are
// born meanwhile.
func killGroup(dir string) error {
	if write(dir, "cgroup.kill", "1") == nil { // version 2, Linux 5.14
		return nil
	}
	killed := map[int]bool{}
	for range 100 {
		pids, err := processesBelow(dir)
		if err != nil {
			return err
		}
		before := len(killed)
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
			killed[pid] = true
		}
		if len(killed) == before {
			break
		}
	}
	return nil
}

// readNumber reads a file with one number; "max" is the largest.
func readNumber(dir, file string) (uint64, error) {
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return 0, err
	}
	text := strings.TrimSpace(string(b))
	if text == "max" {
		return math.MaxUint64, nil
	}
	return strconv.ParseUint(text, 10, 64)
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
