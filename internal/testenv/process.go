package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A process is what /proc tells about one.
type process struct {
	pid, parent int
	state       string // one letter of proc_pid_stat(5)
	start       string // ticks after boot: with pid, who it is
	command     string
}

// processes lists the descendants of the test process, those in a control
// group of an engine, and those that run the command mydocker, dead but not
// waited for (state Z) included.
func processes() ([]string, error) {
	all, err := allProcesses()
	if err != nil {
		return nil, err
	}
	parent := map[int]int{}
	for _, p := range all {
		parent[p.pid] = p.parent
	}
	var list []string
	for _, p := range all {
		if p.pid != os.Getpid() && (descends(p.pid, parent) || p.isEngine()) {
			list = append(list, p.String())
		}
	}
	return list, nil
}

// descends reports whether the test process is among pid's ancestors.
func descends(pid int, parent map[int]int) bool {
	for range len(parent) { // a table read while it changes may have a loop
		if pid = parent[pid]; pid == os.Getpid() {
			return true
		}
		if pid == 0 {
			return false
		}
	}
	return false
}

// deadMark is what tells a process that is dead and not waited for.
const deadMark = ", dead and not waited for"

// String tells what of a process does not change while it lives.
func (p process) String() string {
	dead := ""
	if p.state == "Z" {
		dead = deadMark
	}
	return fmt.Sprintf("%d (started %s%s) %s", p.pid, p.start, dead, p.command)
}

// isEngine reports whether the process is the engine's or a container's. Test
// processes, whose programs end in ".test", are not.
func (p process) isEngine() bool {
	dir := "/proc/" + strconv.Itoa(p.pid)
	exe, err := os.Readlink(dir + "/exe")
	exe = strings.TrimSuffix(exe, " (deleted)")
	if strings.HasSuffix(exe, ".test") {
		return false
	}
	if err == nil && strings.HasPrefix(filepath.Base(exe), "mydocker") || strings.HasPrefix(exe, "/memfd:mydocker") {
		return true
	}
	groups, err := os.ReadFile(dir + "/cgroup")
	return err == nil && strings.Contains(string(groups), "mydocker")
}

func allProcesses() ([]process, error) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var all []process
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		if p, ok := readProcess(pid); ok {
			all = append(all, p)
		}
	}
	return all, nil
}

// readProcess returns false for a process that is gone.
func readProcess(pid int) (process, bool) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return process{}, false
	}
	// The command's name, in parentheses, may hold anything, also ")".
	end := strings.LastIndexByte(string(stat), ')')
	f := strings.Fields(string(stat[end+1:]))
	if end < 0 || len(f) < 20 {
		return process{}, false
	}
	parent, err := strconv.Atoi(f[1])
	if err != nil {
		return process{}, false
	}
	words, _ := os.ReadFile(dir + "/cmdline") // empty for the dead and for the kernel's own
	command := strings.TrimSpace(strings.ReplaceAll(string(words), "\x00", " "))
	if command == "" {
		command = string(stat[strings.IndexByte(string(stat), '(') : end+1])
	}
	return process{pid, parent, f[0], f[19], command}, true
}
