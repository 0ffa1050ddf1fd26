package testenv

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Sandbox is a place for other people's engines: mount, network, pid and ipc
// namespaces of its own, in which the directories where they keep things
// whatever their flags say are empty. Processes that go on by themselves stay
// in it and end with it. Control groups are the machine's.
type Sandbox struct {
	Dir string // empty, in memory, and there for the sandbox's commands alone
	t   testing.TB
	pid string // of its first process, which waits
}

// furnish makes the sandbox from inside. cgroup v1 beside a v2 hierarchy that
// has controllers is made to look like one without: Debian's crun refuses the
// former. With SIGCHLD ignored the kernel takes away the dead that nobody waits
// for. The sandbox lives as long as its standard input is open.
const furnish = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t mqueue mqueue /dev/mqueue 2>/dev/null || :
ip link set lo up
for d in /run /var/lib /dev/shm; do mount -t tmpfs none $d; done
mkdir -m 1777 /run/lock
mkdir /run/sandbox
v2=/sys/fs/cgroup/unified/cgroup.controllers
if [ -e $v2 ]; then : >/run/empty; mount --bind /run/empty $v2; fi
echo ready
exec env --ignore-signal=CHLD cat
`

// NewSandbox makes a sandbox that ends with the test.
func NewSandbox(t testing.TB) *Sandbox {
	t.Helper()
	Root(t)
	init := exec.Command("sh", "-c", furnish)
	init.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC,
	}
	init.Stderr = os.Stderr
	hold, err1 := init.StdinPipe()
	out, err2 := init.StdoutPipe()
	if err := errors.Join(err1, err2, init.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hold.Close(); init.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("making the sandbox: %q, %v", line, err)
	}
	return &Sandbox{Dir: "/run/sandbox", t: t, pid: strconv.Itoa(init.Process.Pid)}
}

// Leaks fails the test if the sandbox holds processes or mounts at its end that
// it does not hold now.
func (s *Sandbox) Leaks() {
	before := s.look()
	s.t.Cleanup(func() { s.compare(before) })
}

// Command returns a program that runs in the sandbox, in its root directory and
// without standard input.
func (s *Sandbox) Command(argv ...string) *exec.Cmd {
	words := []string{"--target", s.pid, "--mount", "--net", "--pid", "--ipc", "--"}
	cmd := exec.Command("nsenter", append(words, argv...)...)
	cmd.Env = append(os.Environ(), "HOME="+s.Dir, "TMPDIR="+s.Dir)
	return cmd
}

// Path is where the test sees a file of the sandbox.
func (s *Sandbox) Path(file string) string { return filepath.Join("/proc", s.pid, "root", file) }

// look lists the sandbox's mounts and processes, its first one left out.
func (s *Sandbox) look() map[string][]string {
	table, err := os.ReadFile("/proc/" + s.pid + "/mountinfo")
	if err != nil {
		s.t.Fatal(err)
	}
	all := map[string][]string{"mount in the sandbox": strings.Split(string(table), "\n")}
	space, err := os.Readlink("/proc/" + s.pid + "/ns/pid")
	if err != nil {
		s.t.Fatal(err)
	}
	processes, err := allProcesses()
	if err != nil {
		s.t.Fatal(err)
	}
	const kind = "process in the sandbox"
	for _, p := range processes {
		at, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", p.pid))
		if at == space && strconv.Itoa(p.pid) != s.pid {
			all[kind] = append(all[kind], p.String())
		}
	}
	return all
}

// compare looks until processes that are about to end have ended.
func (s *Sandbox) compare(before map[string][]string) {
	s.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(interval) {
		var diffs []string
		now := s.look()
		for _, kind := range slices.Sorted(maps.Keys(now)) {
			diffs = append(diffs, difference(kind, before[kind], now[kind])...)
		}
		if len(diffs) == 0 {
			return
		}
		if time.Now().After(end) {
			s.t.Errorf("the sandbox is not as it was before the test:\n%s", strings.Join(diffs, "\n"))
			return
		}
	}
}
