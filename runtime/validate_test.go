package runtime

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// valid is a specification that nothing is to be said about.
func valid() *specs.Spec {
	s := spec()
	s.Version = "1.3.0"
	s.Linux.MaskedPaths = []string{"/proc/kcore"}
	return s
}

func TestValid(t *testing.T) {
	for _, version := range []string{"1.0.0", "1.0.2-dev", "1.3.0", "1.4.0-rc.1+meta", "1.99.0"} {
		s := valid()
		s.Version = version
		if warnings, err := Validate(s); err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v, %v", version, warnings, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	s := valid()
	s.Process.Capabilities.Effective = []string{"CAP_NEW", "kill"}
	s.Process.Capabilities.Bounding = []string{"CAP_NEW", "CAP_CHOWN"}
	s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux, Flags: []specs.LinuxPersonalityFlag{"X"}}
	want := []string{"ignoring unknown or unavailable capabilities: [CAP_NEW kill]", "ignoring unsupported personality flags: [X]"}
	if got, err := Validate(s); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

// wrong are changes of a valid specification, by what the refusal says.
func wrong() map[string]func(*specs.Spec) {
	return map[string]func(*specs.Spec){
		`"2.0.0" is not supported`:          func(s *specs.Spec) { s.Version = "2.0.0" },
		`"0.9.0" is not supported`:          func(s *specs.Spec) { s.Version = "0.9.0" },
		`"1.0" is no version`:               func(s *specs.Spec) { s.Version = "1.0" },
		`"" is no version`:                  func(s *specs.Spec) { s.Version = "" },
		`"1.02.0" is no version`:            func(s *specs.Spec) { s.Version = "1.02.0" },
		`"windows" is for another`:          func(s *specs.Spec) { s.Windows = &specs.Windows{} },
		`"vm" is for another`:               func(s *specs.Spec) { s.VM = &specs.VM{} },
		"root must be specified":            func(s *specs.Spec) { s.Root = nil },
		`invalid rootfs: "//."`:             func(s *specs.Spec) { s.Root.Path = "//." },
		"without a private MNT":             func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[1:] },
		"without a private MNT namespace":   func(s *specs.Spec) { s.Linux.Namespaces, s.Linux.MaskedPaths = s.Linux.Namespaces[1:], nil },
		"process property":                  func(s *specs.Spec) { s.Process = nil },
		"args must not be empty":            func(s *specs.Spec) { s.Process.Args = nil },
		"Cwd must be an absolute":           func(s *specs.Spec) { s.Process.Cwd = "here" },
		"Cwd property":                      func(s *specs.Spec) { s.Process.Cwd = "" },
		"must not contain nul":              func(s *specs.Spec) { s.Process.Args[1] = "a\x00" },
		"0-2147483647: 4294967295 is":       func(s *specs.Spec) { s.Process.User.UID = 1<<32 - 1 },
		"0-2147483647: 2147483648 is":       func(s *specs.Spec) { s.Process.User.GID = 1 << 31 },
		"0-2147483647: 4294967294 is":       func(s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{1, 1<<32 - 2} },
		`invalid network device name "a%d"`: func(s *specs.Spec) { moved(s, "eth9", "a%d") },
		"missing '='":                       func(s *specs.Spec) { s.Process.Env = []string{"A"} },
		"wrong rlimit value: RLIMIT_nofile": func(s *specs.Spec) { s.Process.Rlimits[0].Type = "RLIMIT_nofile" },
		"wrong rlimit value: NOFILE":        func(s *specs.Spec) { s.Process.Rlimits[0].Type = "NOFILE" },
		"is there twice":                    func(s *specs.Spec) { s.Process.Rlimits = append(s.Process.Rlimits, s.Process.Rlimits[0]) },
		"soft limit 30 is above":            func(s *specs.Spec) { s.Process.Rlimits[0].Soft = 30 },
		"oomScoreAdj 1001":                  func(s *specs.Spec) { s.Process.OOMScoreAdj = ptr(1001) },
		"unknown scheduler.policy":          func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{} },
		"scheduler.nice 20":                 func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedOther, Nice: 20} },
		"scheduler.priority goes":           func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Priority: 1} },
		"scheduler.runtime":                 func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedFIFO, Runtime: 1} },
		"unknown scheduler flag": func(s *specs.Spec) {
			s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedFIFO, Flags: []specs.LinuxSchedulerFlag{"X"}}
		},
		"unknown ioPriority.class": func(s *specs.Spec) { s.Process.IOPriority = &specs.LinuxIOPriority{} },
		"ioPriority.priority 8": func(s *specs.Spec) {
			s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 8}
		},
		`list "x"`:                  func(s *specs.Spec) { s.Process.ExecCPUAffinity = &specs.CPUAffinity{Final: "x"} },
		`no members in ","`:         func(s *specs.Spec) { s.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: ","} },
		"unknown personality":       func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: "VAX"} },
		"unknown memoryPolicy.mode": func(s *specs.Spec) { s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{} },
		"MPOL_BIND needs nodes":     func(s *specs.Spec) { s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind} },
		"MPOL_LOCAL takes no nodes": func(s *specs.Spec) {
			s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolLocal, Nodes: "0"}
		},
		"unknown memoryPolicy flag": func(s *specs.Spec) {
			s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolLocal, Flags: []specs.MemoryPolicyFlagType{"X"}}
		},
		`namespace "net" does not exist`: func(s *specs.Spec) { s.Linux.Namespaces[0].Type = "net" },
		`duplicated ns "uts"`:            func(s *specs.Spec) { s.Linux.Namespaces[2].Type = "uts" },
		"must be absolute: \"ns\"":       func(s *specs.Spec) { s.Linux.Namespaces[1].Path = "ns" },
		"mappings specified":             func(s *specs.Spec) { s.Linux.UIDMappings = []specs.LinuxIDMapping{{Size: 1}} },
		"nor mappings to apply":          func(s *specs.Spec) { own(s, "user") },
		"no mapping for root":            func(s *specs.Spec) { own(s, "user"); mapTo(s, specs.LinuxIDMapping{ContainerID: 1, Size: 1}) },
		"from 0 and from 5 on overlap": func(s *specs.Spec) {
			own(s, "user")
			mapTo(s, specs.LinuxIDMapping{Size: 6}, specs.LinuxIDMapping{ContainerID: 5, HostID: 10, Size: 6})
		},
		"out of range":                  func(s *specs.Spec) { own(s, "user"); mapTo(s, specs.LinuxIDMapping{Size: 0}) },
		"unable to set hostname":        func(s *specs.Spec) { s.Linux.Namespaces = slices.Delete(s.Linux.Namespaces, 1, 2) },
		"64 bytes at most":              func(s *specs.Spec) { s.Domainname = strings.Repeat("a", 65) },
		"time namespace isn't enabled":  func(s *specs.Spec) { clock(s, "boottime", 1) },
		"unknown clock":                 func(s *specs.Spec) { own(s, "time"); clock(s, "realtime", 1) },
		"time offset of clock boottime": func(s *specs.Spec) { own(s, "time"); clock(s, "boottime", 1<<60) },
		"both namespace path and time":  func(s *specs.Spec) { own(s, "time"); clock(s, "boottime", 1); s.Linux.Namespaces[6].Path = "/x" },
		`"net.x" not allowed in host`:   func(s *specs.Spec) { s.Linux.Sysctl = set("net.x"); s.Linux.Namespaces = s.Linux.Namespaces[:5] },
		`"kernel.sem" is not allowed in`: func(s *specs.Spec) {
			s.Linux.Sysctl = set("kernel/sem")
			s.Linux.Namespaces = slices.Delete(s.Linux.Namespaces, 4, 5)
		},
		`"fs.mqueue.x" is not allowed in`: func(s *specs.Spec) {
			s.Linux.Sysctl = set("fs.mqueue.x")
			s.Linux.Namespaces = slices.Delete(s.Linux.Namespaces, 4, 5)
		},
		`"kernel.hostname" is not allowed`: func(s *specs.Spec) { s.Linux.Sysctl = set("kernel.hostname") },
		`"kernel.panic" is not in a sep`:   func(s *specs.Spec) { s.Linux.Sysctl = set("kernel.panic") },
		"setting ucounts":                  func(s *specs.Spec) { s.Linux.Sysctl = set("user.max_user_namespaces") },
		`"net/../kernel/panic" is no name`: func(s *specs.Spec) { s.Linux.Sysctl = set("net/../kernel/panic") },
		`"net.//.kernel.panic" is no name`: func(s *specs.Spec) { s.Linux.Sysctl = set("net.//.kernel.panic") },
		"without a NET namespace": func(s *specs.Spec) {
			moved(s, "eth0", "")
			s.Linux.Sysctl = nil
			s.Linux.Namespaces = s.Linux.Namespaces[:5]
		},
		`invalid network device name "a b"`: func(s *specs.Spec) { moved(s, "a b", "") },
		`invalid network device name "a/b"`: func(s *specs.Spec) { moved(s, "eth0", "a/b") },
		`would be named "x"`:                func(s *specs.Spec) { moved(s, "a", "x"); moved(s, "x", "") },
		"unknown type \"z\"":                func(s *specs.Spec) { s.Linux.Devices[0].Type = "z" },
		"no device number":                  func(s *specs.Spec) { s.Linux.Devices[0].Major = -1 },
		"path of device":                    func(s *specs.Spec) { s.Linux.Devices[0].Path = "x" },
		"Intel RDT":                         func(s *specs.Spec) { s.Linux.IntelRdt = &specs.LinuxIntelRdt{} },
		"rootfsPropagation=sideways":        func(s *specs.Spec) { s.Linux.RootfsPropagation = "sideways" },
		"read-only paths are absolute":      func(s *specs.Spec) { s.Linux.ReadonlyPaths = []string{"x"} },
		"as default action": func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActNotify, ListenerPath: "/x"}
		},
		"its path must be absolute": func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "x"}}} },
		"its timeout must be above": func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/x", Timeout: ptr(0)}}}
		},
	}
}

