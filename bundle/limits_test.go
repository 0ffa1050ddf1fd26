package bundle_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
	"mydocker/runtime/cgroup/stat"
)

// file returns a file of the container's group: by its name of version 2, or by
// its controller and name of version 1.
func (p *place) file(v2, controller, v1 string) string {
	top := "/sys/fs/cgroup"
	if testenv.CgroupMode() == testenv.CgroupV2 {
		return filepath.Join(top, p.spec.Linux.CgroupsPath, v2)
	}
	return filepath.Join(top, controller, p.spec.Linux.CgroupsPath, v1)
}

// holds reads a file of a control group.
func (p *place) holds(want, file string) {
	p.t.Helper()
	if b, err := os.ReadFile(file); err != nil || strings.TrimSpace(string(b)) != want {
		p.t.Errorf("%s is %q (%v), want %q", file, b, err, want)
	}
}

// running makes a container and starts it.
func (p *place) running(id string) {
	p.t.Helper()
	p.create(id)
	p.ok("start", id)
}

// processes waits until a container has so many.
func (p *place) processes(id string, want int) {
	p.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var pids []int
		if err := json.Unmarshal([]byte(p.ok("ps", "-f", "json", id)), &pids); err != nil {
			p.t.Fatal(err)
		}
		if len(pids) == want {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("container %s has processes %v, not %d", id, pids, want)
		}
	}
}

func ptr[T any](v T) *T { return &v }

