package runtime

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/process"
	"mydocker/runtime/security/seccomp"
	"mydocker/runtime/systemd"
)

// join is a process in the container of spec, and the facts for it.
func join() (Join, JoinFacts) {
	s := spec()
	p := *s.Process
	p.Args, p.Env = []string{"sh", "-c", "echo it's me"}, append(p.Env, "LD_PRELOAD=/evil.so")
	return Join{Spec: s, Process: &p, CgroupPath: "/mydocker/ID"}, JoinFacts{Cgroups: facts().Cgroups}
}

func joinText(t *testing.T, j Join, f JoinFacts) string {
	t.Helper()
	p, err := CompileJoin(j, f)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := (plan.JoinScript{Title: "a process", Pid: 1234}).Write(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String() + calls(t, p)
}

func TestJoinGolden(t *testing.T) {
	j, f := join()
	golden(t, "join.sh", joinText(t, j, f))
}

// TestJoinGoldenAll has a terminal, all namespaces, control groups of version 2
// and a filter.
func TestJoinGoldenAll(t *testing.T) {
	j, f := join()
	f.Cgroups = cgroup.Layout{Mode: cgroup.V2, Unified: "/sys/fs/cgroup"}
	f.Filter = &seccomp.Filter{Insns: make([]seccomp.Insn, 3)}
	j.Spec.Linux.Namespaces = append(j.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: "user"}, specs.LinuxNamespace{Type: "time"})
	p := j.Process
	p.Terminal, p.ConsoleSize, p.NoNewPrivileges = true, &specs.Box{Width: 80, Height: 24}, false
	p.Capabilities.Bounding = []string{"CAP_SYS_CHROOT", "CAP_SETUID"}
	golden(t, "join-all.sh", joinText(t, j, f))
}

// TestJoinPlaced: a process that is put into its groups waits for that first of
// all, and joins none itself.
func TestJoinPlaced(t *testing.T) {
	j, f := join()
	j.Groups, j.Placed = &cgroup.Steps{}, []plan.HostStep{systemd.Attach{Unit: systemd.Unit{Name: "a.scope"}}}
	p, err := CompileJoin(j, f)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Placed) != 1 || p.Init[0] != plan.InitStep(process.Wait{First: true}) || p.Spawn.Cgroup != "" {
		t.Errorf("%+v", p)
	}
	if text := calls(t, p); strings.Contains(text, "/sys/fs/cgroup") {
		t.Errorf("it joins groups itself:\n%s", text)
	}
}

// TestJoinAffinity: what runs on certain CPUs before it is in the control group
// is not born there.
func TestJoinAffinity(t *testing.T) {
	j, f := join()
	f.Cgroups = cgroup.Layout{Mode: cgroup.V2, Unified: "/sys/fs/cgroup"}
	for initial, born := range map[string]bool{"": true, "0": false} {
		j.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: initial, Final: "1"}
		p, err := CompileJoin(j, f)
		if err != nil {
			t.Fatal(err)
		}
		text := calls(t, p)
		on0, in, on1 := strings.Index(text, "run on CPUs 0"), strings.Index(text, "join /sys/fs/cgroup/"), strings.Index(text, "run on CPUs 1")
		if (p.Spawn.Cgroup != "") != born || !born && (on0 < 0 || in < on0 || on1 < in) || on1 < 0 {
			t.Errorf("initial %q: born in %q\n%s", initial, p.Spawn.Cgroup, text)
		}
	}
}

func TestJoinRefused(t *testing.T) {
	for want, change := range map[string]func(*Join){
		"names the root": func(j *Join) { j.CgroupPath = "/" },
		"resource limit": func(j *Join) { j.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_FUN"}} },
	} {
		j, f := join()
		change(&j)
		if _, err := CompileJoin(j, f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// TestJoinIsPure compiles the plan of a process other than the specification's.
func TestJoinIsPure(t *testing.T) {
	j, f := join()
	j.Process.Args = []string{"other"}
	a, b := joinText(t, j, f), joinText(t, j, f)
	if a != b || j.Spec.Process.Args[0] != "sh" {
		t.Error("compiling changed something")
	}
}
