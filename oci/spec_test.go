package oci

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/ocispec"
)

// spec makes a specification of the test image on the test machine.
func spec(r Request, change ...func(*Facts)) (*specs.Spec, []string, error) {
	cfg, own := image()
	f := machine()
	for _, c := range change {
		c(&f)
	}
	return Spec(&r, cfg, made(), f, own)
}

// What the kernel or the engine lacks is dropped with a warning, or refused
// where the user named it.
func TestMissing(t *testing.T) {
	lacking := func(limits ...string) func(*Facts) { return func(f *Facts) { f.MissingLimits = limits } }
	ten := int64(10)
	for _, x := range []struct {
		r     Request
		facts func(*Facts)
		warn  string
	}{
		{memoryOf(10<<20, 0), lacking(LimitMemory), "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded."},
		{memoryOf(10<<20, 0), lacking(LimitSwap), "Memory limited without swap."},
		{Request{Resources: Resources{MemoryReservation: 10 << 20}}, lacking(LimitReservation), "soft limit"},
		{Request{Resources: Resources{MemorySwappiness: &ten}}, func(f *Facts) { f.Cgroups = "v2" }, "Memory swappiness discarded."},
		{Request{Resources: Resources{OOMKillDisable: true}}, func(f *Facts) { f.Cgroups = "v2" }, "OomKillDisable discarded."},
		{Request{Resources: Resources{OOMKillDisable: true}}, func(*Facts) {}, "OOM killer is disabled for the container, but no memory limit is set"},
		{Request{Resources: Resources{PidsLimit: 5}}, lacking(LimitPids), "PIDs limit discarded."},
		{Request{Resources: Resources{CPUShares: 5}}, lacking(LimitCPUShares), "Shares discarded."},
		{Request{Resources: Resources{CPUQuota: 5000}}, lacking(LimitCPUQuota), "CPU period/quota discarded."},
		{Request{Resources: Resources{CpusetCpus: "0"}}, lacking(LimitCpuset), "Cpuset discarded."},
		{Request{Resources: Resources{BlkioWeight: 10}}, lacking(LimitBlkioWeight), "Weight discarded."},
		{Request{Resources: Resources{DeviceReadBps: []Limit{{"/dev/sda", 1}}}}, lacking(LimitBlkioRate), "rate limits discarded"},
		{Request{Privileged: true, Devices: []Device{{Host: "/dev/null", Permissions: "r"}}}, func(*Facts) {}, "custom r permissions for device /dev/null are ignored in privileged mode"},
	} {
		s, warnings, err := spec(x.r, x.facts)
		if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], x.warn) {
			t.Errorf("%+v: warnings %q, error %v; want %q", x.r, warnings, err, x.warn)
			continue
		}
		if m := s.Linux.Resources.Memory; x.warn == "Memory limited without swap." && (m == nil || m.Swap != nil || *m.Limit != 10<<20) {
			t.Errorf("memory without swap became %+v", m)
		}
	}
	for _, r := range []Request{
		{Resources: Resources{NanoCPUs: 1e9}}, {Resources: Resources{CPURTPeriod: 5}},
	} {
		if _, _, err := spec(r, lacking(LimitCPUQuota, LimitCPURealtime)); err == nil {
			t.Errorf("%+v: no error without the kernel's support", r)
		}
	}
}

// What the engine itself may not do it cannot grant.
func TestEngineLimits(t *testing.T) {
	weak := func(f *Facts) { f.Bounding = []string{"CAP_CHOWN", "CAP_KILL", "CAP_NET_ADMIN"} }
	for _, x := range []struct {
		r    Request
		want []string
	}{
		{Request{}, []string{"CAP_CHOWN", "CAP_KILL"}},
		{Request{Privileged: true}, []string{"CAP_CHOWN", "CAP_KILL", "CAP_NET_ADMIN"}},
		{Request{CapAdd: []string{"all"}, CapDrop: []string{"kill"}}, []string{"CAP_CHOWN", "CAP_NET_ADMIN"}},
		{Request{CapAdd: []string{"net_admin"}, CapDrop: []string{"ALL"}}, []string{"CAP_NET_ADMIN"}},
	} {
		s, _, err := spec(x.r, weak)
		if err != nil {
			t.Errorf("%+v: %v", x.r, err)
			continue
		}
		c := s.Process.Capabilities
		for _, got := range [][]string{c.Bounding, c.Effective, c.Permitted} {
			got = slices.Sorted(slices.Values(got))
			if !reflect.DeepEqual(got, x.want) {
				t.Errorf("%+v: capabilities %v, want %v", x.r, got, x.want)
			}
		}
		if c.Inheritable != nil || c.Ambient != nil {
			t.Errorf("%+v: inheritable %v, ambient %v", x.r, c.Inheritable, c.Ambient)
		}
	}
	for _, x := range []struct {
		r    Request
		want string
	}{
		{Request{CapAdd: []string{"sys_admin"}}, "capability CAP_SYS_ADMIN cannot be added: the engine itself lacks it"},
		{Request{Ulimits: []Ulimit{{"nofile", 1, 20001}}}, "ulimit nofile: hard limit 20001 is above the engine's own of 20000"},
		{Request{Ulimits: []Ulimit{{"nofile", 1, -1}}}, "hard limit unlimited is above"},
		{Request{OOMScoreAdj: -5}, "oom score adj -5 is below the engine's own of 0"},
	} {
		if _, _, err := spec(x.r, weak); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v: error %v, want %s", x.r, err, x.want)
		}
	}
	// With the capability none of the last three is a problem.
	r := Request{Ulimits: []Ulimit{{"nofile", 1, -1}}, OOMScoreAdj: -5}
	if _, _, err := spec(r); err != nil {
		t.Error(err)
	}
}

