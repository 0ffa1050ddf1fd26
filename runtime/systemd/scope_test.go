package systemd

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
	"mydocker/plan"
	"mydocker/runtime/cgroup"
)

func ptr[T any](v T) *T { return &v }

// TestScope makes, changes and stops a scope of this machine's systemd.
func TestScope(t *testing.T) {
	if !Running() {
		t.Skip("this machine does not run systemd")
	}
	testenv.Root(t)
	scope(t, false)
}

// TestScopeOfUser does the same with the systemd of a user who is logged in.
func TestScopeOfUser(t *testing.T) {
	if !Running() || os.Getuid() == 0 || os.Getenv("XDG_RUNTIME_DIR") == "" {
		t.Skip("the test is not run by a user with a systemd of his own")
	}
	scope(t, true)
}

func scope(t *testing.T, user bool) {
	l, err := cgroup.Probe()
	if err != nil {
		t.Fatal(err)
	}
	u, err := Parse("mydockertest-a.slice:mydocker:x", "", user)
	if err != nil {
		t.Fatal(err)
	}
	root, err := Root(user)
	if err != nil {
		t.Fatal(err)
	}
	group, err := u.Group(root)
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command("sleep", "1000")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	defer process.Wait()
	defer process.Process.Kill()
	r := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr[int64](64 << 20)}, Pids: &specs.LinuxPids{Limit: ptr[int64](40)}}
	s := made(t, l, u, r, process.Process.Pid)
	defer func() {
		if err := s.Undo().Do(&plan.Env{}); err != nil {
			t.Error(err)
		}
	}()
	inGroup(t, l, process.Process.Pid, group)
	after := limited(t, l, group, r)
	r.Pids.Limit = ptr[int64](50)
	update(t, l, u, group, r)
	if again := limited(t, l, group, r); again == after {
		t.Errorf("after an update the group is as before: %s", again)
	}
	if err := (Scope{Unit: u}).Do(&plan.Env{Pid: os.Getpid()}); !isError(err, "UnitExists") {
		t.Errorf("a second scope of the name: %v", err)
	}
	if err := s.Undo().Do(&plan.Env{}); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); err == nil {
		t.Error("the process went on after its scope")
	}
	if l.Exists(group) {
		remove(t, l, group)
	}
}

// made starts the scope and writes the limits, as the making of a container does.
func made(t *testing.T, l cgroup.Layout, u Unit, r *specs.LinuxResources, pid int) Scope {
	t.Helper()
	p, err := Limits(l, r)
	if err != nil {
		t.Fatal(err)
	}
	p = append(p, Devices(cgroup.WithDefaults(nil))...)
	more, err := Annotations(map[string]string{"org.systemd.property.TimeoutStopSec": "7"})
	if err != nil {
		t.Fatal(err)
	}
	idle, err := Limits(cgroup.Layout{Mode: cgroup.V2}, &specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: ptr[int64](1)}})
	if err != nil {
		t.Fatal(err)
	}
	idle[0].Since = 100000 // no systemd has it
	s := Scope{Unit: u, Description: "a test's scope", Properties: append(append(p, more...), idle...)}
	if err := s.Do(&plan.Env{Pid: pid}); err != nil {
		t.Fatal(err)
	}
	return s
}

func inGroup(t *testing.T, l cgroup.Layout, pid int, group string) {
	t.Helper()
	own, err := cgroup.OwnOf(pid)
	if err != nil {
		t.Fatal(err)
	}
	hierarchy := "name=systemd"
	if l.Mode == cgroup.V2 {
		hierarchy = ""
	}
	if own[hierarchy] != group {
		t.Errorf("the process is in %v, want %s", own, group)
	}
}

// limited writes the limits to the group, and returns what it holds.
func limited(t *testing.T, l cgroup.Layout, group string, r *specs.LinuxResources) string {
	t.Helper()
	s, err := cgroup.CompileWith(l, group, cgroup.Options{Managed: true}, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.V2Dir != "" {
		t.Errorf("a process is to be born in %s", s.V2Dir)
	}
	for _, h := range s.Host {
		if err := h.Do(&plan.Env{}); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(l.GroupDir("pids", group), "pids.max")
	if l.Mode == cgroup.V2 {
		file = filepath.Join(l.GroupDir("", group), "pids.max")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// update changes the unit only: systemd writes to the group.
func update(t *testing.T, l cgroup.Layout, u Unit, group string, r *specs.LinuxResources) {
	t.Helper()
	p, err := Limits(l, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := Update(u, p); err != nil {
		t.Fatal(err)
	}
}

// remove removes what systemd did not make.
func remove(t *testing.T, l cgroup.Layout, group string) {
	t.Helper()
	s, err := cgroup.CompileWith(l, group, cgroup.Options{Managed: true}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range s.Host {
		if u := h.Undo(); u != nil {
			if err := u.Do(&plan.Env{}); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
		}
	}
	if l.Exists(group) {
		t.Errorf("%s is still there", group)
	}
}

// TestStopNothing: a scope that is not there is stopped.
func TestStopNothing(t *testing.T) {
	if !Running() {
		t.Skip("this machine does not run systemd")
	}
	testenv.Root(t)
	if err := (Stop{Unit{Name: "mydocker-none.scope"}}).Do(nil); err != nil {
		t.Error(err)
	}
}

// TestNoSystemd says what is missing.
func TestNoSystemd(t *testing.T) {
	if Running() {
		t.Skip("this machine runs systemd")
	}
	err := (Scope{Unit: Unit{Name: "x.scope"}}).Do(&plan.Env{Pid: 1})
	if err == nil || !strings.Contains(err.Error(), "start x.scope: connect to systemd: ") {
		t.Errorf("got %v", err)
	}
}

// TestNoUserBus: none is started.
func TestNoUserBus(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	if _, err := Root(true); err == nil || !strings.Contains(err.Error(), "no bus of the user") {
		t.Errorf("got %v", err)
	}
}
