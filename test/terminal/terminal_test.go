// Package terminal_test uses containers by way of a terminal, as a person does.
package terminal_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"mydocker/internal/testenv"
	"mydocker/linux"
)

// A desk is an engine on a machine that must be after the test as it was before.
type desk struct {
	t      *testing.T
	env    testenv.Engine
	rootfs string
	binary string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	testenv.NetNS(t)
	d := &desk{t, testenv.NewEngine(t), testenv.Busybox(t), testenv.Binary(t)}
	d.want(0, d.run("--rm", "true")...)
	testenv.Leaks(t, d.env.Root, d.env.State)
	t.Cleanup(func() { d.command("rm", "-f", "box").Run() })
	return d
}

// run is the words that run a container: flags, then its command.
func (d *desk) run(args ...string) []string {
	n := 0
	for n < len(args) && strings.HasPrefix(args[n], "-") {
		n++
	}
	words := append([]string{"run", "--network", "none"}, args[:n]...)
	return append(append(words, "--rootfs", d.rootfs), args[n:]...)
}

func (d *desk) command(args ...string) *exec.Cmd {
	return exec.Command(d.binary, append(d.env.Flags(), args...)...)
}

// want runs a command that has no terminal and has to end with that exit code.
func (d *desk) want(code int, args ...string) string {
	d.t.Helper()
	cmd := d.command(args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		d.t.Fatalf("%v: %v, want exit code %d\n%s", args, err, code, out)
	}
	return strings.TrimSpace(string(out))
}

// running checks whether the container runs.
func (d *desk) running(want bool) {
	d.t.Helper()
	if got := d.want(0, "inspect", "-f", "{{.State.Running}}", "box"); got != fmt.Sprint(want) {
		d.t.Errorf("box runs: %s, want %v", got, want)
	}
}

// patience is how long a program may take to show what it is expected to.
const patience = 60 * time.Second

// A terminal is a person's, in which one command runs.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File

	mu    sync.Mutex
	shown strings.Builder
	seen  int           // what expect has found already
	more  chan struct{} // something was shown, or the command has left the terminal
}

// open runs a command in a terminal of 30 lines of 100 characters.
func (d *desk) open(args ...string) *terminal {
	d.t.Helper()
	w := &terminal{t: d.t, cmd: d.command(args...), more: make(chan struct{}, 1)}
	master, err := pty.StartWithSize(w.cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		d.t.Fatal(err)
	}
	w.master = pollable(d.t, master)
	done := make(chan struct{})
	go func() { defer close(done); w.watch() }()
	d.t.Cleanup(func() {
		w.cmd.Process.Kill()
		w.cmd.Wait()
		w.master.Close()
		<-done
	})
	return w
}

// pollable returns a file in place of f, whose Close ends a Read.
func pollable(t *testing.T, f *os.File) *os.File {
	t.Helper()
	defer f.Close()
	fd, err := linux.Duplicate(f)
	if err == nil {
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), f.Name())
}

