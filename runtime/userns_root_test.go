package runtime_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// holder keeps namespaces that the host's user namespace owns, and returns its
// process ID.
func holder(t *testing.T, options ...string) int {
	t.Helper()
	c := exec.Command("unshare", append(options, "sh", "-c", "echo $$; exec cat")...)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { in.Close(); c.Wait() })
	if n, err := out.Read(make([]byte, 16)); n == 0 {
		t.Fatal(err)
	}
	return c.Process.Pid
}

// TestNewUserNamespaceJoinsOthers: a container in a new user namespace may be
// given any other namespace that the caller may enter, such as a pod's network,
// though its own root has no rights in there.
func TestNewUserNamespaceJoinsOthers(t *testing.T) {
	f := newForeign(t)
	f.readable()
	l := f.spec.Linux
	l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: "user"}, specs.LinuxNamespace{Type: "cgroup"}, specs.LinuxNamespace{Type: "time"})
	l.UIDMappings, l.GIDMappings = mapped(), mapped()
	pid := holder(t, "--net", "--ipc", "--uts", "--pid", "--cgroup", "--time", "--fork", "--kill-child")
	pid = childOf(t, pid)
	for _, shared := range [][]string{{"network"}, {"network", "ipc", "uts"}, {"pid"}, {"cgroup", "time"}, {"pid", "network", "ipc", "uts", "cgroup", "time"}} {
		t.Run(strings.Join(shared, " "), func(t *testing.T) {
			s := *f
			s.t, s.spec = t, cloneSpec(f.spec)
			if !strings.Contains(strings.Join(shared, " "), "time") {
				s.spec.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1e6}}
			}
			want := map[string]bool{}
			for k := range sharing(s.spec, pid, shared) {
				want[k] = k != "user"
			}
			s.users("")
			checkShared(t, strings.Fields(s.run("sh", "-c", listNamespaces)), pid, want)
			const tell = "id -u; cat /proc/self/uid_map; touch /dev/x && stat -c %u /dev/x"
			if got := strings.Join(strings.Fields(s.run("sh", "-c", tell)), " "); got != "0 0 100000 65536 0" {
				t.Errorf("in the namespaces: %q", got)
			}
			if up := s.run("/look"); s.spec.Linux.TimeOffsets != nil && !strings.Contains(up, "boottime 1") {
				t.Errorf("the clock: %s", grep(up, "^boottime"))
			}
			run := s.lasting()
			checkShared(t, strings.Fields(s.joined(run, "sh", "-c", listNamespaces)), pid, want)
		})
	}
}

// TestNewUserNamespaceIsAwaited: what the host's side makes of the container's
// user namespace, and moves to its network, is of those that come late.
func TestNewUserNamespaceIsAwaited(t *testing.T) {
	f := newDevices(t)
	f.readable()
	l := f.spec.Linux
	l.Namespaces = []specs.LinuxNamespace{{Type: "mount"}, {Type: "network"}, {Type: "user"},
		{Type: "uts", Path: fmt.Sprintf("/proc/%d/ns/uts", holder(t, "--uts"))}}
	l.UIDMappings, l.GIDMappings = mapped(), mapped()
	l.NetDevices = map[string]specs.LinuxNetDevice{"away": {}}
	source := t.TempDir()
	f.spec.Mounts = append(f.spec.Mounts, specs.Mount{Destination: "/mnt", Type: "bind", Source: source, Options: []string{"bind", "idmap"}})
	if got := f.run("sh", "-c", "stat -c %u /mnt; ip -o link show away | wc -l"); got != "0\n1\n" {
		t.Errorf("%q", got)
	}
}

// childOf returns the one child of a process.
func childOf(t *testing.T, pid int) (child int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err == nil {
		_, err = fmt.Sscan(string(b), &child)
	}
	if err != nil {
		t.Fatal(err)
	}
	return child
}

// TestJoinedUserNamespaceWithTheHosts: who joins a user namespace may be given
// others that it does not own. Only in its own mount namespace it may mount.
func TestJoinedUserNamespaceWithTheHosts(t *testing.T) {
	f := newForeign(t)
	f.readable()
	l := f.spec.Linux
	l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: "user"})
	l.UIDMappings, l.GIDMappings = mapped(), mapped()
	first := f.lasting()
	pid := holder(t, "--net", "--mount", "--propagation", "private")
	s := *f
	s.spec = cloneSpec(f.spec)
	sharing(s.spec, pid, []string{"network"})
	s.users(fmt.Sprintf("/proc/%d/ns/user", first.Pid))
	score := 100
	s.spec.Process.OOMScoreAdj = &score
	got := strings.Fields(s.run("sh", "-c", "for n in user net; do readlink /proc/self/ns/$n; done; cat /proc/self/oom_score_adj"))
	want := []string{linkOf(t, first.Pid, "ns/user"), linkOf(t, pid, "ns/net"), "100"}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %v, want %v", got, want)
	}
	sharing(s.spec, pid, []string{"mount"})
	s.users("")
	s.refused("mount namespace that is there already", "true")
}

// users has the user namespace at that path, or a new one.
func (f *foreign) users(path string) {
	for i, n := range f.spec.Linux.Namespaces {
		if n.Type == "user" {
			f.spec.Linux.Namespaces[i].Path = path
		}
	}
}

// TestRaisedLimits: limits above the hard ones are for the host's root to set,
// also for a process in a user namespace; where that may not, it is an error.
func TestRaisedLimits(t *testing.T) {
	f := newForeign(t)
	f.readable()
	l := f.spec.Linux
	l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: "user"})
	l.UIDMappings, l.GIDMappings = mapped(), mapped()
	// Below the hard limits everyone may; signals are neither counted nor needed.
	f.spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_SIGPENDING", Soft: 100, Hard: 200}, {Type: "RLIMIT_CORE", Soft: 0, Hard: 0}}
	const tell = "grep -E 'pending|core' /proc/self/limits | sed 's/  */ /g'"
	if got := f.run("sh", "-c", tell); got != "Max core file size 0 0 bytes \nMax pending signals 100 200 signals \n" {
		t.Errorf("lowered: %q", got)
	}
	run := f.lasting()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	raised := was.Max + 77
	f.spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 50, Hard: raised}}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: was.Cur, Max: raised}) != nil {
		f.refused(fmt.Sprintf("raise the hard limit nofile to %d: prlimit: operation not permitted", raised), "true")
		return
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("50\n%d\n", raised)
	if got := f.run("sh", "-c", "ulimit -Sn; ulimit -Hn"); got != want {
		t.Errorf("raised: %q, want %q", got, want)
	}
	if got := f.joined(run, "sh", "-c", "ulimit -Sn; ulimit -Hn"); got != want {
		t.Errorf("raised for one that joins: %q, want %q", got, want)
	}
}
