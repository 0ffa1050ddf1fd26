package bundle_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestLostState removes what is known of a container that runs: nobody takes its
// ID, and its directory can be removed.
func TestLostState(t *testing.T) {
	p := newPlace(t, "exec sleep 1000")
	p.running("c")
	pid := p.state("c").Pid
	dir := filepath.Join(p.root, "c")
	if err := os.Remove(filepath.Join(dir, "state.json")); err != nil {
		t.Fatal(err)
	}
	p.fails(1, "already exists", "create", "c")
	p.fails(1, "does not exist", "delete", "c")
	if _, errs, _ := p.run("list"); !strings.Contains(errs, "its state.json is missing") {
		t.Errorf("list says nothing: %s", errs)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("the container is gone: %v", err)
	}
	p.ok("delete", "--force", "c")
	if _, err := os.Stat(dir); err == nil {
		t.Error("its directory is still there")
	}
	// What a killed create leaves at its very beginning is nothing.
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p.ok("list")
	if _, err := os.Stat(dir); err == nil {
		t.Error("an empty directory stays")
	}
}

// TestFewDescriptors: who cannot look does not say that a container has ended.
func TestFewDescriptors(t *testing.T) {
	p := newPlace(t, "exec sleep 1000")
	p.running("c")
	for n := 8; n < 16; n++ {
		for _, words := range [][]string{{"kill", "c", "0"}, {"exec", "c", "true"}, {"delete", "c"}} {
			c := p.cmd(words...)
			c.Path, c.Args = "/bin/sh", append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, n), c.Path}, c.Args[1:]...)
			if out, _ := c.CombinedOutput(); strings.Contains(string(out), "not running") || strings.Contains(string(out), "stopped container") {
				t.Errorf("%d descriptors, %q: %s", n, words, out)
			}
		}
	}
	if p.state("c").Status != specs.StateRunning {
		t.Error("it does not run")
	}
	p.ok("delete", "--force", "c")
}

// TestInterruptedStart waits for somebody who does not answer: the user's signal
// ends it, and nothing is left.
func TestInterruptedStart(t *testing.T) {
	p := newPlace(t, "true")
	fifo := filepath.Join(p.bundle, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	p.spec.Linux.Namespaces = append(p.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: fifo})
	c := p.cmd("run", "c")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // until it hangs; before, it ends all the same
	c.Process.Signal(syscall.SIGTERM)
	if c.Wait(); c.ProcessState.ExitCode() != 1 {
		t.Errorf("it ended with %v", c.ProcessState)
	}
	p.fails(1, "does not exist", "state", "c")
}

// TestMountedDevice: a mount has the place of a default device.
func TestMountedDevice(t *testing.T) {
	p := newPlace(t, "echo lost >/dev/zero; cat /dev/zero")
	file := filepath.Join(p.bundle, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p.spec.Mounts = append(p.spec.Mounts,
		specs.Mount{Destination: "/dev/null", Source: "/dev/null", Type: "bind", Options: []string{"bind"}},
		specs.Mount{Destination: "/dev/zero", Source: file, Type: "bind", Options: []string{"bind"}})
	if out := p.ok("run", "c"); out != "lost\n" {
		t.Errorf("%q", out)
	}
}

// TestPidsWithoutLimit: engines write 0 for it.
func TestPidsWithoutLimit(t *testing.T) {
	p := newPlace(t, "exec sleep 1000")
	none := int64(0)
	p.spec.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &none}}
	p.running("c")
	file := p.file("pids.max", "pids", "pids.max")
	p.holds("max", file)
	p.ok("update", "--pids-limit", "20", "c")
	p.ok("update", "--pids-limit", "0", "c")
	p.holds("20", file)
	p.ok("delete", "--force", "c")
}

// TestRootlessGroups: an ordinary user may not give groups that it does not map.
func TestRootlessGroups(t *testing.T) {
	p := newHome(t)
	p.command("id")
	p.spec.Process.User.AdditionalGids = []uint32{5}
	out, err := as(p.cmd("run", "c")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "cannot set any additional groups in a rootless container") {
		t.Errorf("%v %s", err, out)
	}
}
