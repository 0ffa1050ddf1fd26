package runtime_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestNature looks from inside at how the kernel treats a first process, and
// one that joins it.
func TestNature(t *testing.T) {
	f := newForeign(t)
	p, l := f.spec.Process, f.spec.Linux
	for _, c := range []struct {
		name, pattern, want string
		set                 func()
	}{
		{"batch", "^scheduler", "scheduler 3 flags 1 nice 5 priority 0", func() {
			p.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 5, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}}
		}},
		{"fifo", "^scheduler", "scheduler 1 flags 0 nice 0 priority 7", func() { p.Scheduler = &specs.Scheduler{Policy: specs.SchedFIFO, Priority: 7} }},
		{"rr", "^scheduler", "scheduler 2 flags 0 nice 0 priority 3", func() { p.Scheduler = &specs.Scheduler{Policy: specs.SchedRR, Priority: 3} }},
		{"idle", "^scheduler", "scheduler 5", func() { p.Scheduler = &specs.Scheduler{Policy: specs.SchedIdle} }},
		{"deadline", "^scheduler", "scheduler 6 flags 0 nice 0 priority 0 10000000/20000000/30000000", func() {
			p.Scheduler = &specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 10e6, Deadline: 20e6, Period: 30e6}
		}},
		{"io", "^ioprio", "ioprio 2 6", func() {
			p.Scheduler, p.IOPriority = nil, &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 6}
		}},
		{"io idle", "^ioprio", "ioprio 3", func() { p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE} }},
		{"personality", "^personality", "personality 8", func() { l.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32} }},
		{"personality", "^personality", "personality 0", func() { l.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux} }},
		{"bind", "^mempolicy", "mempolicy 2 1", func() { l.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0"} }},
		{"interleave", "^mempolicy", "mempolicy 8003 1", func() {
			l.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolInterleave, Nodes: "0", Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes}}
		}},
		{"local", "^mempolicy", "mempolicy 4 0", func() { l.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolLocal} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.t = t
			c.set()
			if got := grep(f.run("/look"), c.pattern); !strings.HasPrefix(got, c.want) {
				t.Errorf("first process: %q, want %q", got, c.want)
			}
			if got := grep(f.joined(f.lasting(), "/look"), c.pattern); !strings.HasPrefix(got, c.want) {
				t.Errorf("joined process: %q, want %q", got, c.want)
			}
		})
	}
}

// TestAffinity binds the caller to one CPU: a container is not, nor is what
// joins it, unless it says so.
func TestAffinity(t *testing.T) {
	f := newForeign(t)
	all := grep(f.run("/look"), "^cpus")
	if len(strings.Fields(all)) < 3 {
		t.Skip("needs two CPUs")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := affinity(t, syscall.SYS_SCHED_GETAFFINITY, 0)
	affinity(t, syscall.SYS_SCHED_SETAFFINITY, 1<<1)
	defer affinity(t, syscall.SYS_SCHED_SETAFFINITY, before)
	if got := grep(f.run("/look"), "^cpus"); got != all {
		t.Errorf("first process: %q, want %q", got, all)
	}
	run := f.lasting()
	for _, c := range []struct {
		affinity *specs.CPUAffinity
		want     string
	}{
		{nil, all},
		{&specs.CPUAffinity{Initial: "0"}, "cpus 0\n"},
		{&specs.CPUAffinity{Final: "0-1"}, "cpus 0 1\n"},
		{&specs.CPUAffinity{Initial: "0", Final: " 1,"}, "cpus 1\n"},
	} {
		f.spec.Process.ExecCPUAffinity = c.affinity
		if got := grep(f.joined(run, "/look"), "^cpus"); got != c.want {
			t.Errorf("%+v: %q, want %q", c.affinity, got, c.want)
		}
	}
}

// affinity sets or returns the CPUs of this thread.
func affinity(t *testing.T, call uintptr, mask uint64) uint64 {
	t.Helper()
	if _, _, errno := syscall.RawSyscall(call, 0, 8, uintptr(unsafe.Pointer(&mask))); errno != 0 {
		t.Fatal(errno)
	}
	return mask
}

// TestRlimits sets all sixteen, each from its own value.
func TestRlimits(t *testing.T) {
	f := newForeign(t)
	names := []string{"CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"}
	want := map[int]string{}
	for i, n := range names {
		var r syscall.Rlimit
		if err := syscall.Getrlimit(i, &r); err != nil {
			t.Fatal(err)
		}
		hard := min(r.Max, 1<<40+uint64(i))
		soft := min(hard, 1<<39)
		if n == "NOFILE" {
			soft = 100
		}
		f.spec.Process.Rlimits = append(f.spec.Process.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_" + n, Soft: soft, Hard: hard})
		want[i] = "rlimit " + itoa(i) + " " + itoa(int(soft)) + " " + itoa(int(hard)) + "\n"
	}
	first, joined := f.run("/look"), f.joined(f.lasting(), "/look")
	for i, n := range names {
		for who, out := range map[string]string{"first": first, "joined": joined} {
			if !strings.Contains(out, want[i]) {
				t.Errorf("%s of the %s process: want %s", n, who, want[i])
			}
		}
	}
}

// TestAboveTheCaller asks for more than the caller has: the bounding set is cut,
// as by runc; the rest is refused, and says what it was.
func TestAboveTheCaller(t *testing.T) {
	f := newForeign(t)
	held, missing := f.caller.Capabilities>>24&1 == 1, "CAP_SYS_RESOURCE"
	if held {
		t.Skip("the tests have CAP_SYS_RESOURCE, which they must not have for this")
	}
	c := *f.spec.Process.Capabilities
	c.Bounding = append(c.Bounding, missing)
	f.spec.Process.Capabilities = &c
	if got := grep(f.run("cat", "/proc/self/status"), "^CapBnd"); got != "CapBnd:\t00000000000000e0\n" {
		t.Errorf("got %q", got)
	}
	c.Permitted = append(c.Permitted, missing)
	f.refused("CAP_SYS_RESOURCE is not permitted to the caller", "true")
	c.Permitted, c.Bounding = f.spec.Process.Capabilities.Effective, f.spec.Process.Capabilities.Effective
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	f.spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: r.Max + 1, Hard: r.Max + 1}}
	f.refused("setrlimit nofile="+itoa(int(r.Max+1))+":"+itoa(int(r.Max+1))+": operation not permitted", "true")
	f.spec.Process.Rlimits = nil
	score := -500
	f.spec.Process.OOMScoreAdj = &score
	f.refused("write -500 to /proc/self/oom_score_adj: permission denied", "true")
	score = 500
	if got := f.run("cat", "/proc/self/oom_score_adj"); got != "500\n" {
		t.Errorf("the score is %s", got)
	}
}

