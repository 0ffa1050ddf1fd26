// Package systemd_test has systemd make control groups. Its tests are skipped
// where systemd is not the first process; test/vm/run.sh has a machine where it
// is.
package systemd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
)

// needsSystemd skips the test unless systemd is the first process.
func needsSystemd(t *testing.T) {
	t.Helper()
	comm, err := os.ReadFile("/proc/1/comm")
	if name := strings.TrimSpace(string(comm)); err != nil || name != "systemd" {
		t.Skipf("needs systemd as process 1, which is %s here", name)
	}
	testenv.Root(t)
}

// A place has a bundle and a root, and calls the runtime as a user.
type place struct {
	t            *testing.T
	bundle, root string
	spec         *specs.Spec
	user         *syscall.Credential // nil: root
	env          []string
	program      string
}

func newPlace(t *testing.T) *place {
	needsSystemd(t)
	top := testenv.Dir(t)
	p := &place{t: t, bundle: filepath.Join(top, "bundle"), root: filepath.Join(top, "root"), env: os.Environ(), program: testenv.RuntimeBinary(t)}
	for _, d := range []string{p.bundle, p.root} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p.fill()
	testenv.Watch{Dirs: []string{p.root}, Cgroups: []string{"test-"}}.Leaks(t)
	return p
}

