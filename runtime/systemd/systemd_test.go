package systemd

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
	"mydocker/runtime/cgroup"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		path, want string // unit and group, or "!" and the error
		user       bool
	}{
		{"", "mydocker-ID.scope /system.slice/mydocker-ID.scope", false},
		{"", "mydocker-ID.scope /user.slice/mydocker-ID.scope", true},
		{":libpod:abc", "libpod-abc.scope /system.slice/libpod-abc.scope", false},
		{"machine.slice:libpod:abc", "libpod-abc.scope /machine.slice/libpod-abc.scope", false},
		{"kube-pod-x.slice:cri:abc", "cri-abc.scope /kube.slice/kube-pod.slice/kube-pod-x.slice/cri-abc.scope", false},
		{"-.slice::abc", "abc.scope /abc.scope", false},
		{"/a/b", `!expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "/a/b" instead`, false},
		{"a:b:c:d", `!expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "a:b:c:d" instead`, false},
		{"a:b:c", "!invalid slice name: a", false}, {"a--b.slice:b:c", "!invalid slice name: a--b.slice", false},
		{"../x.slice:b:c", "!invalid slice name: ../x.slice", false}, {".slice:b:c", "!invalid slice name: .slice", false},
		{"a.slice:b:", `!cgroupsPath "a.slice:b:": "" is no name of a scope`, false},
		{"a.slice:b:../c", `!cgroupsPath "a.slice:b:../c": "../c" is no name of a scope`, false},
		{"a.slice:b:c.slice", `!cgroupsPath "a.slice:b:c.slice": "c.slice" is no name of a scope`, false},
	} {
		u, err := Parse(c.path, "ID", c.user)
		got := ""
		if err != nil {
			got = "!" + err.Error()
		} else {
			group, err := u.Group("/")
			if err != nil {
				t.Fatal(err)
			}
			got = u.Name + " " + group
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.path, got, c.want)
		}
	}
}

func TestGroupOfUser(t *testing.T) {
	u := Unit{Name: "x.scope", Slice: "user.slice", User: true}
	if got, _ := u.Group("/user.slice/user-1000.slice/user@1000.service"); got != "/user.slice/user-1000.slice/user@1000.service/user.slice/x.scope" {
		t.Errorf("got %s", got)
	}
}

// text is properties as a person reads them.
func text(p []Property) string {
	var out []string
	for _, one := range p {
		out = append(out, one.Name+"="+one.Text)
	}
	return strings.Join(out, "; ")
}