func (w *terminal) watch() {
	buf := make([]byte, 4096)
	for {
		n, err := w.master.Read(buf)
		w.mu.Lock()
		w.shown.Write(buf[:n])
		w.mu.Unlock()
		select {
		case w.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// expect waits until the text is shown, behind what was expected before.
func (w *terminal) expect(text string) {
	w.t.Helper()
	late := time.After(patience)
	for {
		w.mu.Lock()
		all := w.shown.String()
		i := strings.Index(all[w.seen:], text)
		if i >= 0 {
			w.seen += i + len(text)
		}
		w.mu.Unlock()
		if i >= 0 {
			return
		}
		select {
		case <-w.more:
		case <-late:
			w.t.Fatalf("there is no %q in %q", text, all[w.seen:])
		}
	}
}

// enter types.
func (w *terminal) enter(keys string) {
	w.t.Helper()
	if _, err := w.master.WriteString(keys); err != nil {
		w.t.Fatal(err)
	}
}

// resize changes the size of the window.
func (w *terminal) resize(rows, columns uint16) {
	w.t.Helper()
	if err := pty.Setsize(w.master, &pty.Winsize{Rows: rows, Cols: columns}); err != nil {
		w.t.Fatal(err)
	}
}

// ends waits until the command has ended, with that exit code.
func (w *terminal) ends(code int) {
	w.t.Helper()
	late := time.AfterFunc(patience, func() { w.cmd.Process.Kill() })
	defer late.Stop()
	err := w.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || w.cmd.ProcessState.ExitCode() != code {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.t.Errorf("%v: %v, want exit code %d; shown: %q", w.cmd.Args[5:], err, code, w.shown.String())
	}
}

// turns is a container that does nothing until a trap says otherwise.
const turns = "echo ready; while :; do sleep 0.05; done"

func TestTypedIsEchoedAndRead(t *testing.T) {
	d := newDesk(t)
	w := d.open(d.run("-it", "--name=box", "sh", "-c", "echo ready; read a; echo =$a=; exit 3")...)
	w.expect("ready\r\n")
	w.enter("wordx\x7f\r") // erased by the terminal
	w.expect("wordx\b \b\r\n=word=\r\n")
	w.ends(3)
}

func TestInterruptIsTheProgramsOwn(t *testing.T) {
	d := newDesk(t)
	w := d.open(d.run("-it", "--name=box", "sh", "-c", "trap 'echo interrupted; exit 9' INT; "+turns)...)
	w.expect("ready")
	w.enter("\x03")
	w.expect("^C")
	w.expect("interrupted")
	w.ends(9)
}

func TestSizeFollowsTheWindow(t *testing.T) {
	d := newDesk(t)
	script := "stty size; trap 'stty size' WINCH; " + turns
	w := d.open(d.run("-it", "--name=box", "sh", "-c", script)...)
	w.expect("30 100\r\n")
	w.expect("ready")
	w.resize(41, 123)
	w.expect("41 123\r\n")

	x := d.open("exec", "-it", "box", "sh", "-c", script)
	x.expect("30 100\r\n")
	x.expect("ready")
	x.resize(17, 71)
	x.expect("17 71\r\n")
	d.want(0, "rm", "-f", "box")
	x.ends(137)
	w.ends(137)
}

// Whoever attaches sees the screen drawn anew: the size of the terminal changes
// for a moment.
func TestLeavingAndComingBack(t *testing.T) {
	d := newDesk(t)
	w := d.open(d.run("-it", "--name=box", "sh", "-c", "trap 'echo drawn' WINCH; echo ready; until read a; do :; done; echo =$a=; exit 3")...)
	w.expect("ready")
	w.enter("\x10\x11")
	w.expect("read escape sequence")
	w.ends(0)
	d.running(true)

	w = d.open("attach", "box")
	w.expect("drawn")
	w.enter("\x10\x11")
	w.expect("read escape sequence")
	w.ends(0)
	d.running(true)

	w = d.open("attach", "--detach-keys", "ctrl-x,x", "box")
	w.expect("drawn")
	w.enter("\x18x")
	w.expect("read escape sequence")
	w.ends(0)
	d.running(true)

	w = d.open("attach", "box")
	w.expect("drawn")
	w.enter("\rword\r")
	w.ends(3)
}

func TestKeysToLeaveWith(t *testing.T) {
	d := newDesk(t)
	w := d.open(d.run("-it", "--name=box", "--detach-keys=ctrl-a,b", "sh", "-c", "stty -echo; echo ready; read a; echo =$a=; "+turns)...)
	w.expect("ready")
	w.enter("\x01ax\r") // not the sequence
	w.expect("=\x01ax=")
	w.enter("\x01b")
	w.expect("read escape sequence")
	w.ends(0)
	d.running(true)

	for _, flags := range [][]string{{"-it"}, {"-it", "--detach-keys=ctrl-a,b"}} {
		keys := map[int]string{1: "\x10\x11", 2: "\x01b"}[len(flags)]
		x := d.open(append(append([]string{"exec"}, flags...), "box", "sh", "-c", "echo ready; sleep 4321; exit")...)
		x.expect("ready")
		x.enter(keys)
		x.expect("read escape sequence")
		x.ends(0)
	}
	if top := d.want(0, "top", "box"); strings.Count(top, "sleep 4321") < 2 {
		t.Errorf("the commands did not go on:\n%s", top)
	}
}

// TestClosingTheTerminal ends the command. The container goes on.
func TestClosingTheTerminal(t *testing.T) {
	d := newDesk(t)
	w := d.open(d.run("-it", "--name=box", "sh", "-c", "trap 'exit 11' HUP; "+turns)...)
	w.expect("ready")
	w.master.Close()
	w.cmd.Wait()
	d.running(true)
}

// So it does with one who is attached.
func TestClosingTheTerminalOfOneAttached(t *testing.T) {
	d := newDesk(t)
	d.want(0, d.run("-dit", "--name=box", "sh", "-c", "trap 'exit 11' HUP; trap 'echo drawn' WINCH; "+turns)...)
	w := d.open("attach", "box")
	w.expect("drawn")
	w.master.Close()
	w.cmd.Wait()
	d.running(true)
}

func TestKilledInATerminal(t *testing.T) {
	d := newDesk(t)
	w := d.open(d.run("-it", "--name=box", "sh", "-c", "trap 'echo drawn' WINCH; "+turns)...)
	w.expect("ready")
	if err := w.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.cmd.Wait()
	d.running(true)
	d.open("attach", "box").expect("drawn")
}
