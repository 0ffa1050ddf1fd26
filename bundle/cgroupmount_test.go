package bundle_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
)

// TestCgroupMount: a mount of control groups begins at the container's own, but
// for version 2 without a namespace of them: there it is the whole hierarchy.
func TestCgroupMount(t *testing.T) {
	p := newPlace(t, "grep cgroup /proc/self/mountinfo | cut -d ' ' -f 4,5 | grep -e ' /sys/fs/cgroup/memory$' -e ' /sys/fs/cgroup$'")
	l := p.spec.Linux
	l.Namespaces = slices.DeleteFunc(l.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.CgroupNamespace })
	p.spec.Mounts = slices.DeleteFunc(p.spec.Mounts, func(m specs.Mount) bool { return m.Destination == "/sys/fs/cgroup" })
	p.spec.Mounts = append(p.spec.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro"}})
	check := func(v1, v2 string) {
		t.Helper()
		want := v1 + " /sys/fs/cgroup/memory"
		if testenv.CgroupMode() == testenv.CgroupV2 {
			want = v2 + " /sys/fs/cgroup"
		}
		lines := strings.Split(strings.TrimSpace(p.ok("run", "c")), "\n")
		if got := lines[len(lines)-1]; !strings.HasSuffix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	check(l.CgroupsPath, "/")
	l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	check("/", "/")
	p.spec.Process.Args = []string{"sh", "-c", "ls /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/cgroup.events /sys/fs/cgroup/memory/cgroup.procs 2> /dev/null; true"}
	if got := p.ok("run", "c"); testenv.CgroupMode() == testenv.CgroupV2 && !strings.Contains(got, "cgroup.events") {
		t.Errorf("it is the root of the hierarchy: %q", got)
	}
}
