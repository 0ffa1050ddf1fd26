package testenv

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// recorder is a test whose failures are kept instead of reported.
type recorder struct {
	testing.TB
	cleanups []func()
	errors   []string
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// leaked runs a test that does something under the eyes of Leaks and returns
// what that said.
func leaked(t *testing.T, w Watch, do func()) string {
	t.Helper()
	r := &recorder{TB: t}
	w.patience = time.Millisecond
	w.Leaks(r)
	do()
	for _, f := range r.cleanups {
		f()
	}
	return strings.Join(r.errors, "\n")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLeaksNothing(t *testing.T) {
	Root(t)
	if got := leaked(t, Watch{}, func() {}); got != "" {
		t.Errorf("nothing was done, but: %s", got)
	}
}

func TestLeaksFile(t *testing.T) {
	dir := t.TempDir()
	got := leaked(t, Watch{Dirs: []string{dir}}, func() {
		must(t, os.WriteFile(filepath.Join(dir, "left"), nil, 0o600))
	})
	if want := "new file: -rw------- " + filepath.Join(dir, "left"); !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLeaksDescriptor(t *testing.T) {
	var f *os.File
	got := leaked(t, Watch{}, func() {
		var err error
		f, err = os.Open("/dev/full")
		must(t, err)
	})
	defer f.Close()
	if !strings.Contains(got, "-> /dev/full") {
		t.Errorf("an open descriptor gave %q", got)
	}
}

func TestLeaksDeadProcess(t *testing.T) {
	cmd := exec.Command("true")
	got := leaked(t, Watch{}, func() { must(t, cmd.Start()) })
	must(t, cmd.Wait())
	if !strings.Contains(got, "new process: ") {
		t.Errorf("a process that nobody waited for gave %q", got)
	}
}

func TestLeaksMount(t *testing.T) {
	Root(t)
	dir := t.TempDir()
	got := leaked(t, Watch{}, func() { must(t, syscall.Mount("none", dir, "tmpfs", 0, "")) })
	must(t, syscall.Unmount(dir, 0))
	if !strings.Contains(got, "new mount: ") || !strings.Contains(got, dir) {
		t.Errorf("a mount gave %q", got)
	}
}

func TestLeaksCgroup(t *testing.T) {
	Root(t)
	tops := cgroupMounts()
	if len(tops) == 0 {
		t.Skip("no control groups here")
	}
	dir := filepath.Join(tops[0], "mydocker-testenv")
	got := leaked(t, Watch{}, func() { must(t, os.Mkdir(dir, 0o755)) })
	must(t, os.Remove(dir))
	if !strings.Contains(got, "new cgroup: "+dir) {
		t.Errorf("a control group gave %q", got)
	}
}

func TestLeaksNetwork(t *testing.T) {
	NetNS(t)
	needs(t, "ip", "nft")
	got := leaked(t, Watch{}, func() {
		must(t, exec.Command("ip", "link", "add", "left0", "type", "bridge").Run())
		must(t, exec.Command("nft", "add table ip left; add chain ip left c").Run())
	})
	for _, want := range []string{"new interface: left0", "new nftables: table ip left / chain c"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func needs(t *testing.T, commands ...string) {
	t.Helper()
	for _, c := range commands {
		if _, err := exec.LookPath(c); err != nil {
			t.Skipf("needs the command %s", c)
		}
	}
}

func TestNetNSIsEmptyAndLeft(t *testing.T) {
	Root(t)
	before, err := os.Readlink("/proc/thread-self/ns/net")
	must(t, err)
	r := &recorder{TB: t}
	NetNS(r)
	links, err := net.Interfaces()
	if err != nil || len(links) != 1 || links[0].Name != "lo" {
		t.Errorf("interfaces are %v, %v, want lo alone", links, err)
	}
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
	if after, _ := os.Readlink("/proc/thread-self/ns/net"); after != before {
		t.Errorf("the test ends in %s, began in %s", after, before)
	}
}

func TestBusyboxRuns(t *testing.T) {
	Root(t)
	for _, root := range []string{Busybox(t), BusyboxCopy(t)} {
		cmd := exec.Command("/usr/bin/env", "sh", "-c", "id -un; stat -c %a /tmp /root")
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		cmd.Dir, cmd.Env = "/", []string{"PATH=/bin"}
		out, err := cmd.CombinedOutput()
		if got := string(out); err != nil || got != "root\n1777\n700\n" {
			t.Errorf("in %s: %v, %q", root, err, got)
		}
	}
}

func TestDirStopsAtMounts(t *testing.T) {
	Root(t)
	r := &recorder{TB: t}
	dir := Dir(r)
	must(t, syscall.Mount("none", dir, "tmpfs", 0, ""))
	kept := filepath.Join(dir, "kept")
	must(t, os.Mkdir(kept, 0o755))
	sub := filepath.Join(dir, "kept", "sub")
	must(t, os.Mkdir(sub, 0o755))
	must(t, syscall.Mount("none", sub, "tmpfs", 0, ""))
	must(t, os.WriteFile(filepath.Join(sub, "file"), nil, 0o600))
	r.cleanups[0]()
	if _, err := os.Stat(filepath.Join(sub, "file")); err != nil || len(r.errors) == 0 {
		t.Errorf("removal went through a mount: %v; it said %q", err, r.errors)
	}
	must(t, syscall.Unmount(sub, 0))
	must(t, syscall.Unmount(dir, 0))
	must(t, os.RemoveAll(dir))
}

func TestCgroupModeFitsMounts(t *testing.T) {
	mode, tops := CgroupMode(), cgroupMounts()
	if mode == CgroupV2 && (len(tops) == 0 || tops[0] != cgroupTop) {
		t.Errorf("mode is %s, mounts are %v", mode, tops)
	}
	if mode == CgroupHybrid && len(tops) < 2 {
		t.Errorf("mode is %s, mounts are %v", mode, tops)
	}
}

// TestUnreaped: one that was dead before, and is waited for meanwhile, is no
// difference; one that is new is.
func TestUnreaped(t *testing.T) {
	dead, alive := "7 (started 1"+deadMark+") x", "8 (started 2) y"
	if d := difference("process", unreaped([]string{dead, alive}, []string{alive}), []string{alive}); len(d) != 0 {
		t.Errorf("%q", d)
	}
	if d := difference("process", unreaped([]string{dead, alive}, []string{dead}), []string{dead}); len(d) != 1 {
		t.Errorf("a living one is gone: %q", d)
	}
	if d := difference("process", unreaped(nil, []string{dead}), []string{dead}); len(d) != 1 {
		t.Errorf("a dead one is new: %q", d)
	}
}
