// Package engines_test has other people's engines make containers with the
// runtime.
package engines_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mydocker/internal/testenv"
)

// parent is the control group above those of all containers. Whoever makes the
// first one makes it, and nobody removes it.
const parent = "mydocker-test-oci"

// A bed is an engine in a sandbox, with an image that is called busybox.
type bed struct {
	t *testing.T
	*testenv.Sandbox
	runtime string   // the path of the runtime
	base    []string // the engine's command, with flags
	env     []string
	flags   []string // of run
	remove  []string // a container that runs
}

// newBed makes one for an engine whose program is there.
func newBed(t *testing.T, program string) *bed {
	t.Helper()
	testenv.Root(t)
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("needs the command %s", program)
	}
	testenv.Leaks(t)
	t.Cleanup(func() {
		groups, _ := filepath.Glob("/sys/fs/cgroup/*/" + parent)
		for _, g := range append(groups, "/sys/fs/cgroup/"+parent) {
			syscall.Rmdir(g) // what cannot be removed is found to be there
		}
	})
	return &bed{t: t, Sandbox: testenv.NewSandbox(t), runtime: testenv.RuntimeBinary(t)}
}

// in is the bed for a part of the test.
func (b *bed) in(t *testing.T) *bed {
	sub := *b
	sub.t = t
	return &sub
}

// A result is how a command ended.
type result struct {
	out, err string
	code     int
}

func (b *bed) command(words ...string) *exec.Cmd {
	cmd := b.Command(append(append([]string(nil), b.base...), words...)...)
	cmd.Env = append(cmd.Env, b.env...)
	return cmd
}

// do runs a command of the engine, which may take a minute.
func (b *bed) do(words ...string) result {
	b.t.Helper()
	return b.finish(b.command(words...), words)
}

func (b *bed) finish(cmd *exec.Cmd, words []string) result {
	b.t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second // what goes on may hold them
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	late := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case !late.Stop():
		b.t.Fatalf("%q did not end\n%s%s", words, &out, &errs)
	case err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay):
		b.t.Fatal(err)
	}
	return result{strings.TrimSpace(out.String()), errs.String(), cmd.ProcessState.ExitCode()}
}

// want runs a command that has to end with a code, and returns what it wrote to
// its standard output.
func (b *bed) want(code int, words ...string) string {
	b.t.Helper()
	r := b.do(words...)
	if r.code != code {
		b.t.Fatalf("%q: exit code %d, want %d\n%s\n%s", words, r.code, code, r.out, r.err)
	}
	return r.out
}

// says runs a command that has to succeed and to write these lines.
func (b *bed) says(lines string, words ...string) {
	b.t.Helper()
	if got := b.want(0, words...); got != lines {
		b.t.Errorf("%q: got %q, want %q", words, got, lines)
	}
}

// run is the words that run a container of the image: flags, then its command.
func (b *bed) run(words ...string) []string {
	n := 0
	for n < len(words) && strings.HasPrefix(words[n], "-") {
		n++
	}
	all := append([]string{"run"}, b.flags...)
	return append(append(append(all, words[:n]...), "busybox"), words[n:]...)
}

// waits asks again until the answer is this one.
func (b *bed) waits(answer string, words ...string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r := b.do(words...)
		if r.out == answer {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("%q: %q %s, want %q", words, r.out, r.err, answer)
		}
	}
}

// archive returns an archive of the busybox root filesystem, for imports.
func archive(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "busybox.tar")
	if out, err := exec.Command("tar", "-C", testenv.Busybox(t), "-cf", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	return file
}

// limit reads a file of a container's control group, as the machine sees it,
// the last of those that the pattern finds. v1 is the file's name beside its
// controller, v2 the one where there is a single hierarchy.
func (b *bed) limit(v1, v2 string) string {
	b.t.Helper()
	pattern := filepath.Join("/sys/fs/cgroup", filepath.Dir(v1), parent, "*", filepath.Base(v1))
	if testenv.CgroupMode() == testenv.CgroupV2 {
		pattern = filepath.Join("/sys/fs/cgroup", parent, "*", v2)
	}
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) != 1 {
		b.t.Fatalf("%s finds %q, %v", pattern, files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}
