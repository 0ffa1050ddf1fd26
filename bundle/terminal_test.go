package bundle_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// socket is a console socket, as engines have one.
func socket(t *testing.T) (path string, accept func() *os.File) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return path, func() *os.File {
		conn, err := l.AcceptUnix()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		name, oob := make([]byte, 100), make([]byte, 100)
		n, m, _, _, err := conn.ReadMsgUnix(name, oob)
		if err != nil || n == 0 {
			t.Fatalf("%d %v", n, err)
		}
		msgs, err := syscall.ParseSocketControlMessage(oob[:m])
		if err != nil {
			t.Fatal(err)
		}
		fds, err := syscall.ParseUnixRights(&msgs[0])
		if err != nil || len(fds) != 1 {
			t.Fatalf("%v %v", fds, err)
		}
		return os.NewFile(uintptr(fds[0]), "master")
	}
}

// TestConsoleSocket: the terminal's master goes to the engine; the process has the
// terminal, of the size that the specification says.
func TestConsoleSocket(t *testing.T) {
	p := newPlace(t, "tty; stty size; ls -l /dev/console; read line; echo got $line")
	p.spec.Process.Terminal, p.spec.Process.ConsoleSize = true, &specs.Box{Height: 33, Width: 77}
	path, accept := socket(t)
	p.create("c", "--console-socket", path)
	master := accept()
	defer master.Close()
	p.ok("start", "c")
	fmt.Fprintln(master, "typed")
	b, _ := io.ReadAll(master) // EIO at the end
	for _, want := range []string{"/dev/pts/0", "33 77", "got typed"} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("no %q in %q", want, b)
		}
	}
	p.await("c", specs.StateStopped)
	p.ok("delete", "c")
	p.fails(1, "console socket", "create", "--console-socket", "/nope", "c")
	p.spec.Process.Terminal = false
	p.fails(1, "cannot use console socket if the process has no terminal", "create", "--console-socket", path, "c")
}

// TestForegroundTerminal: run and exec in front of a terminal.
func TestForegroundTerminal(t *testing.T) {
	p := newPlace(t, "stty size; read line; echo got $line; exit 5")
	p.spec.Process.Terminal = true
	c := p.cmd("run", "c")
	master, err := pty.StartWithSize(c, &pty.Winsize{Rows: 21, Cols: 99})
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	fmt.Fprint(master, "typed\r")
	b, _ := io.ReadAll(master)
	if c.Wait(); c.ProcessState.ExitCode() != 5 || !strings.Contains(string(b), "got typed") || !strings.Contains(string(b), "21 99") {
		t.Errorf("%v %q", c.ProcessState, b)
	}
}

func TestExecTerminal(t *testing.T) {
	p := newPlace(t, "exec sleep 1000")
	p.create("c")
	p.ok("start", "c")
	path, accept := socket(t)
	pid := filepath.Join(p.bundle, "pid")
	p.ok("exec", "--detach", "--pid-file", pid, "--console-socket", path, "--tty", "c", "sh", "-c", "tty; exec cat")
	master := accept()
	defer master.Close()
	until(t, master, "/dev/pts/0\r\n")
	fmt.Fprintln(master, "hello")
	until(t, master, "hello\r\nhello\r\n") // its echo, and cat's
	if p.content(pid) == "" {
		t.Error("there is no process ID")
	}
	p.ok("delete", "--force", "c")
}

// until reads what a terminal shows up to want.
func until(t *testing.T, master io.Reader, want string) {
	t.Helper()
	b := make([]byte, 1000)
	for got := ""; !strings.HasSuffix(got, want); {
		n, err := master.Read(b)
		if got += string(b[:n]); err != nil {
			t.Fatalf("%v after %q", err, got)
		}
	}
}
