package killing_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"mydocker/container"
	"mydocker/internal/testenv"
	"mydocker/monitor"
)

// interval is how often is looked at what sends no event.
const interval = 20 * time.Millisecond

// thaw waits for the workers. What is paused would keep them waiting.
func (f *field) thaw(all *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for {
		for _, name := range names {
			f.command("unpause", name).Run()
		}
		select {
		case <-done:
			return
		case <-time.After(10 * interval):
		}
	}
}

// command is one of the end, when nobody is killed any more.
func (f *field) command(args ...string) *exec.Cmd {
	return exec.Command(f.binary, append(f.env.Flags(), args...)...)
}

// settle waits until those who take containers back are done.
func (f *field) settle() {
	for end := time.Now().Add(patience); ; time.Sleep(interval) {
		busy := f.busy()
		if busy == "" {
			return
		}
		if time.Now().After(end) {
			f.failed("container %s is neither running nor free\n%s", busy, f.stuck(os.Getpid()))
			return
		}
	}
}

// busy returns a container that somebody holds though it does not run.
func (f *field) busy() string {
	ids, err := f.store.Active()
	if err != nil {
		f.failed("%v", err)
	}
	for _, id := range ids {
		r, err := f.store.Load(id)
		if f.store.Alive(id) && (err != nil || !running(r)) {
			return id
		}
	}
	return ""
}

// running tells whether the process is alive that the record means.
func running(r *container.Record) bool {
	if r.Pid <= 0 || r.Status != container.Running && r.Status != container.Paused {
		return false
	}
	ticks, err := container.StartTicks(r.Pid)
	if err != nil || ticks != r.StartTicks {
		return false
	}
	fields, err := stat(r.Pid)
	return err == nil && fields[0] != "Z" && fields[0] != "X"
}

// check compares what `ps -a` says with what is.
func (f *field) check() {
	out, err := f.command("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}} {{.Names}}").CombinedOutput()
	if err != nil {
		f.failed("ps -a: %v\n%s", err, out)
		return
	}
	f.t.Logf("at the end:\n%s", out)
	listed := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		var id, state, name string
		if _, err := fmt.Sscan(line, &id, &state, &name); err != nil {
			f.failed("ps -a says %q", line)
			continue
		}
		listed[id] = true
		f.compare(id, state, name)
	}
	for pid, id := range f.monitors() {
		if !listed[id] {
			f.failed("process %d is the monitor of %.12s, which is not there", pid, id)
		}
	}
}

func (f *field) compare(id, state, name string) {
	r, err := f.store.Load(id)
	if err != nil {
		f.failed("%v", err)
		return
	}
	alive, held := running(r), f.store.Alive(id)
	switch state {
	case "running", "paused":
		if !alive || !held || f.monitor(id) == 0 {
			f.failed("%s (%.12s) is said to be %s: process %d alive %v, lock held %v, monitor %d\n%s",
				name, id, state, r.Pid, alive, held, f.monitor(id), f.stuck(r.Pid))
		}
	case "created", "exited":
		if left := f.remaining(id); held || f.monitor(id) != 0 || len(left) > 0 {
			f.failed("%s (%.12s) is said to be %s: lock held %v, monitor %d, processes %v", name, id, state, held, f.monitor(id), left)
		}
	default:
		f.failed("%s is said to be %s", name, state)
	}
	if found, err := f.store.Find(name); err != nil || found.ID != id {
		owner, _ := os.ReadFile(filepath.Join(f.env.Root, "names", name))
		f.failed("by its name %s, which is %.12s's, container %.12s is not found: %v\n%s\nabout these:\n%s", name, owner, id, err,
			f.records(id), f.about(name, id[:12], string(owner[:min(12, len(owner))])))
	}
}

// records returns what the files of a container's record hold.
func (f *field) records(id string) string {
	files, _ := filepath.Glob(filepath.Join(f.env.Root, "containers", id, "record.*"))
	var b strings.Builder
	for _, file := range files {
		text, _ := os.ReadFile(file)
		fmt.Fprintf(&b, "%s: %s\n", filepath.Base(file), text)
	}
	return b.String()
}

// monitors are those of the engine's containers.
func (f *field) monitors() map[int]string {
	all := map[int]string{}
	for _, v := range f.victims() {
		if words := cmdline(v.pid); v.kind == "monitor" && len(words) > 2 && words[0] == monitor.Name {
			all[v.pid] = words[2]
		}
	}
	return all
}

func (f *field) monitor(id string) int {
	for pid, of := range f.monitors() {
		if of == id {
			return pid
		}
	}
	return 0
}

// remaining are the processes of a container that ended. Those killed with their
// monitor have the machine's first process for a parent, which takes its time to
// wait for them; the first of a PID namespace stays until all others were.
func (f *field) remaining(id string) (pids []int) {
	for end := time.Now().Add(patience); ; time.Sleep(interval) {
		if pids = f.processes(id); len(pids) == 0 || time.Now().After(end) {
			return pids
		}
	}
}

// processes are those in the container's control groups that are alive. One that
// was killed with its monitor keeps its groups until the machine's first process
// has waited for it.
func (f *field) processes(id string) (pids []int) {
	dirs, _ := os.ReadDir("/proc")
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		groups, err := os.ReadFile(filepath.Join("/proc", d.Name(), "cgroup"))
		if err == nil && strings.Contains(string(groups), id) && !zombie(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// zombie tells a process that has ended and is not waited for yet.
func zombie(pid int) bool {
	fields, err := stat(pid)
	return err != nil || fields[0] == "Z"
}

// clear removes all containers, and then nothing may be there. Leaks looks for
// what is not in the engine's directories.
func (f *field) clear() {
	ids, err := f.command("ps", "-aq", "--no-trunc").Output()
	if err != nil {
		f.failed("ps -aq: %v", err)
	}
	if all := strings.Fields(string(ids)); len(all) > 0 {
		if out, err := f.command(append([]string{"rm", "-f"}, all...)...).CombinedOutput(); err != nil {
			f.failed("rm -f: %v\n%s", err, out)
		}
	}
	for _, dir := range []string{f.env.State + "/containers", f.env.State + "/monitors", f.env.Root + "/containers", f.env.Root + "/names"} {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			f.failed("left in %s: %v %v", dir, left, err)
		}
	}
	if f.t.Failed() {
		f.sweep()
	}
	f.command("ps").Run() // gives back what nobody has any more
	testenv.Reaped(f.t, "veth")
}

// sweep ends what a failed test left, so that the machine is free for others.
func (f *field) sweep() {
	for _, v := range f.victims() {
		syscall.Kill(v.pid, syscall.SIGKILL)
	}
	f.command("ps").Run()
}
