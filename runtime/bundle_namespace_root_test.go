package runtime_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

const listNamespaces = "for n in /proc/self/ns/*; do readlink $n; done"

func mapped() []specs.LinuxIDMapping {
	return []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
}

// readable lets the mapped root reach the container's root.
func (f *foreign) readable() {
	f.t.Helper()
	for dir := f.spec.Root.Path; dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			f.t.Fatal(err)
		}
	}
}

// TestUserNamespace has a new one: root inside is nobody special outside.
func TestUserNamespace(t *testing.T) {
	f := newForeign(t)
	f.readable()
	l := f.spec.Linux
	l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: "user"}, specs.LinuxNamespace{Type: "cgroup"})
	l.UIDMappings, l.GIDMappings = mapped(), mapped()
	f.keyring = "_ses.test-user"
	f.spec.Hostname = "inside"
	l.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
	const tell = "id -u; hostname; cat /proc/self/uid_map /proc/sys/net/ipv4/ip_forward; head -1 /proc/self/setgroups"
	want := regexp.MustCompile(`^0\ninside\n\s+0\s+100000\s+65536\n1\nallow\n$`)
	if got := f.run("sh", "-c", tell); !want.MatchString(got) {
		t.Errorf("first process: %q", got)
	}
	run := f.lasting()
	if got := f.joined(run, "sh", "-c", tell); !want.MatchString(got) {
		t.Errorf("joined process: %q", got)
	}
	if got := of(t, run.Pid, "status"); grep(got, "^Uid") != "Uid:\t100000\t100000\t100000\t100000\n" {
		t.Errorf("seen from outside: %s", grep(got, "^Uid"))
	}
}

// TestJoinedByPath gives one container the namespaces of another, of every kind
// and with a user namespace; what it does not share is new, and owned by that
// user namespace.
func TestJoinedByPath(t *testing.T) {
	f := newForeign(t)
	f.readable()
	l := f.spec.Linux
	l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: "user"}, specs.LinuxNamespace{Type: "cgroup"}, specs.LinuxNamespace{Type: "time"})
	l.UIDMappings, l.GIDMappings = mapped(), mapped()
	l.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1e6}}
	first := f.lasting()
	// The kinds that are shared, besides user.
	for _, shared := range [][]string{nil, {"network"}, {"network", "ipc", "uts"}, {"pid"}, {"pid", "network", "ipc", "uts", "cgroup", "time"}} {
		t.Run(strings.Join(shared, " "), func(t *testing.T) {
			s := *f
			s.t, s.spec = t, cloneSpec(f.spec)
			s.spec.Linux.TimeOffsets = nil
			want := sharing(s.spec, first.Pid, shared)
			got := strings.Fields(s.run("sh", "-c", listNamespaces))
			checkShared(t, got, first.Pid, want)
			if up := s.run("/look"); strings.Contains(strings.Join(shared, " "), "time") && !regexp.MustCompile(`boottime 1\d{6}\n`).MatchString(up) {
				t.Errorf("the clock is not the other container's: %s", grep(up, "^boottime"))
			}
			if got := s.run("sh", "-c", "id -u; touch /dev/x && stat -c %u /dev/x; hostname here 2>/dev/null; echo $?"); got != "0\n0\n1\n" {
				t.Errorf("in the namespaces: %q", got)
			}
			run := s.lasting()
			checkShared(t, strings.Fields(s.joined(run, "sh", "-c", listNamespaces)), first.Pid, want)
		})
	}
}

// sharing has the specification name the namespaces of a process, the user
// namespace among them; it returns the kernel's names of those.
func sharing(s *specs.Spec, pid int, kinds []string) map[string]bool {
	kernel := map[string]string{"network": "net", "mount": "mnt"}
	out := map[string]bool{}
	for i, n := range s.Linux.Namespaces {
		name := string(n.Type)
		if k, ok := kernel[name]; ok {
			name = k
		}
		if n.Type != "user" && !strings.Contains(strings.Join(kinds, " "), string(n.Type)) {
			continue
		}
		s.Linux.Namespaces[i].Path = fmt.Sprintf("/proc/%d/ns/%s", pid, name)
		out[name] = true
	}
	return out
}

// checkShared compares a listing of /proc/self/ns with a process's.
func checkShared(t *testing.T, got []string, pid int, want map[string]bool) {
	t.Helper()
	for _, link := range got {
		kind, _, _ := strings.Cut(link, ":[")
		if kind = strings.TrimSuffix(kind, "_for_children"); kind == "time" && !want[kind] {
			continue // made, and entered by execve
		}
		if same := link == linkOf(t, pid, "ns/"+kind); same != want[kind] {
			t.Errorf("namespace %s is shared: %v, want %v", kind, same, want[kind])
		}
	}
	if len(got) < 8 {
		t.Errorf("got only %v", got)
	}
}

func cloneSpec(s *specs.Spec) *specs.Spec {
	out, l, p := *s, *s.Linux, *s.Process
	l.Namespaces = append([]specs.LinuxNamespace{}, l.Namespaces...)
	out.Linux, out.Process = &l, &p
	return &out
}

