// Package behaviour_test checks from inside and outside of containers what
// limits, isolation and networks do.
package behaviour_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mydocker/internal/testenv"
)

// bed is an engine in a network namespace of its own, on a machine that must be
// after the test as it was before.
type bed struct {
	t *testing.T
	testenv.Engine
	rootfs string // a busybox, not to be written to
}

// newBed makes one. Its first container makes what stays: the bridge, the
// parents of control groups.
func newBed(t *testing.T) *bed {
	t.Helper()
	testenv.NetNS(t)
	b := &bed{t, testenv.NewEngine(t), testenv.Busybox(t)}
	b.want(0, b.run("true"))
	testenv.Reaped(t, "veth")
	testenv.Leaks(t)
	return b
}

// A result is how a command ended.
type result struct {
	out, err string
	code     int // -1 where a signal ended the command itself
}

// command returns the command mydocker. Unlike that of [testenv.Engine] it can
// also be run by a clean-up.
func (b *bed) command(args ...string) *exec.Cmd {
	b.t.Helper()
	return exec.Command(testenv.Binary(b.t), append(b.Flags(), args...)...)
}

// do runs the command mydocker.
func (b *bed) do(args ...string) result {
	b.t.Helper()
	return b.finish(b.command(args...))
}

// run runs a container of the busybox: flags and command as one list. What it
// writes is thrown away.
func (b *bed) run(args ...string) result {
	b.t.Helper()
	flags, command := split(args)
	return b.do(append(append(append([]string{"run", "--rm"}, flags...), "--rootfs", b.rootfs), command...)...)
}

// host runs a container of the image host.
func (b *bed) host(args ...string) result {
	b.t.Helper()
	flags, command := split(args)
	return b.do(append(append(append([]string{"run", "--rm"}, flags...), "host"), command...)...)
}

// split takes the flags, all of the form --name or --name=value, off the front.
func split(args []string) (flags, command []string) {
	for i, a := range args {
		if !strings.HasPrefix(a, "-") {
			return args[:i:i], args[i:]
		}
	}
	return args, nil
}

func (b *bed) finish(cmd *exec.Cmd) result {
	b.t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// want compares the exit code.
func (b *bed) want(code int, r result) string {
	b.t.Helper()
	if r.code != code {
		b.t.Fatalf("exit code %d, want %d\n%s%s", r.code, code, r.out, r.err)
	}
	return r.out
}

// equal runs nothing: it compares what a successful command printed.
func (b *bed) equal(r result, want string) {
	b.t.Helper()
	if got := strings.TrimSpace(b.want(0, r)); got != want {
		b.t.Errorf("got %q, want %q\n%s", got, want, r.err)
	}
}

// contains looks for text in what a command printed.
func (b *bed) contains(text string, parts ...string) {
	b.t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			b.t.Errorf("there is no %q in %q", p, text)
		}
	}
}

// A background is a container that runs until it ends or the test does.
type background struct {
	cmd   *exec.Cmd
	ready string        // what its command wrote to /ready
	ended chan struct{} // closed when the command mydocker has ended
	err   bytes.Buffer
}

// start runs a shell command in a container, not removed at its end unless a
// flag says so, and returns when the command has written a line into /ready.
func (b *bed) start(args ...string) *background {
	b.t.Helper()
	ready := fifo(b.t)
	flags, command := split(args)
	words := append([]string{"run", "-v", ready.Name() + ":/ready"}, flags...)
	words = append(words, "--rootfs", b.rootfs, "sh", "-c")
	g := &background{cmd: b.command(append(words, command...)...), ended: make(chan struct{})}
	g.cmd.Stderr = &g.err
	if err := g.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() {
		g.cmd.Wait()
		ready.Close() // who failed to come up writes nothing: this ends the wait
		close(g.ended)
	}()
	b.t.Cleanup(func() {
		g.cmd.Process.Kill()
		<-g.ended
		b.do("ps") // takes back what the killed one left
	})
	line := make([]byte, 4096)
	n, err := ready.Read(line)
	if err != nil {
		b.t.Fatalf("the container did not come up: %v", err)
	}
	g.ready = strings.TrimSpace(string(line[:n]))
	return g
}

// fifo makes a named pipe that never ends, being open for writing, too.
func fifo(t *testing.T) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ready")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// code waits for the end of the command and returns its exit code.
func (g *background) code() int {
	<-g.ended
	return g.cmd.ProcessState.ExitCode()
}