func own(s *specs.Spec, kind specs.LinuxNamespaceType) {
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: kind})
}

func mapTo(s *specs.Spec, m ...specs.LinuxIDMapping) {
	s.Linux.UIDMappings, s.Linux.GIDMappings = m, m
}

func clock(s *specs.Spec, name string, secs int64) {
	s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{name: {Secs: secs}}
}

func set(key string) map[string]string { return map[string]string{key: "1"} }

func moved(s *specs.Spec, name, as string) {
	if s.Linux.NetDevices == nil {
		s.Linux.NetDevices = map[string]specs.LinuxNetDevice{}
	}
	s.Linux.NetDevices[name] = specs.LinuxNetDevice{Name: as}
}

func TestInvalid(t *testing.T) {
	for want, change := range wrong() {
		s := valid()
		change(s)
		if _, err := Validate(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// FuzzValidate validates what strangers wrote, and compiles what is valid.
func FuzzValidate(f *testing.F) {
	s, err := json.Marshal(valid())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s)
	f.Add([]byte(`{"ociVersion":"1.0.0","root":{"path":"x"},"process":{"cwd":"/","args":[""]},"linux":{"namespaces":[{"type":"mount"},{"type":"user","path":"/x"}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s specs.Spec
		if json.Unmarshal(b, &s) != nil {
			return
		}
		if _, err := Validate(&s); err != nil {
			return
		}
		if p, err := Compile(Container{Spec: &s, Caller: &Caller{}}, facts()); err == nil {
			if _, err := Program(p, false, 0); err != nil {
				t.Error(err)
			}
		}
	})
}