// fill has the runtime write a specification, and completes it.
func (p *place) fill(flags ...string) {
	p.t.Helper()
	p.spec = nil
	os.Remove(filepath.Join(p.bundle, "config.json"))
	p.ok(append([]string{"spec", "--bundle", p.bundle}, flags...)...)
	b, err := os.ReadFile(filepath.Join(p.bundle, "config.json"))
	p.spec = &specs.Spec{}
	if err == nil {
		err = json.Unmarshal(b, p.spec)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.spec.Root.Path = testenv.Busybox(p.t)
	p.spec.Process.Terminal, p.spec.Process.Args = false, []string{"sleep", "1000"}
	p.spec.Linux.CgroupsPath = "system.slice:test:name"
}

// cmd is the runtime; without a flag it has --systemd-cgroup.
func (p *place) cmd(args ...string) *exec.Cmd {
	p.t.Helper()
	if p.spec != nil {
		b, err := json.Marshal(p.spec)
		if err == nil {
			err = os.WriteFile(filepath.Join(p.bundle, "config.json"), b, 0o644)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	if args[0] != "--" {
		args = append([]string{"--systemd-cgroup"}, args...)
	} else {
		args = args[1:]
	}
	c := exec.CommandContext(p.t.Context(), p.program, append([]string{"--root", p.root}, args...)...)
	c.Dir, c.Env = p.bundle, p.env
	if p.user != nil {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: p.user}
	}
	return c
}

// run returns what a command wrote: to files, which a container may keep open.
func (p *place) run(args ...string) (out, errs string, code int) {
	p.t.Helper()
	c := p.cmd(args...)
	var files [2]*os.File
	for i := range files {
		f, err := os.CreateTemp("", "mydocker-test-")
		if err != nil {
			p.t.Fatal(err)
		}
		defer f.Close()
		defer os.Remove(f.Name())
		files[i] = f
	}
	c.Stdout, c.Stderr = files[0], files[1]
	if err := c.Run(); c.ProcessState == nil {
		p.t.Fatal(err)
	}
	o, _ := os.ReadFile(files[0].Name())
	e, _ := os.ReadFile(files[1].Name())
	return string(o), string(e), c.ProcessState.ExitCode()
}

func (p *place) ok(args ...string) string {
	p.t.Helper()
	out, errs, code := p.run(args...)
	if code != 0 || errs != "" {
		p.t.Fatalf("%s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

func (p *place) fails(words string, args ...string) {
	p.t.Helper()
	out, errs, code := p.run(args...)
	if code == 0 || !strings.Contains(errs, words) {
		p.t.Errorf("%s: exit code %d, want an error %q\n%s%s", strings.Join(args, " "), code, words, out, errs)
	}
}

// systemctl asks root's systemd, or that of the place's user.
func (p *place) systemctl(args ...string) string {
	p.t.Helper()
	if p.user != nil {
		args = append([]string{"--user"}, args...)
	}
	c := exec.Command("systemctl", args...)
	c.Env = p.env
	if p.user != nil {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: p.user}
	}
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		p.t.Fatalf("systemctl %s: %v\n%s", strings.Join(args, " "), err, &errs)
	}
	return string(out)
}

// shows compares properties of a unit.
func (p *place) shows(unit string, want ...string) {
	p.t.Helper()
	var args []string
	for _, w := range want {
		name, _, _ := strings.Cut(w, "=")
		args = append(args, "-p", name)
	}
	got := p.systemctl(append([]string{"show", unit}, args...)...)
	for _, w := range want {
		if !strings.Contains("\n"+got, "\n"+w+"\n") {
			p.t.Errorf("%s: want %s, got\n%s", unit, w, got)
		}
	}
}

// gone checks that a unit is not known any more. Systemd forgets it when it gets
// to it.
func (p *place) gone(unit string) {
	p.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := p.systemctl("show", unit, "-p", "LoadState")
		if got == "LoadState=not-found\n" {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s: %s", unit, got)
		}
	}
}

func (p *place) await(id string, want specs.ContainerState) {
	p.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var s specs.State
		if err := json.Unmarshal([]byte(p.ok("state", id)), &s); err != nil {
			p.t.Fatal(err)
		}
		if s.Status == want {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("container %s is %s, not %s", id, s.Status, want)
		}
	}
}

// limit is where a group says a limit, in version 2 and version 1.
type limit struct{ v2, v2Value, controller, v1, v1Value string }

// limited compares the limits of a group.
func (p *place) limited(group string, limits ...limit) {
	p.t.Helper()
	for _, l := range limits {
		file, want := filepath.Join("/sys/fs/cgroup", group, l.v2), l.v2Value
		if testenv.CgroupMode() != testenv.CgroupV2 {
			file, want = filepath.Join("/sys/fs/cgroup", l.controller, group, l.v1), l.v1Value
		}
		if b, err := os.ReadFile(file); err != nil || strings.TrimSpace(string(b)) != want {
			p.t.Errorf("%s is %q (%v), want %s", file, b, err, want)
		}
	}
}

func memory(n string) limit { return limit{"memory.max", n, "memory", "memory.limit_in_bytes", n} }
func tasks(n string) limit  { return limit{"pids.max", n, "pids", "pids.max", n} }
func quota(n string) limit {
	return limit{"cpu.max", n + " 100000", "cpu", "cpu.cfs_quota_us", n}
}

// memoryProperty is the name that the limit has.
func memoryProperty() string {
	if testenv.CgroupMode() == testenv.CgroupV2 {
		return "MemoryMax"
	}
	return "MemoryLimit"
}

func ptr[T any](v T) *T { return &v }

func (p *place) limit() {
	p.spec.Linux.Resources = &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}, CPU: &specs.LinuxCPU{Quota: ptr(int64(20000)), Period: ptr(uint64(100000))},
		Pids: &specs.LinuxPids{Limit: ptr(int64(50))},
	}
}

const (
	unit  = "test-name.scope"
	group = "system.slice/" + unit
)

// TestLife: the scope is there with its limits, which systemd and the group
// agree about, also when systemd has looked at everything again; and it goes.
func TestLife(t *testing.T) {
	p := newPlace(t)
	p.limit()
	p.ok("create", "c")
	p.shows(unit, "ActiveState=active", "Delegate=yes", "Transient=yes", "Slice=system.slice", "ControlGroup=/"+group,
		memoryProperty()+"=67108864", "CPUQuotaPerSecUSec=200ms", "TasksMax=50", "DevicePolicy=strict")
	limits := []limit{memory("67108864"), quota("20000"), tasks("50")}
	p.limited(group, limits...)
	p.ok("start", "c")
	if got := p.ok("exec", "c", "echo", "hello"); got != "hello\n" {
		t.Errorf("%q", got)
	}
	var pids []int
	if err := json.Unmarshal([]byte(p.ok("ps", "-f", "json", "c")), &pids); err != nil || len(pids) != 1 {
		t.Fatalf("%v %v", pids, err)
	}
	own, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pids[0]))
	if err != nil || !strings.Contains(string(own), "/"+group) {
		t.Errorf("%s %v", own, err)
	}
	p.ok("update", "--memory", "32m", "--cpu-quota", "50000", "--pids-limit", "33", "c")
	p.shows(unit, memoryProperty()+"=33554432", "CPUQuotaPerSecUSec=500ms", "TasksMax=33")
	limits = []limit{memory("33554432"), quota("50000"), tasks("33")}
	p.limited(group, limits...)
	p.systemctl("daemon-reload")
	p.limited(group, limits...)
	p.ok("pause", "c")
	p.await("c", "paused")
	p.ok("resume", "c")
	p.ok("kill", "c", "KILL")
	p.await("c", specs.StateStopped)
	p.ok("delete", "c")
	p.gone(unit)
}