// TestMountNamespaceByPath makes the container's mounts in a namespace that is
// there already.
func TestMountNamespaceByPath(t *testing.T) {
	f := newForeign(t)
	pid := holder(t, "--mount", "--propagation", "private")
	f.spec.Linux.Namespaces[0].Path = fmt.Sprintf("/proc/%d/ns/mnt", pid)
	f.lsm.LSM.AppArmor = false
	want := linkOf(t, pid, "ns/mnt")
	score := 100
	f.spec.Process.OOMScoreAdj = &score
	if got := f.run("sh", "-c", "readlink /proc/self/ns/mnt; ls /; cat /proc/self/oom_score_adj"); !strings.HasPrefix(got, want+"\n") || !strings.Contains(got, "\nlook\n") || !strings.HasSuffix(got, "\n100\n") {
		t.Errorf("got %q, want %s", got, want)
	}
}

// TestHostsUserNamespace names the user namespace that we are in: no error.
func TestHostsUserNamespace(t *testing.T) {
	f := newForeign(t)
	run := f.lasting()
	f.spec.Linux.Namespaces = append(f.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "user", Path: "/proc/self/ns/user"})
	if got := f.joined(run, "id", "-u"); got != "0\n" {
		t.Errorf("got %q", got)
	}
}

// TestGroupsDenied joins a user namespace where setgroups(2) is denied.
func TestGroupsDenied(t *testing.T) {
	f := newForeign(t)
	f.readable()
	pid := holder(t, "--user", "--map-root-user")
	f.spec.Linux.Namespaces = append(f.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "user", Path: fmt.Sprintf("/proc/%d/ns/user", pid)})
	f.spec.Process.User.AdditionalGids = []uint32{7}
	if got := f.run("sh", "-c", "cat /proc/self/setgroups; id -u"); got != "deny\n0\n" {
		t.Errorf("got %q", got)
	}
}

// TestKeyring looks at the session keyring: it is not the caller's, and the
// same for what joins.
func TestKeyring(t *testing.T) {
	f := newForeign(t)
	const pattern = "^key(ring|id)"
	none := grep(f.run("/look"), pattern)
	f.keyring = "_ses.test"
	run := f.lasting()
	first, joined := grep(f.run("/look"), pattern), grep(f.joined(run, "/look"), pattern)
	if !strings.HasPrefix(first, "keyring keyring;0;0;3f1b0000;_ses.test\n") || strings.Contains(first, grep(none, "^keyid")) {
		t.Errorf("first process: %q, without: %q", first, none)
	}
	if first != joined {
		t.Errorf("first process: %q, joined: %q", first, joined)
	}
}

// TestWorkdir makes one that is missing, and enters none that leads out of the
// root, CVE-2024-21626.
func TestWorkdir(t *testing.T) {
	f := newForeign(t)
	f.spec.Process.User.UID = 7
	f.spec.Process.Cwd = "/made/../made/here"
	if got := f.run("sh", "-c", "pwd; stat -c '%u %a' ."); got != "/made/here\n0 755\n" {
		t.Errorf("got %q", got)
	}
	run := f.lasting()
	for fd := range 20 {
		f.spec.Process.Cwd = "/proc/self/fd/" + strconv.Itoa(fd)
		f.refused("", "true")
		p := *f.spec.Process
		p.Args = []string{"true"}
		if _, _, err := f.join(run, p); err == nil {
			t.Errorf("%s was entered", p.Cwd)
		}
	}
}

// TestSysctls sets one of each namespace, also without a procfs of the
// container's (CVE-2025-52881: it is written to no other).
func TestSysctls(t *testing.T) {
	f := newForeign(t)
	f.spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel/shmmni": "77", "kernel.domainname": "dom", "net/ipv4/conf/lo/rp_filter": "1"}
	const tell = "mkdir -p /p; mount -t proc proc /p 2>/dev/null; cd /proc/sys; cat net/ipv4/ip_forward kernel/shmmni kernel/domainname net/ipv4/conf/lo/rp_filter"
	if got := f.run("sh", "-c", tell); got != "1\n77\ndom\n1\n" {
		t.Errorf("got %q", got)
	}
	f.spec.Mounts = f.spec.Mounts[1:]
	f.spec.Mounts = append(f.spec.Mounts, specs.Mount{Destination: "/proc", Type: "bind", Source: "/proc", Options: []string{"rbind"}})
	if got := f.run("sh", "-c", "cat /proc/sys/kernel/shmmni"); got != "77\n" {
		t.Errorf("without a procfs of its own: %q", got)
	}
}

// TestApparmorIsRefused by the module that is not there, and if it is said to
// be there by the kernel: by the file of procfs that only it has.
func TestApparmorIsRefused(t *testing.T) {
	f := newForeign(t)
	f.spec.Process.ApparmorProfile = "docker-default"
	f.refused("apparmor not supported", "true")
	f.lsm.LSM.AppArmor = true
	f.refused("apparmor profile docker-default", "true")
	f.spec.Process.ApparmorProfile, f.spec.Process.SelinuxLabel = "", "a:b:c:s0"
	f.refused("selinux is disabled", "true")
	f.lsm.LSM.SELinux = true
	f.refused("selinux label a:b:c:s0", "true")
}
