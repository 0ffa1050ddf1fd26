package engine

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
	"mydocker/linux"
	"mydocker/oci"
	"mydocker/plan"
	"mydocker/runtime/device"
	"mydocker/runtime/namespace"
	"mydocker/runtime/process"
)

var _ oci.Files = rootView{}

// trickyRoot is a root in which everything that is not plain leads elsewhere.
func trickyRoot(t *testing.T) rootView {
	t.Helper()
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret")
	for path, content := range map[string]string{filepath.Join(dir, "plain"): "inside", outside: "outside"} {
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"absolute": outside, "up": "../../../../../../../../.." + outside, "link": "/plain", "magic": "/proc/self/root" + outside} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o666); err != nil {
		t.Fatal(err)
	}
	root, err := linux.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return rootView{root}
}

func TestRootViewStaysInside(t *testing.T) {
	v := trickyRoot(t)
	for name, want := range map[string]error{
		"plain": nil, "/plain": nil, "/link": nil, "/../plain": nil,
		"/absolute": fs.ErrNotExist, "/up": fs.ErrNotExist, "/magic": fs.ErrNotExist,
		"/fifo": errNotRegular, "/": errNotRegular, "/plain/x": syscall.ENOTDIR,
	} {
		f, err := v.Open(name)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if err != nil {
			continue
		}
		if b, err := io.ReadAll(f); err != nil || string(b) != "inside" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		f.Close()
	}
	if n := v.names("/"); len(n) != 6 {
		t.Errorf("the root has %q", n)
	}
	if st, err := v.stat("/fifo"); err != nil || st.Mode().IsRegular() {
		t.Errorf("fifo: %v, %v", st, err)
	}
}

func TestOpenRootViewIsOfThatProcess(t *testing.T) {
	self, err := linux.OpenProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	v, err := openRootView(os.Getpid(), self)
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone, err := linux.OpenProcess(cmd.Process.Pid)
	cmd.Wait()
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	if _, err := openRootView(os.Getpid(), gone); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the root of a process that took another's number: %v", err)
	}
}

func TestDiagnoseJoin(t *testing.T) {
	v := trickyRoot(t)
	path := []string{"PATH=/"}
	for _, c := range []struct {
		step plan.InitStep
		err  error
		code int
		want string
	}{
		{process.Exec{Args: []string{"plan"}, Env: path}, syscall.ENOENT, 127, `exec: "plan": executable file not found in $PATH`},
		{process.Exec{Args: []string{"/nope"}, Env: path}, syscall.ENOENT, 127, `exec: "/nope": no such file or directory`},
		{process.Exec{Args: []string{"./plain"}, Env: path, Dir: "/"}, syscall.EACCES, 126, "permission denied"},
		{process.Exec{Args: []string{"/plain"}, Env: path}, syscall.ENOEXEC, 126, "exec format error"},
		{process.Chdir{Dir: "/nope"}, syscall.ENOENT, 126, `the working directory "/nope" cannot be entered: no such file or directory`},
		{device.Another{}, device.NoTerminals, 126, "no terminal can be opened in the container"},
		{namespace.Enter{}, syscall.ESRCH, 126, "the container has ended"},
		{namespace.Enter{}, syscall.ENOMEM, 126, "the container has ended"},
		{namespace.Enter{}, syscall.EPERM, 126, "operation not permitted"},
	} {
		err := diagnoseJoin(&plan.Error{Part: plan.PartInit, Step: c.step, Call: "call", Err: c.err}, v)
		var start *StartError
		if !errors.As(err, &start) || start.Code != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T, %v: %v", c.step, c.err, err)
		}
	}
	other := errors.New("other")
	if got := diagnoseJoin(other, v); got != other {
		t.Errorf("another error became %v", got)
	}
}

// TestRootViewOfAContainer reads what is mounted in a container, too.
func TestRootViewOfAContainer(t *testing.T) {
	testenv.Root(t)
	testenv.NetNS(t)
	env := testenv.NewEngine(t)
	rootfs := []string{"--rootfs", testenv.Busybox(t)}
	if out, err := env.Command(t, append(append([]string{"run", "--rm"}, rootfs...), "true")...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	testenv.Reaped(t, "veth")
	testenv.Leaks(t)
	in := env.Running(t, rootfs, "--network", "none")
	target, err := linux.OpenProcess(in.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	v, err := openRootView(in.Pid, target)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for name, want := range map[string]string{"/etc/passwd": "root:x:0:0", "/etc/hostname": in.ID[:12], "/proc/1/comm": "sh"} {
		f, err := v.regular(name)
		if err != nil {
			t.Error(err)
			continue
		}
		b, err := io.ReadAll(f)
		f.Close()
		if err != nil || !strings.HasPrefix(string(b), want) && !strings.HasPrefix(string(b), "sleep") {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if _, err := v.regular("/dev/null"); !errors.Is(err, errNotRegular) {
		t.Errorf("a device was opened: %v", err)
	}
	p, err := oci.ExecProcess(&specs.Spec{Process: &specs.Process{Cwd: "/"}}, oci.ExecRequest{Args: []string{"id"}, User: "nobody"}, nil, v)
	if err != nil || p.User.UID != 65534 {
		t.Errorf("nobody is %+v, %v", p, err)
	}
}
