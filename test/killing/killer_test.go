package killing_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"mydocker/linux"
	"mydocker/monitor"
)

// A victim is a process of the engine.
type victim struct {
	pid  int
	kind string
	what string
}

// kill kills, at random moments, until the end.
func (f *field) kill(r *rand.Rand) {
	for {
		select {
		case <-f.over:
			return
		case <-time.After(time.Duration(r.ExpFloat64() * float64(60*time.Millisecond))):
		}
		all := f.victims()
		kinds := map[string][]victim{}
		for _, v := range all {
			kinds[v.kind] = append(kinds[v.kind], v)
		}
		// The rare ones are meant as often as the many.
		if some := kinds[[]string{"command", "command", "monitor", "first process", "finish"}[r.IntN(5)]]; len(some) > 0 {
			f.shoot(some[r.IntN(len(some))])
		}
	}
}

// shoot kills the process, if it is still who it was.
func (f *field) shoot(v victim) {
	p, err := linux.OpenProcess(v.pid)
	if err != nil {
		return
	}
	defer p.Close()
	if slices.Contains(f.victims(), v) && linux.SendSignal(p, syscall.SIGKILL) == nil {
		f.note("killed "+v.kind, "killed %d, %s: %s", v.pid, v.kind, v.what)
	}
}

// victims are the commands of this engine, the monitors of its containers, and
// their first processes.
func (f *field) victims() (all []victim) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		f.failed("%v", err)
	}
	parents, monitors := map[int]int{}, map[int]string{}
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		words := cmdline(pid)
		switch {
		case len(words) > 2 && words[0] == monitor.Name && f.store.Exists(words[2]):
			monitors[pid] = words[2]
			all = append(all, victim{pid, "monitor", words[2][:12]})
		case len(words) > 5 && strings.HasPrefix(filepath.Base(words[0]), "mydocker") && words[2] == f.env.Root:
			kind := "command"
			if words[5] == "finish" {
				kind = "finish"
			}
			all = append(all, victim{pid, kind, strings.Join(words[5:min(9, len(words))], " ")})
		default:
			parents[pid] = parent(pid)
		}
	}
	for pid, p := range parents {
		if id := monitors[p]; id != "" {
			all = append(all, victim{pid, "first process", id[:12]})
		}
	}
	return all
}

// cmdline is the words with which a process was started.
func cmdline(pid int) []string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil || len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// stat is the fields of proc_pid_stat(5) from the state on.
func stat(pid int) ([]string, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 20 {
		return nil, errors.New("a line too short")
	}
	return fields, nil
}

func parent(pid int) int {
	fields, err := stat(pid)
	if err != nil {
		return 0
	}
	p, _ := strconv.Atoi(fields[1])
	return p
}
