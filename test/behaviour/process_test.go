package behaviour_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

func TestSignalsArePassedOn(t *testing.T) {
	b := newBed(t)
	g := b.start("--rm", "trap 'exit 42' TERM; echo up >/ready; while :; do sleep 1000 & wait; done")
	g.cmd.Process.Signal(syscall.SIGTERM)
	if code := g.code(); code != 42 {
		t.Errorf("exit code %d, want the trap's", code)
	}
}

// TestInitReapsAndPassesSignals has an orphan end: it becomes a child of the
// first process, which is to take it.
func TestInitReapsAndPassesSignals(t *testing.T) {
	b := newBed(t)
	// The orphan's pid is written by itself; it is gone when it was waited for.
	const orphan = `(sh -c 'echo $$ >/pid; exec true' &); sleep 0
while [ ! -s /pid ] || [ -e /proc/$(cat /pid) ]; do :; done; echo reaped >/ready; exec sleep 1000`
	g := b.start("--rm", "--init", orphan)
	if g.ready != "reaped" {
		t.Errorf("the container says %q", g.ready)
	}
	g.cmd.Process.Signal(syscall.SIGTERM)
	if code := g.code(); code != 128+int(syscall.SIGTERM) {
		t.Errorf("exit code %d, want that of SIGTERM", code)
	}
	b.equal(b.run("--init", "sh", "-c", "[ $$ != 1 ] && echo not the first"), "not the first")
	b.want(9, b.run("--init", "sh", "-c", "exit 9"))
}

func TestFirstProcessKilledFromOutside(t *testing.T) {
	b := newBed(t)
	g := b.start("--rm", "--name=victim", "echo up >/ready; exec sleep 1000")
	var pid int
	if _, err := fmt.Sscan(b.want(0, b.do("inspect", "-f", "{{.State.Pid}}", "victim")), &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := g.code(); code != 137 {
		t.Errorf("exit code %d, want 137", code)
	}
}

// onTerminal runs a container on a new terminal and returns what it printed
// there. The text is typed into it first.
func (b *bed) onTerminal(typed string, args ...string) (string, int) {
	b.t.Helper()
	flags, command := split(args)
	cmd := b.command(append(append(append([]string{"run", "--rm", "-it"}, flags...), "--rootfs", b.rootfs), command...)...)
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 33, Cols: 77})
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.WriteString(f, typed); err != nil {
		b.t.Fatal(err)
	}
	var out bytes.Buffer
	io.Copy(&out, f) // ends with an error of input and output when the other end is closed
	cmd.Wait()
	return strings.ReplaceAll(out.String(), "\r", ""), cmd.ProcessState.ExitCode()
}

func TestTerminal(t *testing.T) {
	b := newBed(t)
	out, code := b.onTerminal("", "sh", "-c", "tty; stty size; stat -c %t:%T /dev/console; exit 4")
	b.contains(out, "/dev/pts/0\n", "33 77\n")
	if code != 4 {
		t.Errorf("exit code %d, want 4: %q", code, out)
	}
	out, _ = b.onTerminal("some words\n", "sh", "-c", "read line; echo got $line")
	b.contains(out, "got some words\n")
	// Without a terminal of the user's there is one all the same.
	b.contains(b.want(0, b.run("-t", "tty")), "/dev/pts/0")
	r := b.run("-it", "tty")
	b.want(1, r)
	b.contains(r.err, "not a TTY")
}

// TestKilledCommand kills the command while its container runs: the container
// goes on.
func TestKilledCommand(t *testing.T) {
	b := newBed(t)
	g := b.start("--name=orphan", "echo up >/ready; exec sleep 1000")
	if err := g.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-g.ended
	if out := b.want(0, b.do("ps", "--format", "{{.Names}} {{.State}}")); out != "orphan running\n" {
		t.Errorf("ps shows %q", out)
	}
	b.equal(b.do("exec", "orphan", "echo", "there"), "there")
	b.want(0, b.do("rm", "-f", "orphan"))
	b.nothingKept()
}

// killMonitor kills the parent of a container's first process.
func (b *bed) killMonitor(name string) {
	b.t.Helper()
	pid := strings.TrimSpace(b.want(0, b.do("inspect", "-f", "{{.State.Pid}}", name)))
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		b.t.Fatal(err)
	}
	parent, err := strconv.Atoi(strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))[1])
	if err != nil {
		b.t.Fatal(err)
	}
	if err := syscall.Kill(parent, syscall.SIGKILL); err != nil {
		b.t.Fatal(err)
	}
}

// TestKilledMonitor kills the process that keeps a container: the container
// ends, and the next command takes back what was done.
func TestKilledMonitor(t *testing.T) {
	for _, rm := range []bool{false, true} {
		t.Run(fmt.Sprintf("rm=%v", rm), func(t *testing.T) {
			b := newBed(t)
			flags := []string{"--name=orphan", "--memory=64m"}
			if rm {
				flags = append(flags, "--rm")
			}
			g := b.start(append(flags, "echo up >/ready; exec sleep 1000")...)
			b.killMonitor("orphan")
			<-g.ended
			out := b.want(0, b.do("ps", "-a", "--format", "{{.Names}} {{.Status}}"))
			if rm && out != "" || !rm && !strings.HasPrefix(out, "orphan Exited") {
				t.Errorf("ps shows %q", out)
			}
			if !rm {
				b.want(0, b.do("rm", "orphan"))
			}
			b.nothingKept()
			b.want(0, b.run("true"))
		})
	}
}

// nothingKept looks for directories of containers and claimed addresses.
func (b *bed) nothingKept() {
	b.t.Helper()
	for _, pattern := range []string{b.Root + "/containers/*", b.State + "/network/*.*.*.*"} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			b.t.Errorf("%v is left", left)
		}
	}
}

func TestSixteenAtOnce(t *testing.T) {
	b := newBed(t)
	const count = 16
	cmds, outs := make([]*exec.Cmd, count), make([]bytes.Buffer, count)
	for i := range cmds { // from this thread, which is in the right namespace
		cmds[i] = b.command("run", "--rm", "--memory=64m", "--rootfs", b.rootfs, "sh", "-c", address)
		cmds[i].Stdout, cmds[i].Stderr = &outs[i], &outs[i]
		if err := cmds[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for _, c := range cmds {
		all.Go(func() { c.Wait() })
	}
	all.Wait()
	for i, c := range cmds {
		if got := outs[i].String(); !c.ProcessState.Success() || !strings.HasPrefix(got, "10.") || strings.Count(got, "\n") != 1 {
			t.Errorf("number %d: %v, %q", i, c.ProcessState, got)
		}
	}
	b.nothingKept()
}
