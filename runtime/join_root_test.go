package runtime_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/device"
	"mydocker/runtime/process"
	"mydocker/runtime/security"
	"mydocker/runtime/security/seccomp"
)

// A house is an engine with one container that runs.
type house struct {
	t testing.TB
	testenv.Engine
	testenv.Running
	spec *specs.Spec
}

// newHouse starts a container of the busybox with these flags.
func newHouse(t *testing.T, flags ...string) *house {
	t.Helper()
	return newHouseOf(t, []string{"--rootfs", testenv.Busybox(t)}, flags...)
}

func newHouseOf(t *testing.T, image []string, flags ...string) *house {
	t.Helper()
	testenv.NetNS(t)
	h := &house{t: t, Engine: testenv.NewEngine(t)}
	// The first container makes what stays.
	if out, err := h.Command(t, "run", "--rm", "--rootfs", testenv.Busybox(t), "true").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	testenv.Reaped(t, "veth")
	testenv.Leaks(t)
	h.move(h.Engine.Running(t, image, flags...))
	return h
}

// move makes c the container that is joined.
func (h *house) move(c testenv.Running) {
	h.t.Helper()
	h.Running = c
	b, err := os.ReadFile(filepath.Join(c.Dir, "config.json"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.spec = &specs.Spec{}
	if err := json.Unmarshal(b, h.spec); err != nil {
		h.t.Fatal(err)
	}
}

// process is the container's, with another command.
func (h *house) process(args ...string) *specs.Process {
	p := *h.spec.Process
	p.Args, p.Terminal = args, false
	return &p
}

func (h *house) plan(p *specs.Process) *plan.Plan {
	h.t.Helper()
	layout, err := cgroup.Probe()
	if err != nil {
		h.t.Fatal(err)
	}
	f := runtime.JoinFacts{Cgroups: layout}
	if h.spec.Linux.Seccomp != nil {
		if f.Filter, err = seccomp.Compile(h.spec.Linux.Seccomp); err != nil {
			h.t.Fatal(err)
		}
	}
	made, err := runtime.CompileJoin(runtime.Join{Spec: h.spec, Process: p, CgroupPath: h.spec.Linux.CgroupsPath}, f)
	if err != nil {
		h.t.Fatal(err)
	}
	return made
}

// start joins the container; what the process writes, to all but a terminal,
// goes to out.
func (h *house) start(p *specs.Process, out *os.File) (*runtime.Running, error) {
	h.t.Helper()
	return h.launch(h.plan(p), out, p.Terminal)
}

func (h *house) launch(made *plan.Plan, out *os.File, terminal bool) (*runtime.Running, error) {
	h.t.Helper()
	target, err := linux.OpenProcess(h.Pid)
	if err != nil {
		h.t.Fatal(err)
	}
	defer target.Close()
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	defer null.Close()
	if out == nil {
		out = null
	}
	return runtime.Start(runtime.Launch{
		Plan: made, Runner: &plan.Runner{}, Stdio: [3]*os.File{null, out, out}, Target: target, Terminal: terminal,
	})
}

// do joins the container and returns what the process wrote, and how it ended.
func (h *house) do(p *specs.Process) (string, int) {
	h.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		h.t.Fatal(err)
	}
	defer r.Close()
	run, err := h.start(p, w)
	w.Close()
	if err != nil {
		h.t.Fatal(err)
	}
	from := r
	if p.Terminal {
		defer run.Console.Close()
		from = run.Console
	}
	var out bytes.Buffer
	io.Copy(&out, from) // a terminal ends with an error
	exit, err := run.Wait()
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.ReplaceAll(out.String(), "\r", ""), exit.Code
}

// shell is do for a command of sh that is to succeed.
func (h *house) shell(command string) string {
	h.t.Helper()
	out, code := h.do(h.process("sh", "-c", command))
	if code != 0 {
		h.t.Fatalf("%s: exit code %d\n%s", command, code, out)
	}
	return out
}

func grep(text, pattern string) string {
	re := regexp.MustCompile(pattern)
	var out []string
	for l := range strings.Lines(text) {
		if re.MatchString(l) {
			out = append(out, l)
		}
	}
	return strings.Join(out, "")
}

// like checks that a joined process is, seen from the host, as the container's first.
func (h *house) like() {
	h.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		h.t.Fatal(err)
	}
	defer r.Close()
	run, err := h.start(h.process("sh", "-c", "echo up; exec sleep 100000"), w)
	w.Close()
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { run.Signal(syscall.SIGKILL); run.Wait() }()
	if n, err := r.Read(make([]byte, 10)); n != 3 {
		h.t.Fatalf("the process did not come up: %v", err)
	}
	for file, pattern := range map[string]string{
		"status": `^(Cap|NoNewPrivs|Seccomp:|Uid|Gid|Groups|Umask)`, "limits": ".", "oom_score_adj": ".", "cgroup": ".",
	} {
		want, got := of(h.t, h.Pid, file), of(h.t, run.Pid, file)
		if want, got = grep(want, pattern), grep(got, pattern); got != want {
			h.t.Errorf("%s of the first process:\n%sof the joined one:\n%s", file, want, got)
		}
	}
	for _, link := range []string{"root", "cwd", "exe", "ns/cgroup", "ns/ipc", "ns/mnt", "ns/net", "ns/pid", "ns/time", "ns/user", "ns/uts"} {
		want, got := linkOf(h.t, h.Pid, link), linkOf(h.t, run.Pid, link)
		if got != want && !strings.HasPrefix(want, "/memfd:") { // a reaper's
			h.t.Errorf("%s of the first process: %s, of the joined one: %s", link, want, got)
		}
	}
	if !strings.Contains(of(h.t, run.Pid, "cgroup"), h.ID) {
		h.t.Errorf("the joined process is not in the container's control groups")
	}
}