// TestCapabilities checks the five sets, with names that nobody knows.
func TestCapabilities(t *testing.T) {
	f := newForeign(t)
	f.spec.Process.User.UID = 7
	f.spec.Process.Capabilities = &specs.LinuxCapabilities{
		Bounding: []string{"CAP_CHOWN", "CAP_KILL", "CAP_FOO"}, Permitted: []string{"CAP_CHOWN", "CAP_KILL", "kill"},
		Effective: []string{"CAP_KILL"}, Inheritable: []string{"CAP_CHOWN"}, Ambient: []string{"CAP_CHOWN", "CAP_KILL"},
	}
	const pattern = "^(Cap|NoNewPrivs|Uid)"
	want := "Uid:\t7\t7\t7\t7\nCapInh:\t0000000000000001\nCapPrm:\t0000000000000001\nCapEff:\t0000000000000001\nCapBnd:\t0000000000000021\nCapAmb:\t0000000000000001\nNoNewPrivs:\t1\n"
	if got := grep(f.run("cat", "/proc/self/status"), pattern); got != want {
		t.Errorf("first process:\n%s", got)
	}
	run := f.lasting()
	if got := grep(f.joined(run, "cat", "/proc/self/status"), pattern); got != want {
		t.Errorf("joined process:\n%s", got)
	}
	p := *f.spec.Process
	p.Capabilities, p.Args = nil, []string{"cat", "/proc/self/status"}
	if got, _, _ := f.join(run, p); grep(got, pattern) != want {
		t.Errorf("joined process that names none:\n%s", got)
	}
	f.spec.Process.Capabilities = nil
	if got := grep(f.run("cat", "/proc/self/status"), "^Cap(Eff|Prm|Bnd)"); strings.Trim(got, "CapEfPrmBnd:\t\n0") != "" {
		t.Errorf("a process that names none:\n%s", got)
	}
}

// TestInheritedSignals ignores signals as nohup(1) does.
func TestInheritedSignals(t *testing.T) {
	f := newForeign(t)
	before := ignored(t)
	f.caller.Ignored = before | 1<<0 | 1<<12 // SIGHUP and SIGPIPE
	defer ignore(syscall.SIGHUP)()
	for who, out := range map[string]string{"first": f.run("cat", "/proc/self/status"), "joined": f.joined(f.lasting(), "cat", "/proc/self/status")} {
		if got := grep(out, "^SigIgn"); got != "SigIgn:\t0000000000000000\n" {
			t.Errorf("%s process: %s", who, got)
		}
	}
	f.caller = nil
	want := fmt.Sprintf("SigIgn:\t%016x\n", before|1<<0)
	if got := grep(f.run("cat", "/proc/self/status"), "^SigIgn"); got != want {
		t.Errorf("not reset: %s, want %s", got, want)
	}
}

// ignored is what this process was started with, by whoever runs the tests.
func ignored(t *testing.T) (mask uint64) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(grep(string(b), "^SigIgn"), "SigIgn: %x", &mask); err != nil {
		t.Fatal(err)
	}
	return mask
}

// TestStdioIsTheUsers opens standard output by its name.
func TestStdioIsTheUsers(t *testing.T) {
	f := newForeign(t)
	before := nullOwner(t)
	f.spec.Process.User.UID, f.spec.Process.User.GID = 1234, 5
	if got := f.run("sh", "-c", "echo one >/dev/stdout; echo two >/dev/stderr"); got != "one\ntwo\n" {
		t.Errorf("got %q", got)
	}
	if got := f.joined(f.lasting(), "sh", "-c", "echo three >/dev/stderr"); got != "three\n" {
		t.Errorf("got %q", got)
	}
	if after := nullOwner(t); after != before {
		t.Errorf("/dev/null belonged to %d, and now to %d", before, after)
	}
}

func nullOwner(t *testing.T) uint32 {
	t.Helper()
	info, err := os.Stat("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	return uidOf(info)
}
