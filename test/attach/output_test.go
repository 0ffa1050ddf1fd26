package attach_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// blob makes a file of so many bytes, of all kinds and without order, and
// returns its directory and its sum.
func blob(t *testing.T, n int64) (dir, sum string) {
	t.Helper()
	dir = t.TempDir()
	f, err := os.Create(filepath.Join(dir, "blob"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(f, h), rand.NewChaCha8([32]byte{1}), n); err != nil {
		t.Fatal(err)
	}
	return dir, fmt.Sprintf("%d bytes %x", n, h.Sum(nil))
}

// sum is that of what the command prints; its exit code has to be 0.
func (h *house) sum(args ...string) string {
	h.t.Helper()
	cmd := h.command(args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	s := sha256.New()
	n, err := io.Copy(s, out)
	if werr := cmd.Wait(); err != nil || werr != nil {
		h.t.Errorf("%v: %v, %v", args, err, werr)
	}
	return fmt.Sprintf("%d bytes %x", n, s.Sum(nil))
}

func TestManyBytesArriveUnchanged(t *testing.T) {
	h := newHouse(t)
	dir, want := blob(t, 64<<20)
	if got := h.sum(h.run("--rm", "--volume="+dir+":/data:ro", "cat", "/data/blob")...); got != want {
		t.Errorf("run: got %s, want %s", got, want)
	}
	h.want(0, h.run("-d", "--name=box", "--volume="+dir+":/data:ro", "sleep", "4321")...)
	if got := h.sum("exec", "box", "cat", "/data/blob"); got != want {
		t.Errorf("exec: got %s, want %s", got, want)
	}
}

// TestLogKeepsBytes writes less than what a log keeps.
func TestLogKeepsBytes(t *testing.T) {
	h := newHouse(t)
	dir, want := blob(t, 2<<20)
	h.want(0, h.run("-d", "--name=box", "--volume="+dir+":/data:ro", "cat", "/data/blob")...)
	if got := h.sum("logs", "-f", "box"); got != want {
		t.Errorf("following: got %s, want %s", got, want)
	}
	if got := h.sum("logs", "box"); got != want {
		t.Errorf("afterwards: got %s, want %s", got, want)
	}
}

// TestReaderOfOneLine goes when it has read that: the command ends. A container
// goes on, as with Docker; what exec started learns it, as in a pipeline.
func TestReaderOfOneLine(t *testing.T) {
	h := newHouse(t)
	h.oneLine(h.run("--name=box", "sh", "-c", "yes; exit 7")...)
	if got := h.want(0, "inspect", "-f", "{{.State.Running}}", "box"); got != "true" {
		t.Error("the container ended with its reader")
	}
	h.oneLine("exec", "box", "sh", "-c", "yes one; exit 7")
	if top := h.want(0, "top", "box"); strings.Contains(top, "yes one") {
		t.Errorf("it goes on:\n%s", top)
	}
}

// oneLine reads one line of what the command prints, and waits for its end.
func (h *house) oneLine(args ...string) {
	h.t.Helper()
	cmd := h.command(args...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 2)); err != nil {
		h.t.Error(err)
	}
	out.Close()
	cmd.Wait() // or the time of all tests is over
}

func TestCommandOutlivesItsUser(t *testing.T) {
	h := newHouse(t)
	h.want(0, h.run("-d", "--name=box", "sleep", "4321")...)
	g := h.open("exec", "-i", "box", "sh", "-c", "echo up; read a; yes | head -c 1000000; echo done >/tmp/done; sleep 1234; exit 0")
	g.line("up")
	g.cmd.Process.Kill()
	g.ends(-1)
	// It finds its input at the end, and its output taken by somebody.
	h.want(0, "exec", "box", "sh", "-c", "until [ -e /tmp/done ]; do sleep 0.01; done")
	if top := h.want(0, "top", "box"); !strings.Contains(top, "sleep 1234") {
		t.Errorf("it does not run:\n%s", top)
	}
}

// TestChildThatHoldsTheOutput keeps the pipe open when the command has ended.
func TestChildThatHoldsTheOutput(t *testing.T) {
	h := newHouse(t)
	h.want(0, h.run("-d", "--name=box", "sleep", "4321")...)
	for range 10 {
		g := h.open("exec", "box", "sh", "-c", "sleep 1234 & seq 1 2000; echo end >&2; exit 5")
		if got := g.ends(5); got != counted() || g.errs.String() != "end\n" {
			t.Errorf("got %d bytes, and %q", len(got), &g.errs)
		}
	}
}