// of returns a file of procfs about a process.
func of(t testing.TB, pid int, file string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func linkOf(t testing.TB, pid int, link string) string {
	t.Helper()
	l, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, link))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestJoin(t *testing.T) {
	testenv.Root(t)
	for _, c := range []struct {
		name  string
		flags []string
	}{
		{"plain", []string{"--network", "none"}},
		{"bridge", nil},
		{"user", []string{"--network", "none", "--user", "1234:2345", "--group-add", "7"}},
		{"the host's", []string{"--network", "host", "--pid", "host", "--ipc", "host", "--uts", "host", "--cgroupns", "host"}},
		{"init", []string{"--network", "none", "--init"}},
		{"time", []string{"--network", "none", "--time-offset", "monotonic=+24h"}},
		{"privileged", []string{"--network", "none", "--privileged"}},
		{"no new privileges", []string{"--network", "none", "--security-opt", "no-new-privileges", "--user", "7"}},
		{"no capabilities", []string{"--network", "none", "--cap-drop", "ALL"}},
		{"limits", []string{"--network", "none", "--memory", "100m", "--pids-limit", "50", "--ulimit", "nofile=100:200", "--oom-score-adj", "200"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, c.flags...)
			h.like()
		})
	}
}

// TestJoinedProcessHasNothingElse is CVE-2024-21626, CVE-2016-9962 and
// CVE-2019-5736: no descriptor, and no program, of the host's reaches it.
func TestJoinedProcessHasNothingElse(t *testing.T) {
	testenv.Root(t)
	h := newHouse(t, "--network", "none")
	if got := strings.Fields(h.shell("exec ls /proc/self/fd")); !slices.Equal(got, []string{"0", "1", "2", "3"}) { // 3 is the list itself
		t.Errorf("descriptors: %v", got)
	}
	if got := h.shell("readlink /proc/$$/exe; readlink /proc/$$/cwd; readlink /proc/$$/root; tr '\\0' '\\n' </proc/$$/environ"); !strings.HasPrefix(got, "/bin/busybox\n/\n/\n") || strings.Contains(got, h.Root) {
		t.Errorf("the process shows: %s", got)
	}
	for _, fd := range []int{3, 4, 5, 6, 7, 8, 9, 10} {
		p := h.process("true")
		p.Cwd = fmt.Sprintf("/proc/self/fd/%d", fd)
		if _, err := h.start(p, nil); err == nil {
			t.Errorf("%s was entered", p.Cwd)
		}
	}
}

func TestJoinUserNamespace(t *testing.T) {
	testenv.Root(t)
	h := newHouse(t, "--network", "none", "--userns", "private")
	h.like()
	if got := h.shell("id -u; touch /made; stat -c %u:%g /made"); got != "0\n0:0\n" {
		t.Errorf("got %q", got)
	}
	p := h.process("sh", "-c", "id -u; tty")
	p.Terminal, p.User.UID = true, 1000
	if got, code := h.do(p); got != "1000\n/dev/pts/0\n" || code != 0 {
		t.Errorf("on a terminal: %q, %d", got, code)
	}
}

// TestJoinOfJoined joins a container that shares another one's namespaces.
func TestJoinOfJoined(t *testing.T) {
	testenv.Root(t)
	h := newHouse(t, "--network", "none", "--name", "first", "--ipc", "shareable")
	h.move(h.Engine.Running(t, []string{"--rootfs", testenv.Busybox(t)}, "--network", "container:first", "--pid", "container:first", "--ipc", "container:first"))
	h.like()
}

func TestJoinTerminal(t *testing.T) {
	testenv.Root(t)
	h := newHouse(t, "--network", "none")
	p := h.process("sh", "-c", "tty; stty size; stat -c %u $(tty); echo to the name >$(tty); cat /proc/self/stat >/dev/null; ls /proc/$$/fd; sleep 0; echo err >&2; echo over >/dev/tty")
	p.Terminal, p.ConsoleSize, p.User.UID = true, &specs.Box{Width: 77, Height: 33}, 1234
	want := "/dev/pts/0\n33 77\n1234\nto the name\n0\n1\n2\nerr\nover\n"
	got, code := h.do(p)
	if got = strings.ReplaceAll(got, "  ", "\n"); code != 0 || strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("exit code %d, output:\n%s", code, got)
	}
}

