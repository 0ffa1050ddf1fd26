package cgroup

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
)

// lines are the settings of limits, as "file=value".
func lines(mode string, r *specs.LinuxResources) (string, error) {
	l := layouts()[mode]
	l.Controllers = append(l.Controllers, "rdma")
	for _, name := range []string{"hugetlb", "net_cls", "net_prio", "rdma"} {
		l.Hierarchies = append(l.Hierarchies, Hierarchy{Mount: "/sys/fs/cgroup/" + name, Controllers: []string{name}})
	}
	c := &compiler{Layout: l, path: "/x"}
	s := c.settings(r)
	c.writes(s)
	var out []string
	for _, one := range s {
		out = append(out, one.file+"="+one.value)
	}
	return strings.Join(out, "; "), c.err
}

func memory(limit, swap int64) *specs.LinuxResources {
	return &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit, Swap: &swap}}
}

func TestSettings(t *testing.T) {
	disk := specs.LinuxBlockIODevice{Major: 8, Minor: 16}
	weight := &specs.LinuxBlockIO{Weight: ptr[uint16](10), WeightDevice: []specs.LinuxWeightDevice{{LinuxBlockIODevice: disk, Weight: ptr[uint16](1000)}}}
	throttle := &specs.LinuxBlockIO{ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: disk, Rate: 7}, {LinuxBlockIODevice: disk}}}
	huge := []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4}}
	for _, c := range []struct {
		name   string
		r      *specs.LinuxResources
		v1, v2 string // "!" begins an error
	}{
		{"nothing", &specs.LinuxResources{Memory: &specs.LinuxMemory{}, CPU: &specs.LinuxCPU{}, Pids: &specs.LinuxPids{}}, "", ""},
		//lint:ignore SA1019 it is to be ignored
		{"zeros", &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr[int64](0), Reservation: ptr[int64](0), Kernel: ptr[int64](5)},
			CPU: &specs.LinuxCPU{Shares: ptr[uint64](0), Quota: ptr[int64](0), Period: ptr[uint64](0)}, BlockIO: &specs.LinuxBlockIO{Weight: ptr[uint16](0)}}, "", ""},
		{"memory and swap", memory(100, 150), "memory.limit_in_bytes=100; memory.memsw.limit_in_bytes=150", "memory.max=100; memory.swap.max=50"},
		{"no swap", memory(100, 100), "memory.limit_in_bytes=100; memory.memsw.limit_in_bytes=100", "memory.max=100; memory.swap.max=0"},
		{"any swap", memory(100, -1), "memory.limit_in_bytes=100; memory.memsw.limit_in_bytes=-1", "memory.max=100; memory.swap.max=max"},
		{"any memory", memory(-1, 0), "memory.limit_in_bytes=-1; memory.memsw.limit_in_bytes=-1", "memory.max=max; memory.swap.max=max"},
		{"less swap", memory(100, 50), "memory.limit_in_bytes=100; memory.memsw.limit_in_bytes=50", "!memory+swap limit should be >= memory limit"},
		{"swap alone", memory(0, 50), "memory.memsw.limit_in_bytes=50", "!unable to set swap limit without memory limit"},
		{"no pids", &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr[int64](0)}}, "", ""},
		{"any pids", &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr[int64](-1)}}, "pids.max=max", "pids.max=max"},
		{"quota", &specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr[int64](-1), Burst: ptr[uint64](0), Idle: ptr[int64](0)}},
			"cpu.cfs_quota_us=-1; cpu.cfs_burst_us=0; cpu.idle=0", "cpu.max=max 100000; cpu.max.burst=0; cpu.idle=0"},
		{"period", &specs.LinuxResources{CPU: &specs.LinuxCPU{Period: ptr[uint64](5000)}}, "cpu.cfs_period_us=5000", "cpu.max=max 5000"},
		{"few shares", &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: ptr[uint64](1)}}, "!the minimum allowed cpu-shares is 2", "cpu.weight=1"},
		{"many shares", &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: ptr[uint64](262145)}}, "!the maximum allowed cpu-shares is 262144", "cpu.weight=10000"},
		{"real time", &specs.LinuxResources{CPU: &specs.LinuxCPU{RealtimePeriod: ptr[uint64](9), RealtimeRuntime: ptr[int64](8)}},
			"cpu.rt_period_us=9; cpu.rt_runtime_us=8", "!real-time CPU limits need control groups of version 1"},
		{"weights", &specs.LinuxResources{BlockIO: weight}, "blkio.weight=10; blkio.weight_device=8:16 1000", "io.weight=1; io.weight=8:16 10000"},
		{"rates", &specs.LinuxResources{BlockIO: throttle}, "blkio.throttle.write_iops_device=8:16 7; blkio.throttle.write_iops_device=8:16 0",
			"io.max=8:16 wiops=7; io.max=8:16 wiops=max"},
		{"leaf", &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{LeafWeight: ptr[uint16](10)}}, "!block I/O leaf weights are not supported: kernels since 5.0 have none",
			"!block I/O leaf weights are not supported: kernels since 5.0 have none"},
		{"light", &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: ptr[uint16](9)}}, "!block I/O weight 9 is not from 10 to 1000", "!block I/O weight 9 is not from 10 to 1000"},
		{"huge pages", &specs.LinuxResources{HugepageLimits: huge}, "hugetlb.2MB.limit_in_bytes=4; hugetlb.2MB.rsvd.limit_in_bytes=4", "hugetlb.2MB.max=4; hugetlb.2MB.rsvd.max=4"},
		{"no size", &specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "../../x"}}}, `!huge page limit: "../../x" is no page size, as 2MB`,
			`!huge page limit: "../../x" is no page size, as 2MB`},
		{"network", &specs.LinuxResources{Network: &specs.LinuxNetwork{ClassID: ptr[uint32](1048577), Priorities: []specs.LinuxInterfacePriority{{Name: "eth0", Priority: 5}}}},
			"net_cls.classid=1048577; net_prio.ifpriomap=eth0 5", "!network classes and priorities need control groups of version 1"},
		{"rdma", &specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{"mlx5_1": {HcaHandles: ptr[uint32](3), HcaObjects: ptr[uint32](10000)}}},
			"rdma.max=mlx5_1 hca_handle=3 hca_object=10000", "rdma.max=mlx5_1 hca_handle=3 hca_object=10000"},
		{"swappiness", &specs.LinuxResources{Memory: &specs.LinuxMemory{Swappiness: ptr[uint64](0)}}, "memory.swappiness=0", "!memory swappiness needs control groups of version 1"},
		{"no OOM killer", &specs.LinuxResources{Memory: &specs.LinuxMemory{DisableOOMKiller: ptr(true)}}, "memory.oom_control=1", "!oom kill disable: control groups of version 2 cannot"},
		{"unified", &specs.LinuxResources{Unified: map[string]string{"io.max": "8:0 rbps=1\n8:1 rbps=2\n", "cgroup.max.depth": "3"}},
			"!unified limits need control groups of version 2", "cgroup.max.depth=3; io.max=8:0 rbps=1; io.max=8:1 rbps=2"},
		{"unified path", &specs.LinuxResources{Unified: map[string]string{"memory/../x": "1"}}, "!unified limits need control groups of version 2",
			`!unified resource "memory/../x" must be a file name (no slashes)`},
		{"unified name", &specs.LinuxResources{Unified: map[string]string{"memory": "1"}}, "!unified limits need control groups of version 2",
			`!unified resource "memory" must be in the form CONTROLLER.PARAMETER`},
		{"unified controller", &specs.LinuxResources{Unified: map[string]string{"misc.max": "1"}}, "!unified limits need control groups of version 2",
			`!unified resource "misc.max" can't be set: controller "misc" not available`},
		{"unified move", &specs.LinuxResources{Unified: map[string]string{"cgroup.procs": "1"}}, "!unified limits need control groups of version 2", `!unified resource "cgroup.procs" is no limit`},
	} {
		for mode, want := range map[string]string{Hybrid: c.v1, V2: c.v2} {
			got, err := lines(mode, c.r)
			if text, fails := strings.CutPrefix(want, "!"); fails {
				if err == nil || err.Error() != text {
					t.Errorf("%s, %s: got %v, want the error %s", mode, c.name, err, text)
				}
			} else if err != nil || got != want {
				t.Errorf("%s, %s: got %s (%v), want %s", mode, c.name, got, err, want)
			}
		}
	}
}

