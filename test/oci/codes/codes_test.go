// Package codes_test calls this runtime and runc with the same right and wrong
// command lines, for containers in every state, and compares exit codes and the
// words that callers look for.
package codes_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
)

// words are those by which containerd, conmon, dockerd and podman tell errors
// apart: where runc says one of them, so does this runtime.
var words = []string{
	"container does not exist", "container not running", "container not paused", "already exists", "that is not stopped",
	"cannot start an already running container", "cannot start a container that has stopped",
	"cannot exec in a stopped container", "cannot exec in a paused container (use --ignore-paused to override)",
	"unable to start container process: exec: ", "executable file not found in $PATH", "permission denied", "no such file or directory",
	"unknown signal", "Cwd must be an absolute path", "invalid container ID format",
}

// commands are for a container c in any state, or none; b is a bundle.
var commands = []string{
	"state c", "start c", "pause c", "resume c", "ps c", "ps -f json c", "ps -f nope c", "delete c", "delete --force c",
	"exec c true", "exec -d c true", "exec c", "exec c nope", "exec c /etc", "exec -u nope c true", "exec --cwd nope c true",
	"exec --cap NOPE c true", "exec --preserve-fds=9 c true", "exec --nope c true", "exec -p /nope c",
	"kill c 0", "kill c NOPE", "kill c 99", "kill --all c 0", "kill c TERM more", "update --pids-limit 99 c", "update -r /nope c",
	"events --stats c", "create -b b c", "run -b b c", "create -b /nope c",
}

// others are for no container.
var others = []string{
	"list", "list -q", "list -f json", "list -f nope", "list more", "list --nope", "state", "state a b", "start", "kill", "delete", "pause",
	"resume", "exec", "ps", "update", "events", "create", "run", "create a b", "create a/b", "nope", "help nope", "--nope", "--version",
	"--log-format nope list", "--log /nope/x list", "spec --nope",
}

// A peer is a runtime with containers of its own.
type peer struct {
	t             *testing.T
	program, root string
	dir           string // where it is called
}

// do returns what a command wrote, and its exit code.
func (p peer) do(args ...string) (out string, code int) {
	p.t.Helper()
	c := exec.CommandContext(p.t.Context(), p.program, append([]string{"--root", p.root}, args...)...)
	c.Dir = p.dir
	// Files: a container would hold a pipe open.
	f, err := os.Create(p.root + ".out")
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	c.Stdout, c.Stderr = f, f
	if err := c.Run(); c.ProcessState == nil {
		p.t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b), c.ProcessState.ExitCode()
}

// need is do for what must succeed.
func (p peer) need(args ...string) string {
	p.t.Helper()
	out, code := p.do(args...)
	if code != 0 {
		p.t.Fatalf("%s %v: exit code %d\n%s", p.program, args, code, out)
	}
	return out
}

// bring makes a container c in a state.
func (p peer) bring(state string) {
	p.t.Helper()
	if state == "missing" {
		return
	}
	p.need("create", "-b", "b", "c")
	switch state {
	case "running":
		p.need("start", "c")
	case "paused":
		p.need("start", "c")
		p.need("pause", "c")
	case "stopped":
		p.need("kill", "c", "KILL")
		for end := time.Now().Add(20 * time.Second); !strings.Contains(p.need("state", "c"), `"stopped"`); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				p.t.Fatal("it does not stop")
			}
		}
	}
}