// TestUpdate: limits are changed, those that are not named stay, and a document
// is taken from a file or from standard input.
func TestUpdate(t *testing.T) {
	p := newPlace(t, "exec sleep 1000")
	v2 := testenv.CgroupMode() == testenv.CgroupV2
	p.spec.Linux.Resources = &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}, Pids: &specs.LinuxPids{Limit: ptr(int64(50))},
	}
	memory, pids := p.file("memory.max", "memory", "memory.limit_in_bytes"), p.file("pids.max", "pids", "pids.max")
	cpu := func(quota, period string) {
		t.Helper()
		if v2 {
			p.holds(quota+" "+period, p.file("cpu.max", "", ""))
			return
		}
		p.holds(quota, p.file("", "cpu", "cpu.cfs_quota_us"))
		p.holds(period, p.file("", "cpu", "cpu.cfs_period_us"))
	}
	p.running("c")
	p.holds("67108864", memory)
	p.ok("update", "--memory", "32m", "--cpu-quota", "50000", "c")
	p.holds("33554432", memory)
	p.holds("50", pids)
	cpu("50000", "100000")
	p.ok("update", "--pids-limit", "20", "--cpu-period", "200000", "c")
	p.holds("20", pids)
	p.holds("33554432", memory)
	cpu("50000", "200000")
	file := filepath.Join(p.bundle, "limits.json")
	if err := os.WriteFile(file, []byte(`{"memory":{"limit":50331648},"cpu":{"quota":25000,"period":50000},"pids":{"limit":-1}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p.ok("update", "--resources", file, "c")
	p.holds("50331648", memory)
	p.holds("max", pids)
	cpu("25000", "50000")
	c := p.cmd("update", "-r", "-", "c")
	c.Stdin = strings.NewReader(`{"pids":{"limit":30}}`)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v %s", err, out)
	}
	p.holds("30", pids)
	p.fails(1, "open nope: no such file or directory", "update", "-r", "nope", "c")
	p.fails(1, "invalid size", "update", "--memory", "x", "c")
	p.fails(1, "Intel RDT", "update", "--l3-cache-schema", "L3:0=f", "c")
	p.ok("kill", "c", "KILL")
	p.await("c", specs.StateStopped)
	p.fails(1, "container not running", "update", "--memory", "64m", "c")
	p.ok("delete", "c")
}

// TestStats: what a container uses is in the units of the event's form.
func TestStats(t *testing.T) {
	p := newPlace(t, "sleep 1000 & sleep 1000 & wait")
	p.spec.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(50))}, Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}}
	p.running("c")
	p.processes("c", 3)
	var e struct {
		Type, ID string
		Data     stat.Stats
	}
	if err := json.Unmarshal([]byte(p.ok("events", "--stats", "c")), &e); err != nil {
		t.Fatal(err)
	}
	d := e.Data
	if e.Type != "stats" || e.ID != "c" || d.Pids.Current != 3 || d.Pids.Limit != 50 || d.Memory.Usage.Limit != 64<<20 || d.Memory.Usage.Usage == 0 || d.CPU.Usage.Total == 0 {
		t.Errorf("%+v", e)
	}
	p.fails(1, "--interval", "events", "--interval", "0s", "c")
	p.fails(1, "does not exist", "events", "--stats", "d")
	p.ok("delete", "--force", "c")
}

// TestOutOfMemory: events tells that the kernel killed a process, and ends with
// the container.
func TestOutOfMemory(t *testing.T) {
	p := newPlace(t, "read go < /shared/go; tail /dev/zero; exit 5")
	if err := exec.Command("mkfifo", filepath.Join(p.bundle, "go")).Run(); err != nil {
		t.Fatal(err)
	}
	p.spec.Mounts = append(p.spec.Mounts, specs.Mount{Destination: "/shared", Source: p.bundle, Options: []string{"bind"}})
	p.spec.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(16 << 20)), Swap: ptr(int64(16 << 20))}}
	p.running("c")
	c := p.cmd("events", "--interval", "50ms", "c")
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var e stat.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.ID != "c" {
			t.Errorf("%q: %v", lines.Text(), err)
		}
		if kinds = append(kinds, e.Type); len(kinds) == 1 { // it watches by now
			if err := os.WriteFile(filepath.Join(p.bundle, "go"), []byte("\n"), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	if got := strings.Join(kinds, " "); !strings.HasPrefix(got, "stats") || strings.Count(got, "oom") != 1 {
		t.Errorf("%s", got)
	}
	p.await("c", specs.StateStopped)
	p.ok("delete", "c")
}

// TestPaused: what is frozen stays so until it goes on, is killed, or deleted.
func TestPaused(t *testing.T) {
	p := newPlace(t, "sleep 1000 & exec sleep 1000")
	stopped := func() { p.await("c", specs.StateStopped); p.ok("delete", "c") }
	for name, end := range map[string]func(){
		"killed":     func() { p.ok("kill", "c", "KILL"); stopped() },
		"all killed": func() { p.ok("kill", "--all", "c", "KILL"); stopped() },
		"deleted":    func() { p.ok("delete", "--force", "c") },
		"signalled": func() { // one process gets it after the thaw, the first has no handler and goes on
			p.ok("kill", "--all", "c", "USR1")
			p.await("c", "paused")
			p.ok("resume", "c")
			p.processes("c", 1)
			p.await("c", specs.StateRunning)
			p.ok("delete", "--force", "c")
		},
	} {
		t.Log(name)
		p.running("c")
		p.processes("c", 2)
		p.ok("pause", "c")
		p.await("c", "paused")
		end()
		p.fails(1, "does not exist", "state", "c")
	}
	p.create("c")
	p.ok("pause", "c")
	p.fails(1, "cannot start a paused container", "start", "c")
	p.ok("delete", "--force", "c")
	// A process that joins waits until the container goes on.
	p.running("c")
	p.ok("pause", "c")
	c := p.cmd("exec", "--ignore-paused", "c", "echo", "joined")
	var out strings.Builder
	c.Stdout = &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p.await("c", "paused")
	p.ok("resume", "c")
	if err := c.Wait(); err != nil || out.String() != "joined\n" {
		t.Errorf("%v %q", err, &out)
	}
	p.ok("delete", "--force", "c")
}

// TestDelegated: under version 2 a group with children that have controllers
// takes no process: exec goes where the first process has gone.
func TestDelegated(t *testing.T) {
	if testenv.CgroupMode() != testenv.CgroupV2 {
		t.Skip("needs control groups of version 2 with controllers")
	}
	p := newPlace(t, "cd /sys/fs/cgroup && mkdir init && echo 1 > init/cgroup.procs && echo +pids > cgroup.subtree_control && echo ready && exec sleep 1000")
	for i, m := range p.spec.Mounts {
		if m.Type == "cgroup" {
			p.spec.Mounts[i].Options = []string{"nosuid", "noexec", "nodev", "relatime"}
		}
	}
	out := p.create("c")
	p.ok("start", "c")
	if got := p.content(out); got != "ready\n" {
		t.Fatalf("%q", got)
	}
	if got := p.ok("exec", "c", "cat", "/proc/self/cgroup"); got != "0::/init\n" {
		t.Errorf("%q", got)
	}
	if got := p.ok("exec", "--cgroup", "init", "c", "cat", "/proc/self/cgroup"); got != "0::/init\n" {
		t.Errorf("%q", got)
	}
	p.processes("c", 1)
	p.ok("pause", "c")
	p.await("c", "paused")
	p.ok("delete", "--force", "c")
}

// TestGroupInUse: a group with somebody else's process is refused, one that is
// only there is used, and neither is changed.
func TestGroupInUse(t *testing.T) {
	p := newPlace(t, "exec sleep 1000")
	group := filepath.Dir(p.file("x", "devices", "x"))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(group) })
	other := exec.Command("sleep", "1000")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	end := func() { other.Process.Kill(); other.Wait() }
	t.Cleanup(end)
	procs := filepath.Join(group, "cgroup.procs")
	if err := os.WriteFile(procs, fmt.Append(nil, other.Process.Pid), 0); err != nil {
		t.Fatal(err)
	}
	p.fails(1, "container's cgroup is not empty: 1 process(es) found", "create", "c")
	p.fails(1, "does not exist", "state", "c")
	p.holds(fmt.Sprint(other.Process.Pid), procs)
	end()
	p.create("c")
	p.ok("delete", "c")
}

// TestCgroupsPath: a relative path, and none, begin beside the caller's group,
// or in it under version 1. Parents stay, as other runtimes have it.
func TestCgroupsPath(t *testing.T) {
	p := newPlace(t, "exec sleep 1000")
	id := strings.TrimPrefix(p.spec.Linux.CgroupsPath, "/")
	for _, c := range [][2]string{{"/" + id + "/a", "/" + id + "/a"}, {"/" + id + "/x/../y", "/" + id + "/y"}, {id + "/c", id + "/c"}, {"", id + ".id"}} {
		path, want := c[0], c[1]
		p.spec.Linux.CgroupsPath = path
		p.create(id + ".id")
		dirs := p.groups(id + ".id")
		for _, dir := range dirs {
			if path == "" || path[0] != '/' {
				dir = "/" + dir[strings.Index(dir, id):] // wherever the caller's are
			}
			if !strings.HasSuffix(dir, want) || strings.HasPrefix(want, "/") && dir != want {
				t.Errorf("cgroupsPath %q is %s", path, dir)
			}
		}
		p.ok("delete", id+".id")
		p.removeGroups(id)
	}
	p.spec.Linux.CgroupsPath = "/"
	p.fails(1, "is the root of all groups", "create", id)
}

// groups are those of a container's first process, but for hierarchies in which
// it has none.
func (p *place) groups(id string) (dirs []string) {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.state(id).Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if dir := strings.SplitN(strings.TrimSpace(line), ":", 3)[2]; dir != "/" {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		p.t.Fatalf("no group of its own: %s", b)
	}
	return dirs
}

// removeGroups removes the empty groups of a name, wherever they are.
func (p *place) removeGroups(name string) {
	filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == name {
			if err := os.Remove(path); err != nil {
				p.t.Error(err)
			}
			return fs.SkipDir
		}
		return nil
	})
}

// TestExecBesideTheLimit: one more process from outside comes into a container that
// has as many as it may, to look what they do.
func TestExecBesideTheLimit(t *testing.T) {
	p := newPlace(t, "sleep 1000 & sleep 1000 & wait")
	p.running("c")
	p.processes("c", 3)
	p.ok("update", "--pids-limit", "1", "c")
	if out := p.ok("exec", "c", "sh", "-c", "echo $0 fine"); !strings.HasPrefix(out, "sh fine\n") {
		t.Errorf("%q", out)
	}
	// It is where all are: what it starts counts.
	if _, errs, code := p.run("exec", "c", "sh", "-c", "true & wait"); code == 0 {
		t.Errorf("it could fork: %s", errs)
	}
	if got, want := p.ok("exec", "c", "cat", "/proc/self/cgroup"), p.ok("exec", "c", "cat", "/proc/1/cgroup"); got != want {
		t.Errorf("its groups are\n%sthe first one's\n%s", got, want)
	}
	p.ok("delete", "--force", "c")
}
