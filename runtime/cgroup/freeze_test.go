package cgroup

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
)

const testPath = "/mydocker-test-cgroup/one"

// A talker is a process in the groups of a container that writes as fast as it is read.
type talker struct {
	t   *testing.T
	cmd *exec.Cmd
	out *os.File
}

// talk starts one in a group below the container's, of every hierarchy.
func talk(t *testing.T, s Steps) *talker {
	t.Helper()
	do(t, s.Host)
	rd, wr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	k := &talker{t, exec.Command("yes"), rd}
	k.cmd.Stdout = wr
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wr.Close()
	t.Cleanup(func() { rd.Close() })
	for _, h := range s.Host {
		if m, ok := h.(Make); ok {
			sub := filepath.Join(m.Dir, "sub")
			do(t, []plan.HostStep{Make{Dir: sub, Mount: m.Mount, Cpuset: m.Cpuset}})
			if err := write(sub, "cgroup.procs", strconv.Itoa(k.cmd.Process.Pid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return k
}

// still tells whether what is in the pipe is all that comes.
func (k *talker) still() bool {
	k.t.Helper()
	fd := int(k.out.Fd()) // now blocking, by its number
	if err := syscall.SetNonblock(fd, true); err != nil {
		k.t.Fatal(err)
	}
	defer syscall.SetNonblock(fd, false)
	b := make([]byte, 1<<20)
	for range 2000 {
		if _, err := syscall.Read(fd, b); err == syscall.EAGAIN {
			return true
		}
	}
	return false
}

// speaks waits for a line.
func (k *talker) speaks() {
	k.t.Helper()
	if _, err := bufio.NewReader(k.out).ReadString('\n'); err != nil {
		k.t.Fatal(err)
	}
}

// end kills it.
func (k *talker) end() {
	k.t.Helper()
	if err := k.cmd.Process.Kill(); err != nil {
		k.t.Error(err)
	}
	k.cmd.Wait()
}

// killed waits for the end, which must be SIGKILL's.
func (k *talker) killed() {
	k.t.Helper()
	io.Copy(io.Discard, k.out)
	if err := k.cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		k.t.Errorf("it was not killed: %v", err)
	}
}

func (k *talker) frozen(l Layout, want bool) {
	k.t.Helper()
	if got, err := Frozen(l, testPath); err != nil || got != want {
		k.t.Errorf("Frozen is %v (%v), want %v", got, err, want)
	}
}

func layout(t *testing.T) Layout {
	t.Helper()
	l, err := Probe()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestV2Freeze(t *testing.T) { freezeAndThaw(t, host(t, &specs.LinuxResources{}), layout(t)) }

// The freezer of version 2 beside hierarchies of version 1.
func TestV2FreezeUnified(t *testing.T) {
	s, l := host(t, &specs.LinuxResources{}), layout(t)
	if l.Hierarchies = nil; l.Unified == "" {
		t.Skip("no hierarchy of version 2 is mounted")
	}
	freezeAndThaw(t, s, l)
}

func freezeAndThaw(t *testing.T, s Steps, l Layout) {
	k := talk(t, s)
	k.speaks()
	k.frozen(l, false)
	for range 2 { // again: what is frozen stays so
		if err := Freeze(l, testPath); err != nil {
			t.Fatal(err)
		}
		if !k.still() {
			t.Error("it went on after the freeze")
		}
		k.frozen(l, true)
	}
	for range 2 {
		if err := Thaw(l, testPath); err != nil {
			t.Fatal(err)
		}
		k.speaks()
		k.frozen(l, false)
	}
	if pids, err := Processes(l, testPath); err != nil || !slices.Equal(pids, []int{k.cmd.Process.Pid}) {
		t.Errorf("processes %v (%v), want %d", pids, err, k.cmd.Process.Pid)
	}
	k.cmd.Process.Kill()
	k.killed()
	undo(t, s.Host)
}

// What is frozen ends when it is killed.
func TestV2KillFrozen(t *testing.T) {
	s, l := host(t, &specs.LinuxResources{}), layout(t)
	k := talk(t, s)
	if err := Freeze(l, testPath); err != nil {
		t.Fatal(err)
	}
	if err := Kill(l, testPath); err != nil {
		t.Fatal(err)
	}
	k.killed()
	undo(t, s.Host)
}

// The removal of groups ends what is frozen in them.
func TestV2RemoveFrozen(t *testing.T) {
	s, l := host(t, &specs.LinuxResources{}), layout(t)
	k := talk(t, s)
	if err := Freeze(l, testPath); err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	go func() { k.killed(); close(done) }()
	undo(t, s.Host)
	<-done
}

// Without a group nothing is frozen, and that is an error.
func TestV2FreezeNothing(t *testing.T) {
	host(t, &specs.LinuxResources{})
	l := layout(t)
	if err := Freeze(l, testPath); err == nil || !strings.Contains(err.Error(), "freeze control group") {
		t.Errorf("got %v", err)
	}
	if pids, err := Processes(l, testPath); err != nil || len(pids) > 0 {
		t.Errorf("processes %v, %v", pids, err)
	}
}

// Version 2 is used where there is no freezer of version 1, and only there.
func TestFreezerChosen(t *testing.T) {
	l := layouts()[Hybrid]
	if f, err := l.freezer("/x"); err != nil || !f.v2 || f.dir != "/sys/fs/cgroup/unified/x" {
		t.Errorf("without the controller: %+v, %v", f, err)
	}
	l.add(Hierarchy{Mount: "/sys/fs/cgroup/freezer", Controllers: []string{"freezer"}})
	if f, err := l.freezer("/x"); err != nil || f.v2 || f.dir != "/sys/fs/cgroup/freezer/x" {
		t.Errorf("with it: %+v, %v", f, err)
	}
	if _, err := layouts()[V1].freezer("/x"); err == nil {
		t.Error("a freezer was found where there is none")
	}
}