func TestLimits(t *testing.T) {
	for _, c := range []struct{ limits, v1, v2 string }{
		{`{}`, "", ""},
		{`{"memory":{"limit":100,"swap":150,"reservation":50}}`, "MemoryLimit=@t 100", "MemoryMax=@t 100; MemoryLow=@t 50; MemorySwapMax=@t 50"},
		{`{"memory":{"limit":-1}}`, "MemoryLimit=@t 18446744073709551615", "MemoryMax=@t 18446744073709551615; MemorySwapMax=@t 18446744073709551615"},
		{`{"cpu":{"shares":1024}}`, "CPUShares=@t 1024", "CPUWeight=@t 100"},
		{`{"cpu":{"idle":1,"shares":1024}}`, "CPUShares=@t 1024", "CPUWeight=@t 0"},
		{`{"cpu":{"quota":25500,"period":100000}}`, "CPUQuotaPeriodUSec=@t 100000; CPUQuotaPerSecUSec=@t 260000", "CPUQuotaPeriodUSec=@t 100000; CPUQuotaPerSecUSec=@t 260000"},
		{`{"cpu":{"quota":50000}}`, "CPUQuotaPerSecUSec=@t 500000", "CPUQuotaPerSecUSec=@t 500000"},
		{`{"cpu":{"quota":-1}}`, "CPUQuotaPerSecUSec=@t 18446744073709551615", "CPUQuotaPerSecUSec=@t 18446744073709551615"},
		{`{"cpu":{"cpus":"0-1,9","mems":"0"}}`, "AllowedCPUs=@ay [0x3, 0x2]; AllowedMemoryNodes=@ay [0x1]", "AllowedCPUs=@ay [0x3, 0x2]; AllowedMemoryNodes=@ay [0x1]"},
		{`{"cpu":{"cpus":"2-1"}}`, `!AllowedCPUs "2-1": invalid range: 2-1`, `!AllowedCPUs "2-1": invalid range: 2-1`},
		{`{"pids":{"limit":0}}`, "TasksMax=@t 1", "TasksMax=@t 1"},
		{`{"pids":{"limit":-1}}`, "TasksMax=@t 18446744073709551615", "TasksMax=@t 18446744073709551615"},
		{`{"blockIO":{"weight":500}}`, "BlockIOWeight=@t 500", ""},
		{`{"unified":{"memory.high":"max","memory.min":"5","cpu.max":"50000","pids.max":"7","io.max":"8:0 rbps=1"}}`, "",
			"CPUQuotaPeriodUSec=@t 100000; CPUQuotaPerSecUSec=@t 500000; MemoryHigh=@t 18446744073709551615; MemoryMin=@t 5; TasksMax=@t 7"},
		{`{"unified":{"cpu.idle":"1","cpu.weight":"5","cpuset.cpus":"0"}}`, "", "CPUWeight=@t 0; AllowedCPUs=@ay [0x1]"},
		{`{"unified":{"memory.high":"x"}}`, "", `!unified resource "memory.high" value invalid: "x": strconv.ParseUint: parsing "x": invalid syntax`},
	} {
		r := &specs.LinuxResources{}
		if err := json.Unmarshal([]byte(c.limits), r); err != nil {
			t.Fatal(err)
		}
		for mode, want := range map[string]string{cgroup.V1: c.v1, cgroup.V2: c.v2} {
			p, err := Limits(cgroup.Layout{Mode: mode}, r)
			got := text(p)
			if err != nil {
				got = "!" + err.Error()
			}
			if got != want {
				t.Errorf("%s, %s: %s, want %s", mode, c.limits, got, want)
			}
		}
	}
}

func TestDevices(t *testing.T) {
	got := text(Devices(cgroup.WithDefaults(nil)))
	const want = `DevicePolicy="strict"; DeviceAllow=[("char-*", "m",), ("block-*", "m",), ("/dev/char/1:3", "rwm",), ("/dev/char/1:8", "rwm",), ("/dev/char/1:7", "rwm",), ` +
		`("/dev/char/5:0", "rwm",), ("/dev/char/1:5", "rwm",), ("/dev/char/1:9", "rwm",), ("char-136", "rwm",), ("/dev/char/5:2", "rwm",), ("/dev/char/10:200", "rwm",)]`
	if strings.ReplaceAll(got, ",)", ")") != strings.ReplaceAll(want, ",)", ")") {
		t.Errorf("got %s", got)
	}
	deny, all := specs.LinuxDeviceCgroup{Access: "rwm"}, specs.LinuxDeviceCgroup{Allow: true, Access: "rwm"}
	one := int64(1)
	r, w := specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: &one, Access: "r"}, specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: &one, Access: "w"}
	for name, c := range map[string]struct {
		rules []specs.LinuxDeviceCgroup
		want  string
	}{
		"none": {nil, ""}, "not denied first": {[]specs.LinuxDeviceCgroup{r}, ""}, "denied later": {[]specs.LinuxDeviceCgroup{deny, r, deny}, ""},
		"r and w":     {[]specs.LinuxDeviceCgroup{deny, r, w}, `DevicePolicy="strict"; DeviceAllow=[("char-1", "rw",)]`},
		"all allowed": {[]specs.LinuxDeviceCgroup{deny, all, r}, `DeviceAllow=@a(ss) []; DevicePolicy="auto"`},
	} {
		if got := text(Devices(c.rules)); strings.ReplaceAll(got, ",)", ")") != strings.ReplaceAll(c.want, ",)", ")") {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestAnnotations(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"other", "x", ""},
		{"org.systemd.property.TimeoutStopUSec", "uint64 123456789", "TimeoutStopUSec=@t 123456789"},
		{"org.systemd.property.TimeoutStopSec", "2", "TimeoutStopUSec=@t 2000000"},
		{"org.systemd.property.TimeoutStopSec", "0.5", "TimeoutStopUSec=@t 500000"},
		{"org.systemd.property.CollectMode", "'inactive-or-failed'", `CollectMode="inactive-or-failed"`},
		{"org.systemd.property.TimeoutStopSec", "'x'", "!not a number"}, {"org.systemd.property.X9", "1", "!is no name"}, {"org.systemd.property.Abc", "", "!it is empty"},
		{"org.systemd.property.Abc", "[", "!"},
	} {
		p, err := Annotations(map[string]string{c.name: c.value})
		if want, fails := strings.CutPrefix(c.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s=%s: %v, want an error %q", c.name, c.value, err, want)
			}
		} else if got := text(p); err != nil || got != c.want {
			t.Errorf("%s=%s: %s (%v), want %s", c.name, c.value, got, err, c.want)
		}
	}
}

