package oci

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/opencontainers/runtime-spec/specs-go"
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

func memoryOf(n, swap int64) Request {
	return Request{Resources: Resources{Memory: n, MemorySwap: swap}}
}

func mountAt(target string) Request {
	return Request{Mounts: []Mount{{Type: "bind", Source: "/data", Target: target}}}
}

func sysctl(k string) map[string]string { return map[string]string{k: "1"} }

// Each of these is refused, with the text that Docker's users know.
func TestErrors(t *testing.T) {
	more := int64(101)
	for _, x := range []struct {
		r    Request
		want string
	}{
		{Request{EntrypointSet: true}, "no command specified"},
		{Request{EntrypointSet: true, Entrypoint: []string{""}}, "no command specified"},
		{Request{WorkingDir: "srv"}, "the working directory 'srv' is invalid, it needs to be an absolute path"},
		{Request{Command: []string{"a\x00b"}}, "zero byte"},
		{Request{Env: []string{"=x"}}, "invalid environment variable: =x"},
		{Request{Env: []string{"A=\x00"}}, "zero byte"},
		{Request{User: "foo"}, "unable to find user foo: no matching entries in passwd file"},
		{Request{User: "alice:foo"}, "unable to find group foo: no matching entries in group file"},
		{Request{User: "2147483648"}, "uids and gids must be in range 0-2147483647"},
		{Request{User: "4294967296"}, "uids and gids must be in range 0-2147483647"},
		{Request{User: "99999999999999999999"}, "uids and gids must be in range 0-2147483647"},
		{Request{User: "-1"}, "uids and gids must be in range 0-2147483647"},
		{Request{User: "+0"}, "uids and gids must be in range 0-2147483647"},
		{Request{User: "0:4294967296"}, "uids and gids must be in range 0-2147483647"},
		{Request{User: "0:0:0"}, "invalid user or group"},
		{Request{User: " 0"}, "invalid user or group"},
		{Request{GroupAdd: []string{"foo"}}, "unable to find group foo: no matching entries in group file"},
		{Request{GroupAdd: []string{"4294967296"}}, "uids and gids must be in range 0-2147483647"},
		{Request{CapAdd: []string{"foo"}}, `invalid CapAdd: unknown capability: "`},
		{Request{CapDrop: []string{"foo"}}, `invalid CapDrop: unknown capability: "`},
		{Request{Seccomp: "bad"}, "seccomp profile: unexpected end of JSON input"},
		{Request{OOMScoreAdj: 1001}, "Invalid value 1001, range for oom score adj is [-1000, 1000]"},
		{Request{Ulimits: []Ulimit{{"files", 1, 1}}}, "invalid ulimit type: files"},
		{Request{Ulimits: []Ulimit{{"nofile", 2, 1}}}, "ulimit soft limit must be less than or equal to hard limit: 2 > 1"},
		{Request{Ulimits: []Ulimit{{"nofile", -1, 1}}}, "ulimit soft limit must be less than or equal to hard limit: -1 > 1"},
		{Request{Ulimits: []Ulimit{{"nofile", 1, -2}}}, "a limit is -1 or larger"},

		{Request{UTSMode: "host", Hostname: "x"}, "conflicting options: hostname and the UTS mode"},
		{Request{Network: "container:a", Hostname: "x"}, "conflicting options: hostname and the network mode"},
		{Request{Hostname: "a b"}, "invalid hostname format"},
		{Request{Hostname: strings.Repeat("a", 65)}, "invalid hostname format"},
		{Request{Network: "nowhere"}, "network nowhere not found"},
		{Request{PidMode: "x"}, "invalid PID mode: x"},
		{Request{IPCMode: "x"}, "invalid IPC mode: x"},
		{Request{UTSMode: "x"}, "invalid UTS mode: x"},
		{Request{CgroupNS: "x"}, "invalid cgroup namespace mode: x"},
		{Request{Userns: "x"}, "invalid USER mode: x"},
		{Request{PidMode: "container:gone"}, "container:gone: its pid namespace is not known"},
		{Request{Userns: "private", Privileged: true}, "privileged mode is incompatible with user namespaces"},
		{Request{Userns: "private", Network: "host"}, "cannot share the host's network namespace when user namespaces are enabled"},
		{Request{Userns: "private", PidMode: "host"}, "cannot share the host PID namespace when user namespaces are enabled"},
		{Request{Userns: "private", User: "70000"}, "outside of the user namespace"},
		{Request{TimeOffsets: map[string]int64{"realtime": 1}}, `invalid clock "realtime"`},

		{Request{Mounts: []Mount{{Type: "bind", Source: "/a", Target: "/x"}, {Type: "tmpfs", Target: "/x/"}}}, "Duplicate mount point: /x"},
		{mountAt("/"), `invalid mount target "/"`},
		{mountAt("/.."), `invalid mount target "/"`},
		{mountAt("x"), "mount path must be absolute"},
		{mountAt("/proc"), "nothing but the host's /proc"},
		{mountAt("/x/../proc/self/attr"), "cannot be mounted because it is inside /proc"},
		{Request{Mounts: []Mount{{Type: "bind", Source: "a", Target: "/x"}}}, "invalid mount path: 'a' mount path must be absolute"},
		{Request{Mounts: []Mount{{Type: "bind", Source: "/a", Target: "/x", Propagation: "both"}}}, "invalid propagation mode: both"},
		{Request{Mounts: []Mount{{Type: "nfs", Target: "/x"}}}, "mount type unknown"},
		{Request{Mounts: []Mount{{Type: "tmpfs", Target: "/x", TmpfsOptions: []string{"foo=1"}}}}, "invalid tmpfs option"},
		{Request{ShmSize: -1}, "SHM size can not be less than 0"},

		{Request{Devices: []Device{{Host: "/dev/x"}}}, `error gathering device information while adding custom device "/dev/x": no such file or directory`},
		{Request{Devices: []Device{{Host: "/etc"}}}, `error gathering device information while adding custom device "/etc": not a device node`},
		{Request{Devices: []Device{{Host: "/dev/null", Permissions: "rx"}}}, "bad mode specified: rx"},
		{Request{Devices: []Device{{Host: "/dev/null", Container: "null"}}}, "must be absolute"},
		{Request{DeviceRules: []string{"c 1:3"}}, "invalid device cgroup rule format: 'c 1:3'"},
		{Request{DeviceRules: []string{"x 1:3 r"}}, "invalid device cgroup rule format"},
		{Request{DeviceRules: []string{"c 1 r"}}, "invalid device cgroup rule format"},
		{Request{DeviceRules: []string{"c -1:3 r"}}, "invalid device cgroup rule format"},
		{Request{DeviceRules: []string{"c 1:3 rr"}}, "invalid device cgroup rule format"},

		{memoryOf(6<<20-1, 0), "Minimum memory limit allowed is 6MB"},
		{memoryOf(10<<20, 9<<20), "Minimum memoryswap limit should be larger than memory limit, see usage"},
		{memoryOf(0, 9<<20), "You should always set the Memory limit when using Memoryswap limit, see usage"},
		{memoryOf(0, -2), "invalid memory swap -2"},
		{Request{Resources: Resources{MemoryReservation: 1}}, "Minimum memory reservation allowed is 6MB"},
		{Request{Resources: Resources{Memory: 10 << 20, MemoryReservation: 11 << 20}}, "Minimum memory limit can not be less than memory reservation limit, see usage"},
		{Request{Resources: Resources{MemorySwappiness: &more}}, "Invalid value: 101, valid memory swappiness range is 0-100"},
		{Request{Resources: Resources{NanoCPUs: 1e9, CPUPeriod: 1000}}, "Conflicting options: Nano CPUs and CPU Period cannot both be set"},
		{Request{Resources: Resources{NanoCPUs: 1e9, CPUQuota: 1000}}, "Conflicting options: Nano CPUs and CPU Quota cannot both be set"},
		{Request{Resources: Resources{NanoCPUs: 3e9}}, "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"},
		{Request{Resources: Resources{NanoCPUs: 1e6}}, "Range of CPUs is from 0.01 to 2.00"},
		{Request{Resources: Resources{CPUShares: -1}}, "shares: invalid argument"},
		{Request{Resources: Resources{CPUPeriod: 999}}, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"},
		{Request{Resources: Resources{CPUQuota: 999}}, "CPU cfs quota can not be less than 1ms (i.e. 1000)"},
		{Request{Resources: Resources{CPURTPeriod: 5, CPURTRuntime: 6}}, "cpu real-time runtime cannot be higher than cpu real-time period"},
		{Request{Resources: Resources{CpusetCpus: "7"}}, "Requested CPUs are not available - requested 7, available: 0-1"},
		{Request{Resources: Resources{CpusetCpus: "1-0"}}, "Invalid value 1-0 for cpuset cpus"},
		{Request{Resources: Resources{CpusetCpus: "0-99999"}}, "Invalid value 0-99999 for cpuset cpus"},
		{Request{Resources: Resources{CpusetMems: "1"}}, "Requested memory nodes are not available - requested 1, available: 0"},
		{Request{Resources: Resources{BlkioWeight: 9}}, "Range of blkio weight is from 10 to 1000"},
		{Request{Resources: Resources{BlkioWeightDevice: []Limit{{"/dev/sda", 1001}}}}, "invalid weight for device: /dev/sda:1001"},
		{Request{Resources: Resources{DeviceReadBps: []Limit{{"/dev/x", 1}}}}, "stat /dev/x: no such file or directory"},
		{Request{Resources: Resources{DeviceReadBps: []Limit{{"/dev/null", 1}}}}, "stat /dev/null: not a block device"},

		{Request{Sysctls: sysctl("vm.swappiness")}, `sysctl "vm.swappiness" is not in a separate kernel namespace`},
		{Request{Sysctls: sysctl("kernel.core_pattern")}, `sysctl "kernel.core_pattern" is not in a separate kernel namespace`},
		{Request{Sysctls: sysctl("kernel.hostname")}, `conflicts with the OCI "hostname" field`},
		{Request{Sysctls: sysctl("net.x"), Network: "host"}, "sysctl 'net.x' is not allowed in host network namespace"},
		{Request{Sysctls: sysctl("kernel.sem"), IPCMode: "host"}, "sysctl 'kernel.sem' is not allowed in host ipc namespace"},
		{Request{Sysctls: sysctl("kernel.domainname"), UTSMode: "host"}, "sysctl 'kernel.domainname' is not allowed in host uts namespace"},
		{Request{Sysctls: sysctl("net./../kernel/core_pattern")}, "is not allowed"},
		{Request{Sysctls: sysctl("net..x")}, "is not allowed"},
		{Request{Annotations: sysctl("")}, "invalid annotation"},
	} {
		_, _, err := spec(x.r)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v\n\terror %v\n\twant  %s", x.r, err, x.want)
		}
	}
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