func TestBFQWeights(t *testing.T) {
	l := layouts()[V2]
	l.Files = append(l.Files, bfqWeight)
	c := &compiler{Layout: l, path: "/x"}
	s := c.settings(resources(t, `{"blockIO":{"weight":20,"weightDevice":[{"major":8,"minor":1,"weight":30}]}}`))
	if c.err != nil || len(s) != 2 || s[0].file != bfqWeight || s[0].value != "20" || s[1].value != "8:1 30" {
		t.Errorf("got %+v (%v)", s, c.err)
	}
}

func TestIgnored(t *testing.T) {
	if w := Ignored(Layout{Mode: V2}, &specs.LinuxResources{Memory: &specs.LinuxMemory{KernelTCP: ptr[int64](1)}}); len(w) != 1 {
		t.Errorf("warned %v of kernel memory", w)
	}
	if w := Ignored(Layout{}, memory(1, 1)); len(w) != 0 {
		t.Errorf("warned %v of nothing", w)
	}
}

// TestDefaultDevices compares with what other runtimes leave in devices.list.
func TestDefaultDevices(t *testing.T) {
	want := []string{"b *:* m", "c *:* m", "c 10:200 rwm", "c 136:* rwm", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm"}
	l := probed(t)
	h := l.hierarchy("devices")
	if h == nil {
		t.Skip("there is no devices controller of version 1")
	}
	s, err := Compile(l, testPath, true, nil, WithDefaults(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer undo(t, s.Host)
	do(t, s.Host)
	b, err := os.ReadFile(filepath.Join(h.dir(testPath), "devices.list"))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(b)), "\n")
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("allowed are %q", got)
	}
}

