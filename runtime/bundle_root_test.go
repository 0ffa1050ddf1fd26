package runtime_test

import (
	"bytes"
	_ "embed"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/security/seccomp"
)

//go:embed testdata/look.c
var lookSource []byte

// look is a program that tells what /proc does not.
var look = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "look")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("gcc", "-x", "c", "-static", "-O1", "-o", filepath.Join(dir, "look"), "-")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(lookSource), os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "look"))
})

// A foreign container is one of a bare specification, with a directory as root
// and without control groups, as another's engine would have it made.
type foreign struct {
	t      *testing.T
	spec   *specs.Spec
	caller *runtime.Caller
	// What differs from the plainest.
	keyring  string
	lsm      runtime.Facts
	listener *runtime.Listener
	stdio    [3]*os.File // nil: nothing to read, and what is written is returned
}

func newForeign(t *testing.T) *foreign {
	t.Helper()
	testenv.Root(t)
	program, err := look()
	if err != nil {
		t.Skip("needs gcc and the static libc: ", err)
	}
	root := testenv.BusyboxCopy(t)
	testenv.Leaks(t)
	if err := os.WriteFile(filepath.Join(root, "look"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	caller, err := runtime.ProbeCaller()
	if err != nil {
		t.Fatal(err)
	}
	return &foreign{t: t, caller: caller, spec: bareSpec(root)}
}

func bareSpec(root string) *specs.Spec {
	held := []string{"CAP_KILL", "CAP_SETUID", "CAP_SETGID"}
	return &specs.Spec{
		Version: "1.3.0", Root: &specs.Root{Path: root},
		Process: &specs.Process{Cwd: "/", Env: []string{"PATH=/bin"}, NoNewPrivileges: true,
			Capabilities: &specs.LinuxCapabilities{Bounding: held, Effective: held, Permitted: held}},
		Mounts: []specs.Mount{{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=755"}}},
		Linux: &specs.Linux{CgroupsPath: "/none", Namespaces: []specs.LinuxNamespace{
			{Type: "mount"}, {Type: "uts"}, {Type: "ipc"}, {Type: "pid"}, {Type: "network"}}},
	}
}

func (f *foreign) filter() *seccomp.Filter {
	if f.spec.Linux.Seccomp == nil {
		return nil
	}
	made, err := seccomp.Compile(f.spec.Linux.Seccomp)
	if err != nil {
		f.t.Fatal(err)
	}
	return made
}

// compile returns the plan of the specification, which is to be valid.
func (f *foreign) compile(args ...string) (*plan.Plan, error) {
	f.t.Helper()
	f.spec.Process.Args = args
	if _, err := runtime.Validate(f.spec); err != nil {
		f.t.Fatal(err)
	}
	facts := f.lsm
	facts.Cgroups, facts.Filter = cgroup.Layout{Mode: cgroup.V1}, f.filter()
	return runtime.Compile(runtime.Container{Spec: f.spec, Caller: f.caller, Keyring: f.keyring}, facts)
}

// start runs a command in the container.
func (f *foreign) start(args ...string) (*runtime.Running, *os.File, error) {
	f.t.Helper()
	p, err := f.compile(args...)
	if err != nil {
		return nil, nil, err
	}
	return f.launch(runtime.Launch{Plan: p})
}

func (f *foreign) launch(l runtime.Launch) (*runtime.Running, *os.File, error) {
	f.t.Helper()
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		f.t.Fatal(err)
	}
	defer w.Close()
	l.Stdio, l.Runner, l.Listener = [3]*os.File{null, w, w}, &plan.Runner{}, f.listener
	for i, own := range f.stdio {
		if own != nil {
			l.Stdio[i] = own
		}
	}
	run, err := runtime.Start(l)
	if err != nil {
		r.Close()
	}
	return run, r, err
}

func (f *foreign) end(run *runtime.Running, r *os.File, err error) (string, int, error) {
	f.t.Helper()
	if err != nil {
		return "", 0, err
	}
	defer r.Close()
	var out bytes.Buffer
	io.Copy(&out, r)
	exit, err := run.Wait()
	return out.String(), exit.Code, err
}

// run returns what a command wrote that must succeed.
func (f *foreign) run(args ...string) string {
	f.t.Helper()
	out, code, err := f.end(f.start(args...))
	if err != nil || code != 0 {
		f.t.Fatalf("%q: exit code %d, %v\n%s", args, code, err, out)
	}
	return out
}

// refused runs a command that must not be started, for that reason.
func (f *foreign) refused(want string, args ...string) {
	f.t.Helper()
	out, _, err := f.end(f.start(args...))
	if err == nil || !strings.Contains(err.Error(), want) {
		f.t.Errorf("want %q, got %v\n%s", want, err, out)
	}
}

// lasting starts the container with a command that does not end, to be joined.
func (f *foreign) lasting() *runtime.Running {
	f.t.Helper()
	run, r, err := f.start("sleep", "100000")
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		run.Signal(syscall.SIGKILL)
		run.Wait()
		r.Close()
	})
	return run
}

// join runs a process in the container of run.
func (f *foreign) join(run *runtime.Running, p specs.Process) (string, int, error) {
	f.t.Helper()
	target, err := linux.OpenProcess(run.Pid)
	if err != nil {
		f.t.Fatal(err)
	}
	defer target.Close()
	if err := runtime.ValidateProcess(&p); err != nil {
		f.t.Fatal(err)
	}
	made, err := runtime.CompileJoin(
		runtime.Join{Spec: f.spec, Process: &p, CgroupPath: "/none", Caller: f.caller, Keyring: f.keyring},
		runtime.JoinFacts{Cgroups: cgroup.Layout{Mode: cgroup.V1}, Filter: f.filter(), LSM: f.lsm.LSM})
	if err != nil {
		return "", 0, err
	}
	return f.end(f.launch(runtime.Launch{Plan: made, Target: target}))
}

// joined returns what a process wrote that must succeed, the container's with
// another command.
func (f *foreign) joined(run *runtime.Running, args ...string) string {
	f.t.Helper()
	p := *f.spec.Process
	p.Args = args
	out, code, err := f.join(run, p)
	if err != nil || code != 0 {
		f.t.Fatalf("%q: exit code %d, %v\n%s", args, code, err, out)
	}
	return out
}

func itoa(n int) string { return strconv.Itoa(n) }

func uidOf(info os.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Uid }

// ignore ignores a signal in this process, and returns what undoes it.
func ignore(s syscall.Signal) (undo func()) {
	signal.Ignore(s)
	return func() { signal.Reset(s) }
}
