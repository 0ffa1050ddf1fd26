package bundle_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
)

// A place has a bundle and a root of its own.
type place struct {
	t      *testing.T
	bundle string
	root   string
	spec   *specs.Spec
}

// newPlace has a bundle of the busybox whose command is a shell's.
func newPlace(t *testing.T, script string) *place {
	t.Helper()
	testenv.Root(t)
	top := testenv.Dir(t)
	p := &place{t: t, bundle: filepath.Join(top, "bundle"), root: filepath.Join(top, "root")}
	for _, d := range []string{p.bundle, p.root} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p.ok("spec", "--bundle", p.bundle)
	p.spec = &specs.Spec{}
	b, err := os.ReadFile(filepath.Join(p.bundle, "config.json"))
	if err == nil {
		err = json.Unmarshal(b, p.spec)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.spec.Root.Path = testenv.Busybox(t)
	p.spec.Process.Terminal = false
	p.spec.Linux.CgroupsPath = "/mydocker-test-" + filepath.Base(top)
	p.command("sh", "-c", script)
	os.Mkdir(filepath.Join(p.root, "~seccomp"), 0o700)
	testenv.Leaks(t, p.root)
	return p
}

func (p *place) command(args ...string) { p.spec.Process.Args = args }

// write writes config.json as it is by now.
func (p *place) write() {
	p.t.Helper()
	b, err := json.Marshal(p.spec)
	if err == nil {
		err = os.WriteFile(filepath.Join(p.bundle, "config.json"), b, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// cmd is the runtime in the bundle's directory.
func (p *place) cmd(args ...string) *exec.Cmd {
	p.t.Helper()
	if p.spec != nil {
		p.write()
	}
	c := exec.CommandContext(p.t.Context(), testenv.RuntimeBinary(p.t), append([]string{"--root", p.root}, args...)...)
	c.Dir = p.bundle
	return c
}

// run returns what a command wrote and its exit code.
func (p *place) run(args ...string) (out, errs string, code int) {
	p.t.Helper()
	c := p.cmd(args...)
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	if err := c.Run(); c.ProcessState == nil {
		p.t.Fatal(err)
	}
	return o.String(), e.String(), c.ProcessState.ExitCode()
}

// ok is run for what must succeed.
func (p *place) ok(args ...string) string {
	p.t.Helper()
	out, errs, code := p.run(args...)
	if code != 0 || errs != "" {
		p.t.Fatalf("%s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// fails is run for what must fail with these words.
func (p *place) fails(code int, words string, args ...string) {
	p.t.Helper()
	out, errs, got := p.run(args...)
	if got != code || !strings.Contains(errs, words) || strings.Count(errs, "\n") > 2 {
		p.t.Errorf("%s: exit code %d, want %d with %q\n%s%s", strings.Join(args, " "), got, code, words, out, errs)
	}
}

// create makes a container with files for its streams: pipes of the test would
// be held open.
func (p *place) create(id string, more ...string) (stdout string) {
	p.t.Helper()
	c := p.cmd(append(append([]string{"create"}, more...), id)...)
	file := filepath.Join(p.bundle, "out-"+id)
	f, err := os.Create(file)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	c.Stdout, c.Stderr = f, f
	if err := c.Run(); err != nil {
		b, _ := os.ReadFile(file)
		p.t.Fatalf("create: %v\n%s", err, b)
	}
	return file
}

func (p *place) state(id string) (s struct {
	specs.State
	Rootfs, Owner string
}) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.ok("state", id)), &s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

// await waits until a container has a status.
func (p *place) await(id string, want specs.ContainerState) {
	p.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s := p.state(id)
		if s.Status == want {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("container %s is %s, not %s", id, s.Status, want)
		}
	}
}

// content waits until a file is there and holds something.
func (p *place) content(file string) string {
	p.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		b, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.t.Fatal(err)
		}
		if len(b) > 0 {
			return string(b)
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s stays empty", file)
		}
	}
}

// TestLife goes through all states.
func TestLife(t *testing.T) {
	p := newPlace(t, "echo started; exec sleep 1000")
	p.spec.Annotations = map[string]string{"a": "b"}
	out := p.create("c")
	s := p.state("c")
	if s.Status != specs.StateCreated || s.Pid <= 0 || s.Bundle != p.bundle || s.Annotations["a"] != "b" || s.Version != specs.Version || s.Rootfs != p.spec.Root.Path {
		t.Errorf("%+v", s)
	}
	if b, _ := os.ReadFile(out); len(b) > 0 {
		t.Errorf("it runs before it is started: %s", b)
	}
	p.fails(1, "container with given ID already exists", "create", "c")
	p.fails(1, "container not paused", "resume", "c")
	p.ok("start", "c")
	if got := p.content(out); got != "started\n" {
		t.Errorf("%q", got)
	}
	p.await("c", specs.StateRunning)
	p.fails(1, "cannot start an already running container", "start", "c")
	p.fails(1, "is not stopped", "delete", "c")
	p.ok("pause", "c")
	p.await("c", "paused")
	p.fails(255, "cannot exec in a paused container", "exec", "c", "true")
	p.ok("resume", "c")
	if got := p.ok("exec", "c", "echo", "hello"); got != "hello\n" {
		t.Errorf("exec: %q", got)
	}
	if _, _, code := p.run("exec", "c", "sh", "-c", "exit 7"); code != 7 {
		t.Errorf("exec: exit code %d", code)
	}
	if list := p.ok("list"); !strings.Contains(list, "c  ") || !strings.Contains(list, "running") {
		t.Errorf("list:\n%s", list)
	}
	p.ok("kill", "c", "KILL")
	p.await("c", specs.StateStopped)
	if s := p.state("c"); s.Pid != 0 {
		t.Errorf("a stopped container has process %d", s.Pid)
	}
	p.fails(1, "container not running", "kill", "c", "TERM")
	p.fails(1, "cannot start a container that has stopped", "start", "c")
	p.fails(255, "cannot exec in a stopped container", "exec", "c", "true")
	p.ok("delete", "c")
	p.fails(1, "container does not exist", "state", "c")
	p.ok("delete", "--force", "c")
	p.fails(1, "container does not exist", "delete", "c")
}

// TestRun runs in the foreground: streams, exit codes, and nothing left.
func TestRun(t *testing.T) {
	p := newPlace(t, "cat; echo error >&2; exit 3")
	c := p.cmd("run", "c")
	c.Stdin = strings.NewReader("what goes in\n")
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	c.Run()
	if c.ProcessState.ExitCode() != 3 || o.String() != "what goes in\n" || e.String() != "error\n" {
		t.Errorf("%v %q %q", c.ProcessState, &o, &e)
	}
	p.command("sh", "-c", "kill -KILL $$")
	if _, _, code := p.run("run", "c"); code != 0 { // the first process of a PID namespace cannot kill itself
		t.Errorf("exit code %d", code)
	}
	for args, words := range map[string]string{
		"nope": `exec: "nope": executable file not found in $PATH`, "/nope": "no such file or directory",
		"/etc/passwd": "permission denied", "/bin": "permission denied",
	} {
		p.command(args)
		p.fails(1, words, "run", "c")
	}
	p.command("true")
	p.ok("run", "--keep", "c")
	p.await("c", specs.StateStopped)
	p.ok("delete", "c")
}

// TestCreateKnowsTheCommand: that there is no such command is an error of create,
// which leaves nothing, or else of start.
func TestCreateKnowsTheCommand(t *testing.T) {
	p := newPlace(t, "")
	for args, words := range map[string]string{"nope": "executable file not found in $PATH", "/nope": "no such file or directory", "/etc/passwd": "permission denied"} {
		p.command(args)
		p.fails(1, words, "create", "c")
		p.fails(1, "container does not exist", "state", "c")
	}
	// Only execve(2) tells that it is no program.
	p.command("/etc/group")
	p.spec.Root.Path = testenv.BusyboxCopy(t)
	file := filepath.Join(p.spec.Root.Path, "etc/group")
	if err := errors.Join(os.WriteFile(file, []byte("\x7fno program"), 0o755), os.Chmod(file, 0o755)); err != nil {
		t.Fatal(err)
	}
	p.create("c")
	p.fails(1, "exec format error", "start", "c")
	p.await("c", specs.StateStopped)
	p.ok("delete", "c")
}

// TestDescriptors: the program has its three, and those that it is to have
// (CVE-2024-21626).
func TestDescriptors(t *testing.T) {
	p := newPlace(t, "cd /proc/self/fd; for f in *; do [ -e $f ] && echo $f; done; true")
	const want = "0\n1\n2\n"
	p.spec.Process.Cwd = "/"
	if got := p.ok("run", "c"); got != want {
		t.Errorf("run: %q", got)
	}
	out := p.create("c")
	p.ok("start", "c")
	if p.await("c", specs.StateStopped); p.content(out) != want {
		t.Errorf("create and start: %q", p.content(out))
	}
	p.ok("delete", "c")
	p.command("sh", "-c", "cat <&3; cat <&4; ls /proc/self/fd | wc -l")
	for _, words := range [][]string{{"run", "--preserve-fds", "2", "c"}, {"run", "--preserve-fds=1", "c"}} {
		c := p.cmd(words...)
		if len(words) == 3 {
			c.Env = append(os.Environ(), "LISTEN_FDS=1")
		}
		for _, text := range []string{"three ", "four "} {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(w, text)
			w.Close()
			defer r.Close()
			c.ExtraFiles = append(c.ExtraFiles, r)
		}
		b, err := c.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(b), "three four 6") { // with the one that ls opens
			t.Errorf("%v: %v %q", words, err, b)
		}
	}
	p.fails(1, "descriptor 3 is to be preserved, but not open", "run", "--preserve-fds", "1", "c")
}

func TestWrongBundles(t *testing.T) {
	p := newPlace(t, "true")
	p.fails(1, "JSON specification file "+p.root+"/config.json not found", "create", "--bundle", p.root, "c")
	for words, change := range map[string]func(*specs.Spec){
		"no such file or directory": func(s *specs.Spec) { s.Root.Path = "/nope" },
		"root must be specified":    func(s *specs.Spec) { s.Root = nil },
		"is not a directory":        func(s *specs.Spec) { s.Root.Path = "/etc/passwd" },
		"/not/there": func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Source: "/not/there", Options: []string{"bind"}})
		},
		"without setting console socket": func(s *specs.Spec) { s.Process.Terminal = true },
		"needs a new mount namespace": func(s *specs.Spec) {
			s.Linux.Namespaces, s.Hostname, s.Linux.RootfsPropagation, s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, "", "shared", nil, nil
		},
		"without a private MNT namespace": func(s *specs.Spec) { s.Linux.Namespaces, s.Hostname = nil, "" },
	} {
		old := *p.spec
		l, proc, root := *p.spec.Linux, *p.spec.Process, *p.spec.Root
		p.spec.Linux, p.spec.Process, p.spec.Root = &l, &proc, &root
		change(p.spec)
		p.fails(1, words, "create", "c")
		*p.spec = old
	}
	for _, id := range []string{"", "a/b", "..", "a b", strings.Repeat("x", 300)} {
		p.fails(1, "invalid container ID format", "create", id)
	}
	for _, args := range [][]string{{"create"}, {"create", "a", "b"}, {"create", "--nope", "a"}, {"--root"}, {"kill", "c", "SIGNOPE"}} {
		if _, errs, code := p.run(args...); code != 1 || !strings.Contains(errs, "mydocker-runtime: error: ") {
			t.Errorf("%v: %d %q", args, code, errs)
		}
	}
	if _, errs, _ := p.run("checkpoint", "c"); !strings.Contains(errs, "checkpoint is not supported") {
		t.Errorf("%q", errs)
	}
}
