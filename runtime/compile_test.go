package runtime

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/mount"
	"mydocker/runtime/rootfs"
)

var update = flag.Bool("update", false, "write the golden files")

func ptr[T any](v T) *T { return &v }

// spec is a container with something of every room.
func spec() *specs.Spec {
	return &specs.Spec{
		Root:     &specs.Root{Path: "/c/ID/merged", Readonly: true},
		Hostname: "box", Domainname: "lan",
		Process: &specs.Process{
			Args: []string{"sh", "-c", "echo it's me"}, Env: []string{"PATH=/bin", "A=b c"}, Cwd: "/work", OOMScoreAdj: ptr(100), NoNewPrivileges: true,
			User:         specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{7}},
			Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "CAP_KILL"}},
			Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 10, Hard: 20}},
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755"}},
			{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro", "nosuid"}},
			{Destination: "/data", Type: "bind", Source: "/srv/data", Options: []string{"rbind", "rro"}},
			{Destination: "/etc/hosts", Type: "bind", Source: "/c/ID/hosts", Options: []string{"bind"}},
		},
		Linux: &specs.Linux{
			CgroupsPath: "/mydocker/ID", Sysctl: map[string]string{"net.ipv4.ip_forward": "1"},
			MaskedPaths: []string{"/proc/kcore", "/proc/acpi", "/proc/gone", "/secret"}, ReadonlyPaths: []string{"/proc/sys"},
			Namespaces: []specs.LinuxNamespace{{Type: "mount"}, {Type: "uts"}, {Type: "pid"}, {Type: "cgroup"}, {Type: "ipc"},
				{Type: "network", Path: "/proc/12/ns/net"}},
			Devices:   []specs.LinuxDevice{{Path: "/dev/snd/x", Type: "c", Major: 116, Minor: 2, FileMode: ptr(os.FileMode(0o660)), GID: ptr(uint32(29))}},
			Resources: &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr[int64](50)}},
		},
	}
}

func facts() Facts {
	return Facts{
		Cgroups: cgroup.Layout{Mode: cgroup.V1, Hierarchies: []cgroup.Hierarchy{
			{Mount: "/sys/fs/cgroup/pids", Controllers: []string{"pids"}}, {Mount: "/sys/fs/cgroup/devices", Controllers: []string{"devices"}}}},
		OwnCgroups: true, OneByOne: true,
		NotDir: map[string]bool{"/c/ID/hosts": true},
		Places: map[string]string{"/etc/hosts": "/run/hosts"},
		Kinds:  map[string]mount.Kind{"/proc/kcore": mount.File, "/proc/acpi": mount.Directory, "/proc/sys": mount.Directory},
	}
}

func compiled(t *testing.T) *plan.Plan {
	t.Helper()
	p, err := Compile(Container{
		Spec:    spec(),
		Overlay: &rootfs.Overlay{Lower: []string{"/l/2", "/l/1"}, Upper: "/c/ID/diff", Work: "/c/ID/work", Target: "/c/ID/merged"},
		Create:  []plan.HostStep{rootfs.Mkdir{Path: "/c/ID", Mode: 0o700}},
	}, facts())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestGolden compares the whole plan as text, first as the script, then as the
// system calls of the first process.
func TestGolden(t *testing.T) {
	p := compiled(t)
	var b strings.Builder
	if err := (plan.Script{Title: "a container", Root: "/c/ID/merged", Remove: true}).Write(&b, p); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.sh", b.String()+calls(t, p))
}

// TestMountLabel: new file systems get it, if SELinux is on, but for those that
// are the same everywhere; there are commas in it.
func TestMountLabel(t *testing.T) {
	const label = "system_u:object_r:container_file_t:s0:c1,c2"
	for _, on := range []bool{false, true} {
		s, f := spec(), facts()
		s.Linux.MountLabel, f.LSM.SELinux = label, on
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue"},
			specs.Mount{Destination: "/old", Type: "tmpfs", Source: "tmpfs", Options: []string{"iversion"}})
		p, err := Compile(Container{Spec: s}, f)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := (plan.Script{Title: "a container", Root: "/r"}).Write(&b, p); err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(b.String() + calls(t, p)) {
			if strings.Contains(line, "context") {
				got = append(got, strings.TrimSpace(line))
			}
		}
		if !on && len(got) > 0 {
			t.Errorf("without SELinux: %q", got)
		}
		if on {
			golden(t, "label.txt", strings.Join(got, "\n")+"\n")
		}
	}
}

// calls lists the system calls of the plan's process.
func calls(t *testing.T, p *plan.Plan) string {
	t.Helper()
	prog, err := Program(p, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := "\n# The calls of the first process\n"
	for i := range prog.Ops() {
		text += "# " + prog.Label(i) + "\n"
	}
	return text
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		os.MkdirAll("testdata", 0o755)
		os.WriteFile(file, []byte(got), 0o644)
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("the plan is not that of %s (%v); -update writes it:\n%s", file, err, got)
	}
}

// TestPure compiles twice: nothing but the arguments goes in.
func TestPure(t *testing.T) {
	a, b := compiled(t), compiled(t)
	for i := range a.Init {
		if a.Init[i].Shell() != b.Init[i].Shell() {
			t.Errorf("step %d differs", i)
		}
	}
}

func TestRefused(t *testing.T) {
	for want, change := range map[string]func(*specs.Spec){
		"mount namespace": func(s *specs.Spec) { s.Linux.Namespaces, s.Linux.RootfsPropagation = s.Linux.Namespaces[1:], "shared" },
		"resource limit":  func(s *specs.Spec) { s.Process.Rlimits[0].Type = "RLIMIT_FUN" },
		"tmpcopyup":       func(s *specs.Spec) { s.Mounts[3].Options = append(s.Mounts[3].Options, "tmpcopyup") },
		"no hugetlb":      func(s *specs.Spec) { s.Linux.Resources.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB"}} },
	} {
		s := spec()
		change(s)
		if _, err := Compile(Container{Spec: s}, facts()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