// TestJoinTerminalIsDevpts is CVE-2025-52565: what the container put in place of
// its /dev/pts, or of what is in there, is not opened.
func TestJoinTerminalIsDevpts(t *testing.T) {
	testenv.Root(t)
	for _, c := range []struct {
		name, trick string
		want        error
	}{
		{"nothing", "umount /dev/pts && rmdir /dev/pts", syscall.ENOENT},
		{"another file system", "mount -t tmpfs none /dev/pts && mkfifo /dev/pts/ptmx", device.NoTerminals},
		{"a link", "umount /dev/pts && rmdir /dev/pts && ln -s /proc/1/root/dev /dev/pts", syscall.ELOOP},
		{"a mount on it", "mount --bind /dev/null /dev/pts/ptmx", syscall.EXDEV},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, "--network", "none", "--privileged")
			h.shell(c.trick)
			p := h.process("tty")
			p.Terminal = true
			_, err := h.start(p, nil)
			var failed *plan.Error
			if !errors.As(err, &failed) || !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if _, ok := failed.Step.(device.Another); !ok {
				t.Errorf("%T failed", failed.Step)
			}
		})
	}
}

func TestJoinFails(t *testing.T) {
	testenv.Root(t)
	h := newHouse(t, "--network", "none")
	for _, c := range []struct {
		cwd  string
		args []string
		step plan.Step
		want error
	}{
		{"/nope", []string{"true"}, process.Chdir{}, syscall.ENOENT},
		{"/bin/busybox", []string{"true"}, process.Chdir{}, syscall.ENOTDIR},
		{"/", []string{"nope"}, process.Exec{}, syscall.ENOENT},
		{"/", []string{"/etc/passwd"}, process.Exec{}, syscall.EACCES},
	} {
		p := h.process(c.args...)
		p.Cwd = c.cwd
		_, err := h.start(p, nil)
		var failed *plan.Error
		if !errors.As(err, &failed) || !errors.Is(err, c.want) || fmt.Sprintf("%T", failed.Step) != fmt.Sprintf("%T", c.step) {
			t.Errorf("%q in %s: %v", c.args, c.cwd, err)
		}
	}
	if got := h.shell("echo /proc/[0-9]*"); !regexp.MustCompile(`^/proc/1 /proc/\d+\n$`).MatchString(got) {
		t.Errorf("processes are left: %s", got)
	}
}

// TestJoinPrivileged gives a process more than the container has; the filter of
// system calls stays.
func TestJoinPrivileged(t *testing.T) {
	testenv.Root(t)
	h := newHouse(t, "--network", "none", "--cap-drop", "ALL")
	p := h.process("cat", "/proc/self/status")
	all := heldByUs(t)
	p.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}
	out, _ := h.do(p)
	mask, err := security.CapMask(all)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("CapPrm:\t%016x\nCapEff:\t%016x\nCapBnd:\t%016x\nSeccomp:\t2\n", mask, mask, mask)
	if got := grep(out, "^(CapPrm|CapEff|CapBnd|Seccomp:)"); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// heldByUs returns the bounding set of this process.
func heldByUs(t testing.TB) (out []string) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	var mask uint64
	if _, err := fmt.Sscanf(grep(string(b), "^CapBnd"), "CapBnd:\t%x", &mask); err != nil {
		t.Fatal(err)
	}
	for i, n := range security.AllCaps() {
		if mask>>i&1 == 1 {
			out = append(out, n)
		}
	}
	return out
}

// TestEveryJoinStepFails breaks each step in turn: nothing stays.
func TestEveryJoinStepFails(t *testing.T) {
	testenv.Root(t)
	h := newHouse(t, "--network", "none")
	p := h.process("true")
	p.Terminal = true
	target, err := linux.OpenProcess(h.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	made := h.plan(p)
	for i := range made.Init {
		_, err := runtime.Start(runtime.Launch{Plan: made, Runner: &plan.Runner{}, Stdio: [3]*os.File{null, null, null},
			Target: target, Terminal: true, BreakInit: i + 1})
		var failed *plan.Error
		if !errors.As(err, &failed) || failed.Call != "openat fault" {
			t.Errorf("step %d (%T): %v", i, made.Init[i], err)
		}
	}
}

// BenchmarkJoin joins a container with true(1), from the finished plan to the
// end of the process. It tells the median too, which one slow join does not move.
func BenchmarkJoin(b *testing.B) {
	testenv.Root(b)
	h := &house{t: b, Engine: testenv.NewEngine(b)}
	h.move(h.Engine.Running(b, []string{"--rootfs", testenv.Busybox(b)}, "--network", "none"))
	made := h.plan(h.process("/bin/true"))
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		run, err := h.launch(made, nil, false)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := run.Wait(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-median/op")
}
