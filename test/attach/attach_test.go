// Package attach_test checks what comes through the streams of containers and
// of commands in them, and who is told what.
package attach_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"mydocker/internal/testenv"
)

// A house is an engine on a machine that must be after the test as it was before.
type house struct {
	t      *testing.T
	env    testenv.Engine
	rootfs string
	binary string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	testenv.NetNS(t)
	h := &house{t, testenv.NewEngine(t), testenv.Busybox(t), testenv.Binary(t)}
	h.want(0, h.run("--rm", "true")...)
	testenv.Leaks(t, h.env.Root, h.env.State)
	t.Cleanup(func() { h.command("rm", "-f", "box").Run() })
	return h
}

// run is the words that run a container: flags, then its command.
func (h *house) run(args ...string) []string {
	n := 0
	for n < len(args) && strings.HasPrefix(args[n], "-") {
		n++
	}
	words := append([]string{"run", "--network", "none"}, args[:n]...)
	return append(append(words, "--rootfs", h.rootfs), args[n:]...)
}

func (h *house) command(args ...string) *exec.Cmd {
	return exec.Command(h.binary, append(h.env.Flags(), args...)...)
}

// want runs a command that has to end with that exit code.
func (h *house) want(code int, args ...string) string {
	h.t.Helper()
	cmd := h.command(args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		h.t.Fatalf("%v: %v, want exit code %d\n%s", args, err, code, out)
	}
	return strings.TrimSpace(string(out))
}

// A guest is a command that goes on while others run.
type guest struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	errs bytes.Buffer
}

func (h *house) open(args ...string) *guest {
	h.t.Helper()
	g := &guest{t: h.t, cmd: h.command(args...)}
	g.cmd.Stderr = &g.errs
	var err error
	if g.in, err = g.cmd.StdinPipe(); err != nil {
		h.t.Fatal(err)
	}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	g.out = bufio.NewReader(out)
	if err := g.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { g.cmd.Process.Kill(); g.cmd.Wait() })
	return g
}

// line reads a line that must be that.
func (g *guest) line(want string) {
	g.t.Helper()
	got, err := g.out.ReadString('\n')
	if err != nil || strings.TrimSuffix(got, "\n") != want {
		g.t.Fatalf("got %q, %v, want %q\n%s", got, err, want, &g.errs)
	}
}

func (g *guest) write(text string) {
	g.t.Helper()
	if _, err := io.WriteString(g.in, text); err != nil {
		g.t.Fatal(err)
	}
}

// ends reads the rest and compares the exit code; -1 stands for a signal.
func (g *guest) ends(code int) string {
	g.t.Helper()
	rest, _ := io.ReadAll(g.out)
	err := g.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || g.cmd.ProcessState.ExitCode() != code {
		g.t.Errorf("%v: %v, want exit code %d\n%s", g.cmd.Args[5:], err, code, &g.errs)
	}
	return string(rest)
}

// echo is a container that answers each line of its input, so that one who is
// attached can make sure of it.
const echo = "while read a && [ $a != go ]; do echo got $a; done; seq 1 2000; echo end >&2; exit 5"

// counted is what it says at its end.
func counted() string {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintln(&b, i+1)
	}
	return b.String()
}

// TestAllAttachedGetAll attaches one after the other; what each types is
// answered to all who are there.
func TestAllAttachedGetAll(t *testing.T) {
	h := newHouse(t)
	h.want(0, h.run("-di", "--name=box", "sh", "-c", echo)...)
	var all []*guest
	for i := range 8 {
		all = append(all, h.open("attach", "box"))
		all[i].write(fmt.Sprintln(i))
		for _, g := range all {
			g.line(fmt.Sprint("got ", i))
		}
	}
	all[0].write("go\n")
	for i, g := range all {
		if got := g.ends(5); got != counted() || g.errs.String() != "end\n" {
			t.Errorf("number %d got %d bytes, and %q", i, len(got), &g.errs)
		}
	}
}

func TestInputStaysOpen(t *testing.T) {
	h := newHouse(t)
	h.want(0, h.run("-di", "--name=box", "sh", "-c", echo)...)
	for i := range 3 { // over all who are attached
		g := h.open("attach", "box")
		g.write(fmt.Sprintln(i))
		g.line(fmt.Sprint("got ", i))
		quiet := h.open("attach", "--no-stdin", "box")
		quiet.write("unheard\n")
		quiet.in.Close()
		g.write("heard\n")
		g.line("got heard")
		quiet.cmd.Process.Kill()
		quiet.ends(-1)
		if i == 1 {
			g.in.Close() // only of this one
		}
		g.cmd.Process.Kill()
		g.ends(-1)
	}
	last := h.open("attach", "box")
	last.write("go\n")
	if got := last.ends(5); got != counted() {
		t.Errorf("the last one got %d bytes", len(got))
	}
}

// TestSignalsOfOneAttached: they are the container's, or the command's own.
func TestSignalsOfOneAttached(t *testing.T) {
	h := newHouse(t)
	h.want(0, h.run("-di", "--name=box", "sh", "-c", "trap 'exit 9' TERM; until false; do read a; echo got $a; done")...)
	own := h.open("attach", "--sig-proxy=false", "box")
	own.write("one\n")
	own.line("got one")
	if err := own.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	own.ends(-1)
	if got := h.want(0, "inspect", "-f", "{{.State.Running}}", "box"); got != "true" {
		t.Error("the container ended with the command")
	}
	passed := h.open("attach", "box")
	passed.write("two\n")
	passed.line("got two")
	if err := passed.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	passed.ends(9)
}

// The input of one that was started in the foreground ends with its user.
func TestInputEndsWithItsUser(t *testing.T) {
	h := newHouse(t)
	g := h.open(h.run("-i", "--name=box", "sh", "-c", echo)...)
	g.write("word\n")
	g.line("got word")
	g.cmd.Process.Kill()
	g.ends(-1)
	if code := h.want(0, "wait", "box"); code != "5" {
		t.Errorf("it ended with %s", code)
	}
}