// A container that asks for nothing does not inherit the engine's score,
// unless it cannot be helped.
func TestOOMScoreAdj(t *testing.T) {
	own := func(n int) func(*Facts) { return func(f *Facts) { f.OOMScoreAdj = n } }
	none := func(f *Facts) { f.Bounding = []string{} }
	for _, x := range []struct {
		want  *int
		facts []func(*Facts)
	}{
		{nil, nil},
		{new(int), []func(*Facts){own(-900)}},
		{new(int), []func(*Facts){own(200)}},
		{nil, []func(*Facts){own(200), none}},
	} {
		s, _, err := spec(Request{}, x.facts...)
		if err != nil || !reflect.DeepEqual(s.Process.OOMScoreAdj, x.want) {
			t.Errorf("got %v, %v; want %v", s.Process.OOMScoreAdj, err, x.want)
		}
	}
}

func TestArgs(t *testing.T) {
	w := strings.Fields
	for _, x := range []struct {
		r               Request
		entrypoint, cmd string
		want            string
	}{
		{Request{}, "e", "c d", "e c d"},
		{Request{}, "", "c", "c"},
		{Request{Command: w("x y")}, "e", "c", "e x y"},
		{Request{EntrypointSet: true, Entrypoint: w("n")}, "e", "c", "n"},
		{Request{EntrypointSet: true, Entrypoint: w("n"), Command: w("x")}, "e", "c", "n x"},
		{Request{EntrypointSet: true, Entrypoint: []string{""}, Command: w("x")}, "e", "c", "x"},
		{Request{EntrypointSet: true, Command: w("x")}, "e", "c", "x"},
	} {
		if got := strings.Join(args(&x.r, w(x.entrypoint), w(x.cmd)), " "); got != x.want {
			t.Errorf("%+v on %q %q: %q, want %q", x.r, x.entrypoint, x.cmd, got, x.want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	cfg := ocispec.ImageConfig{Cmd: []string{"x"}, Env: []string{"PATH=/p", "=bad", "A=1", "B=2"}}
	r := Request{Env: []string{"B=3", "A", "C=", "C=4", "HOME=/h"}, TTY: true}
	s, _, err := Spec(&r, cfg, made(), Facts{}, nil)
	want := []string{"PATH=/p", "HOSTNAME=0123456789ab", "TERM=xterm", "B=3", "C=4", "HOME=/h"}
	if err != nil || !reflect.DeepEqual(s.Process.Env, want) {
		t.Errorf("environment %q, %v; want %q", s.Process.Env, err, want)
	}
}

// Shared mounts change the root's propagation, and have to be shared on the
// host in the first place.
func TestPropagation(t *testing.T) {
	host := func(shared, slave bool) func(*Facts) {
		return func(f *Facts) {
			f.Propagation = func(string) (string, bool, bool, error) { return "/mnt", shared, slave, nil }
		}
	}
	for _, x := range []struct {
		names         string
		shared, slave bool
		want, err     string
	}{
		{"private", false, false, "private", ""},
		{"rslave", true, false, "rslave", ""},
		{"slave", false, true, "rslave", ""},
		{"rshared", true, false, "shared", ""},
		{"shared rslave", true, false, "shared", ""},
		{"rslave shared", true, false, "shared", ""},
		{"shared", false, true, "", "path /data is mounted on /mnt but it is not a shared mount"},
		{"slave", false, false, "", "path /data is mounted on /mnt but it is not a shared or slave mount"},
	} {
		var r Request
		for _, n := range strings.Fields(x.names) {
			r.Mounts = append(r.Mounts, Mount{Type: "bind", Source: "/data", Target: "/" + n, Propagation: n})
		}
		s, _, err := spec(r, host(x.shared, x.slave))
		if x.err != "" {
			if err == nil || err.Error() != x.err {
				t.Errorf("%s: error %v, want %s", x.names, err, x.err)
			}
			continue
		}
		if err != nil || s.Linux.RootfsPropagation != x.want {
			t.Errorf("%s: root %v, %v; want %s", x.names, s, err, x.want)
		}
	}
}

// A user's /dev takes the engine's mounts below it away.
func TestMountOverDev(t *testing.T) {
	s, _, err := spec(mountAt("/dev"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range s.Mounts {
		if strings.HasPrefix(m.Destination, "/dev/") || m.Destination == "/dev" && m.Type != "bind" {
			t.Errorf("%s %s is still there", m.Type, m.Destination)
		}
	}
}

// Memory without swap gets as much again, as with Docker.
func TestSwap(t *testing.T) {
	for _, x := range []struct{ memory, swap, want int64 }{
		{10 << 20, 0, 20 << 20}, {10 << 20, 10 << 20, 10 << 20}, {10 << 20, -1, 0},
	} {
		s, _, err := spec(memoryOf(x.memory, x.swap))
		if err != nil {
			t.Fatal(err)
		}
		got := s.Linux.Resources.Memory.Swap
		if (got == nil) != (x.want == 0) || got != nil && *got != x.want {
			t.Errorf("memory %d, swap %d: %v, want %d", x.memory, x.swap, got, x.want)
		}
	}
}

func TestDeviceError(t *testing.T) {
	_, _, err := spec(Request{Devices: []Device{{Host: "/etc"}}})
	if !errors.Is(err, ErrNotDevice) {
		t.Errorf("%v does not wrap ErrNotDevice", err)
	}
}