// TestWithoutFlag: a container knows that its groups are systemd's; only who
// makes it says so.
func TestWithoutFlag(t *testing.T) {
	p := newPlace(t)
	p.spec.Linux.CgroupsPath = ""
	p.ok("create", "c")
	p.shows("mydocker-c.scope", "ActiveState=active", "Slice=system.slice")
	p.ok("--", "start", "c")
	p.ok("--", "update", "--pids-limit", "33", "c")
	p.shows("mydocker-c.scope", "TasksMax=33")
	if got := p.ok("--", "exec", "c", "echo", "hello"); got != "hello\n" {
		t.Errorf("%q", got)
	}
	p.ok("--", "delete", "--force", "c")
	p.gone("mydocker-c.scope")
}

// TestRun runs in the foreground, in a slice that is made for it.
func TestRun(t *testing.T) {
	p := newPlace(t)
	t.Cleanup(func() {
		p.systemctl("stop", "mydockertest.slice")
		left, _ := filepath.Glob("/sys/fs/cgroup/*/mydockertest.slice") // of version 1, where systemd makes none: parents stay
		for _, dir := range left {
			os.Remove(dir + "/mydockertest-a.slice")
			os.Remove(dir)
		}
	})
	p.spec.Linux.CgroupsPath = "mydockertest-a.slice::run"
	p.spec.Annotations = map[string]string{"org.systemd.property.TimeoutStopSec": "7"}
	p.spec.Process.Args = []string{"sh", "-c", "exit 3"}
	if out, errs, code := p.run("run", "c"); code != 3 || out+errs != "" {
		t.Errorf("%d %s%s", code, out, errs)
	}
	p.gone("run.scope")
	p.spec.Process.Args = []string{"sleep", "1000"}
	p.ok("run", "--detach", "c")
	p.shows("run.scope", "ControlGroup=/mydockertest.slice/mydockertest-a.slice/run.scope", "TimeoutStopUSec=7s")
	p.ok("delete", "--force", "c")
	p.gone("run.scope")
}

func TestRefused(t *testing.T) {
	p := newPlace(t)
	p.ok("create", "c")
	p.fails("container with given ID already exists", "create", "c")
	p.fails("container's cgroup is not empty", "create", "d")
	p.shows(unit, "ActiveState=active")
	for path, words := range map[string]string{
		"/a/b": "expected cgroupsPath to be of format", "a:b": "expected cgroupsPath to be of format", "a/b.slice:p:n": "invalid slice name", "system.slice:p:": "is no name of a scope",
	} {
		p.spec.Linux.CgroupsPath = path
		p.fails(words, "create", "d")
	}
	p.spec.Linux.CgroupsPath = "system.slice:test:other"
	p.spec.Process.Args = []string{"/nope"}
	p.fails("no such file or directory", "create", "d")
	p.gone("test-other.scope")
	p.ok("delete", "c")
	p.gone(unit)
}

// TestKilled kills create at many moments; what it left goes with the next
// command.
func TestKilled(t *testing.T) {
	p := newPlace(t)
	began := time.Now()
	p.ok("create", "c")
	whole := time.Since(began)
	p.ok("delete", "c")
	const rounds = 8
	for i := range rounds {
		c := p.cmd("create", "c")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(whole * time.Duration(i) / rounds)
		c.Process.Kill()
		c.Wait()
		p.ok("delete", "--force", "c")
		p.gone(unit)
		if list := p.ok("list", "-q"); list != "" {
			t.Fatalf("round %d: %s", i, list)
		}
	}
}