// peers are runc and this runtime, with a bundle each.
func peers(t *testing.T) (runc, own peer) {
	testenv.Root(t)
	testenv.Leaks(t)
	program, err := exec.LookPath("runc")
	if err != nil {
		t.Skip("needs runc (Debian package runc)")
	}
	top := testenv.Dir(t)
	own = peer{t, testenv.RuntimeBinary(t), filepath.Join(top, "own"), filepath.Join(top, "own-bundles")}
	runc = peer{t, program, filepath.Join(top, "runc"), filepath.Join(top, "runc-bundles")}
	for _, p := range []peer{runc, own} {
		bundle := filepath.Join(p.dir, "b")
		if err := os.MkdirAll(bundle, 0o755); err != nil {
			t.Fatal(err)
		}
		p.need("spec", "-b", bundle)
		config := filepath.Join(bundle, "config.json")
		b, err := os.ReadFile(config)
		var s specs.Spec
		if err == nil {
			err = json.Unmarshal(b, &s)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Version, s.Root.Path, s.Process.Terminal, s.Process.Args = "1.0.2", testenv.Busybox(t), false, []string{"sleep", "1000"}
		s.Linux.CgroupsPath = "/mydocker-test-" + filepath.Base(top) + filepath.Base(p.root)
		if b, err = json.Marshal(s); err == nil {
			err = os.WriteFile(config, b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		p.do("delete", "--force", "c")
	}
	return runc, own
}

// TestCodes prints the table, and fails where the two differ.
func TestCodes(t *testing.T) {
	runc, own := peers(t)
	var table bytes.Buffer
	compare := func(state, line string) {
		args := strings.Fields(line)
		want, wantCode := runc.do(args...)
		got, code := own.do(args...)
		fmt.Fprintf(&table, "%-8s %-30s %3d %3d  %s\n", state, line, wantCode, code, last(got))
		if code != wantCode {
			t.Errorf("%s, %s: exit code %d, runc's is %d\n%s\n%s", state, line, code, wantCode, got, want)
		}
		want = strings.ReplaceAll(want, `\"`, `"`)
		for _, w := range words {
			if wantCode != 0 && strings.Contains(want, w) && !strings.Contains(got, w) && !clearer(got) {
				t.Errorf("%s, %s: no %q\n%s\n%s", state, line, w, got, want)
			}
		}
	}
	for _, line := range others {
		compare("", line)
	}
	for _, state := range []string{"missing", "created", "running", "paused", "stopped"} {
		for _, line := range commands {
			if strings.HasPrefix(line, "run ") && state == "missing" {
				continue // it would run
			}
			for _, p := range []peer{runc, own} {
				p.bring(state)
			}
			compare(state, line)
			for _, p := range []peer{runc, own} {
				p.do("delete", "--force", "c")
			}
		}
	}
	t.Logf("state, command, exit codes of runc and of this runtime, what it says\n%s", &table)
}

// clearer tells what is deliberately said in other words than by runc: that there
// is no bundle, that a descriptor is not open, that a number is no signal's (runc
// leaves that to the kernel).
func clearer(said string) bool {
	return slices.ContainsFunc([]string{"config.json not found", "is to be preserved, but not open", `unknown signal "99"`}, func(s string) bool { return strings.Contains(said, s) })
}

// last is the last line, but for hints, of what went wrong.
func last(out string) string {
	for _, l := range slices.Backward(strings.Split(strings.TrimSpace(out), "\n")) {
		if _, said, ok := strings.Cut(l, ": error: "); ok {
			return said
		}
	}
	return ""
}

// TestStatsKeys: whoever reads what runc's events say finds it here.
func TestStatsKeys(t *testing.T) {
	runc, own := peers(t)
	var have [2][]string
	for i, p := range []peer{runc, own} {
		p.bring("running")
		var v any
		if err := json.Unmarshal([]byte(p.need("events", "--stats", "c")), &v); err != nil {
			t.Fatal(err)
		}
		have[i] = keys("", v)
		p.need("delete", "--force", "c")
	}
	if len(have[0]) < 20 {
		t.Fatalf("runc has only %q", have[0])
	}
	for _, k := range have[0] {
		if !slices.Contains(have[1], k) {
			t.Errorf("events --stats has no %s", k)
		}
	}
}

// keys lists the paths of all values.
func keys(at string, v any) (out []string) {
	switch v := v.(type) {
	case map[string]any:
		for k, v := range v {
			out = append(out, keys(at+"."+k, v)...)
		}
		return out
	case []any:
		for _, v := range v {
			out = append(out, keys(at+"[]", v)...)
		}
		return out
	}
	return []string{at}
}