func TestWithDefaults(t *testing.T) {
	mine := specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: ptr[int64](10), Minor: ptr[int64](229), Access: "rwm"}
	l := &specs.Linux{Devices: []specs.LinuxDevice{{Path: "/dev/null"}}, Resources: &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{mine}}}
	got := deviceLines(WithDefaults(l))
	if got[0] != [2]string{"deny", "a"} || got[1] != [2]string{"allow", "c 10:229 rwm"} {
		t.Errorf("begins with %v", got[:2])
	}
	if slices.Contains(got, [2]string{"allow", "c 1:3 rwm"}) || !slices.Contains(got, [2]string{"allow", "c 1:5 rwm"}) {
		t.Errorf("a device of the specification is beside the default one: %v", got)
	}
}

// opens runs a shell in a group of version 2 with these rules, that opens a
// device in a way ("<", ">", "<>").
func opens(t *testing.T, l Layout, rules []specs.LinuxDeviceCgroup, how string) bool {
	t.Helper()
	l.Hierarchies, l.Mode = nil, V2 // filters are there on hybrid hosts, too
	s, err := Compile(l, testPath, true, nil, rules)
	if err != nil {
		t.Fatal(err)
	}
	defer undo(t, s.Host)
	do(t, s.Host)
	dir, err := os.Open(s.V2Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	cmd := exec.Command("/bin/sh", "-c", "exec 3"+how+"/dev/null")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	// The standard streams are /dev/null of the parent, opened before.
	return cmd.Run() == nil
}

// TestV2DeviceRules: of each use the last rule about it decides.
func TestV2DeviceRules(t *testing.T) {
	l := probed(t)
	if l.Unified == "" {
		t.Skip("there is no hierarchy of version 2")
	}
	rule := func(allow bool, minor int64, access string) specs.LinuxDeviceCgroup {
		r := specs.LinuxDeviceCgroup{Allow: allow, Type: "c", Major: ptr[int64](1), Access: access}
		if minor >= 0 {
			r.Minor = &minor
		}
		return r
	}
	none := specs.LinuxDeviceCgroup{Access: "rwm"}
	for name, c := range map[string]struct {
		rules []specs.LinuxDeviceCgroup
		want  string // of "<", ">" and "<>" those that succeed
	}{
		"denied":            {[]specs.LinuxDeviceCgroup{none}, ""},
		"r and w":           {[]specs.LinuxDeviceCgroup{none, rule(true, 3, "r"), rule(true, 3, "w")}, "< > <>"},
		"r":                 {[]specs.LinuxDeviceCgroup{none, rule(true, 3, "r"), rule(true, 5, "w")}, "<"},
		"r of all, w of it": {[]specs.LinuxDeviceCgroup{none, rule(true, -1, "r"), rule(true, 3, "w")}, "< > <>"},
		"w taken away":      {[]specs.LinuxDeviceCgroup{none, rule(true, 3, "rwm"), rule(false, -1, "w")}, "<"},
		"w given back":      {[]specs.LinuxDeviceCgroup{none, rule(true, 3, "rw"), rule(false, 3, "rw"), rule(true, 3, "w")}, ">"},
		"defaults":          {WithDefaults(nil), "< > <>"},
		"denied a default":  {append(WithDefaults(nil), rule(false, 3, "w")), "<"},
	} {
		var got []string
		for _, how := range []string{"<", ">", "<>"} {
			if opens(t, l, c.rules, how) {
				got = append(got, how)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q succeed, want %q", name, got, c.want)
		}
	}
}

// asNobody runs a test again, as a user without rights.
func asNobody(t *testing.T, mark, pattern string) {
	t.Helper()
	bin := filepath.Join(testenv.Dir(t), "test")
	b, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(bin, b, 0o755)
	}
	for dir := filepath.Dir(bin); err == nil && dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-test.run="+pattern)
	cmd.Dir = "/"
	cmd.Env = []string{mark + "=1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	} else if !strings.Contains(string(out), "PASS") {
		t.Errorf("it did not run: %s", out)
	}
}

// TestHoles: what the devices controller of version 1 would not do, and not say.
func TestHoles(t *testing.T) {
	number := func(n int64) *int64 { return &n }
	none, all := specs.LinuxDeviceCgroup{Access: "rwm"}, specs.LinuxDeviceCgroup{Allow: true, Access: "rwm"}
	rule := func(allow bool, major, minor int64, access string) specs.LinuxDeviceCgroup {
		return specs.LinuxDeviceCgroup{Allow: allow, Type: "c", Major: number(major), Minor: number(minor), Access: access}
	}
	for _, c := range []struct {
		rules []specs.LinuxDeviceCgroup
		hole  bool
	}{
		{[]specs.LinuxDeviceCgroup{none, rule(true, 10, -1, "rwm"), rule(false, 10, 229, "rwm")}, true},
		{[]specs.LinuxDeviceCgroup{none, rule(true, 10, -1, "rw"), rule(false, 10, 200, "r")}, true},
		{[]specs.LinuxDeviceCgroup{none, rule(true, -1, -1, "m"), rule(false, 1, -1, "m")}, true},
		{[]specs.LinuxDeviceCgroup{none, {Allow: true, Major: number(10), Access: "rwm"}, rule(false, 10, 229, "w")}, true},
		{[]specs.LinuxDeviceCgroup{all, rule(false, 10, -1, "rwm"), rule(true, 10, 229, "rwm")}, true},
		{[]specs.LinuxDeviceCgroup{none, rule(true, 10, -1, "rw"), rule(false, 10, 229, "m")}, false},
		{[]specs.LinuxDeviceCgroup{none, rule(true, 10, -1, "rw"), rule(false, 10, -1, "rw"), rule(false, 10, 229, "rw")}, false},
		{[]specs.LinuxDeviceCgroup{none, rule(true, 10, -1, "rw"), none, rule(false, 10, 229, "rw")}, false},
		{[]specs.LinuxDeviceCgroup{all, rule(false, 10, 229, "rwm")}, false},
		{[]specs.LinuxDeviceCgroup{none, rule(true, 10, 229, "rwm"), rule(false, 10, -1, "rwm")}, false},
	} {
		if err := checkHoles(c.rules); (err != nil) != c.hole {
			t.Errorf("%+v: %v", c.rules, err)
		}
	}
}

// TestDeviceAccess: a rule without a use would be about none, or all.
func TestDeviceAccess(t *testing.T) {
	for access, want := range map[string]string{"": "device access at 1 field cannot be empty", "rx": "is not of r, w and m"} {
		c := &compiler{}
		c.devices([]specs.LinuxDeviceCgroup{{Access: "rwm"}, {Allow: true, Type: "c", Access: access}})
		if c.err == nil || !strings.Contains(c.err.Error(), want) {
			t.Errorf("%q: %v, want %q", access, c.err, want)
		}
	}
}