// FuzzAnnotation: a stranger's text is a value or an error.
func FuzzAnnotation(f *testing.F) {
	for _, s := range []string{"", "1", "uint64 5", "'x'", "[1, 2]", "@ay []", "{'a': <1>}", "<", "@", "b'x'", "@(s", "[[]]", "nan"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := Annotations(map[string]string{"org.systemd.property.Abc": s}); err == nil && len(p) != 1 {
			t.Errorf("%q is %v", s, p)
		}
	})
}

func TestShell(t *testing.T) {
	s := Scope{Unit: Unit{Name: "a-b.scope", Slice: "system.slice"}, Description: "container b", Properties: []Property{property("TasksMax", uint64(5))}}
	const want = `gdbus call --system --dest org.freedesktop.systemd1 --object-path /org/freedesktop/systemd1 --method org.freedesktop.systemd1.Manager.StartTransientUnit a-b.scope replace ` +
		`"[('Description', <\"container b\">), ('Slice', <\"system.slice\">), ('Delegate', <true>), ('MemoryAccounting', <true>), ('CPUAccounting', <true>), ('IOAccounting', <true>), ` +
		`('TasksAccounting', <true>), ('DefaultDependencies', <false>), ('TasksMax', <@t 5>), ('PIDs', <@au [$pid]>)]" '[]'`
	if got := s.Shell(); got != want {
		t.Errorf("got %s", got)
	}
	const attach = `gdbus call --session --dest org.freedesktop.systemd1 --object-path /org/freedesktop/systemd1 --method org.freedesktop.systemd1.Manager.AttachProcessesToUnit a-b.scope "" "[$pid]"`
	if got := (Attach{Unit{Name: "a-b.scope", User: true}}).Shell(); got != attach {
		t.Errorf("got %s", got)
	}
	if got := s.Undo().Shell(); got != "systemctl stop a-b.scope 2>/dev/null || true" {
		t.Errorf("undo is %s", got)
	}
}

// TestJournal: what is read back from a journal prints and undoes as before.
func TestJournal(t *testing.T) {
	s := Scope{Unit: Unit{Name: "a.scope", Slice: "system.slice"}, Properties: append(Devices(cgroup.WithDefaults(nil)), property("TasksMax", uint64(5)))}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Scope
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if back.Shell() != s.Shell() || back.Undo() != plan.HostStep(Stop{s.Unit}) {
		t.Errorf("got %+v", back)
	}
}

func TestVersion(t *testing.T) {
	for text, want := range map[string]int{"252.38-1~deb12u1": 252, "v245.4": 245, "257": 257, "": 0} {
		if got := versionOf(text); got != want {
			t.Errorf("%q is %d", text, got)
		}
	}
}
