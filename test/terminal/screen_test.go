package terminal_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A screen is what tmux(1) makes of what a program sends.
type screen struct {
	t   *testing.T
	env []string
}

// draw runs a command in a window of 24 lines of 90 characters.
func (d *desk) draw(args ...string) *screen {
	d.t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		d.t.Skip("needs the command tmux")
	}
	s := &screen{d.t, append(os.Environ(), "TMUX_TMPDIR="+d.t.TempDir(), "LC_ALL=C.UTF-8")}
	d.t.Cleanup(func() { s.tmux("kill-server") })
	words := append([]string{"-f", "/dev/null", "new-session", "-d", "-x", "90", "-y", "24", d.binary}, d.env.Flags()...)
	if out, err := s.tmux(append(words, args...)...); err != nil {
		d.t.Fatalf("%v\n%s", err, out)
	}
	return s
}

func (s *screen) tmux(args ...string) (string, error) {
	cmd := exec.Command("tmux", args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// keys types keys, by tmux's names.
func (s *screen) keys(names ...string) {
	s.t.Helper()
	if out, err := s.tmux(append([]string{"send-keys"}, names...)...); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
}

// shows waits until the lines of the screen are as they should be.
func (s *screen) shows(what string, right func(lines []string) bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		out, err := s.tmux("capture-pane", "-p")
		if err == nil && right(strings.Split(strings.TrimSuffix(out, "\n"), "\n")) {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("the screen does not show %s: %v\n%s", what, err, out)
		}
	}
}

// page tells whether an editor shows the text, and nothing below it but its own
// last line.
func page(height int, text ...string) func([]string) bool {
	return func(lines []string) bool {
		if len(lines) != height {
			return false
		}
		for i, l := range lines[:height-1] {
			want := "~"
			if i < len(text) {
				want = text[i]
			}
			if strings.TrimRight(l, " ") != want {
				return false
			}
		}
		return strings.Contains(lines[height-1], "/tmp/file")
	}
}

func TestEditorFillsTheScreen(t *testing.T) {
	d := newDesk(t)
	s := d.draw(d.run("-it", "--name=box", "sh", "-c", `printf "one\ntwo\n" >/tmp/file; exec vi /tmp/file`)...)
	s.shows("the file", page(24, "one", "two"))
	for _, step := range []struct {
		keys string
		mode string // what the last line begins with
		text []string
	}{
		{"i", "I", []string{"one", "two"}},
		{"zero ", "I", []string{"zero one", "two"}},
		{"Escape", "-", []string{"zero one", "two"}}, // before the next: it may begin a sequence
		{"jA", "I", []string{"zero one", "two"}},
		{"!", "I", []string{"zero one", "two!"}},
		{"Escape", "-", []string{"zero one", "two!"}},
	} {
		s.keys(step.keys)
		s.shows("what was typed", func(lines []string) bool {
			return page(24, step.text...)(lines) && strings.HasPrefix(lines[23], step.mode)
		})
	}
	s.resizeTo("70", "15")
	s.keys("C-l")
	s.shows("the smaller page", page(15, "zero one", "two!"))
	s.keys(":w", "Enter")
	s.shows("that it was written", func(lines []string) bool { return strings.Contains(lines[len(lines)-1], "2L, 14C") })
	if got := d.want(0, "exec", "box", "cat", "/tmp/file"); got != "zero one\ntwo!" {
		t.Errorf("the file is %q", got)
	}
	s.keys(":q", "Enter")
	if code := d.want(0, "wait", "box"); code != "0" {
		t.Errorf("the editor ended with %s", code)
	}
}

func (s *screen) resizeTo(width, height string) {
	s.t.Helper()
	if out, err := s.tmux("resize-window", "-x", width, "-y", height); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
}

func TestTableIsDrawnAndKeysAreRead(t *testing.T) {
	d := newDesk(t)
	d.want(0, d.run("-d", "--name=box", "sleep", "4321")...)
	s := d.draw("exec", "-it", "box", "top")
	table := func(lines []string) bool {
		all := strings.Join(lines, "\n")
		return strings.HasPrefix(lines[0], "Mem:") && strings.HasPrefix(lines[1], "CPU:") &&
			strings.Contains(lines[3], "PID") && strings.Contains(all, "sleep 4321") && strings.Contains(all, "top")
	}
	s.shows("the processes", table)
	s.resizeTo("60", "10")
	s.shows("them in a smaller window", table)
	s.keys("q")
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if top := d.want(0, "top", "box"); strings.Count(top, "top") == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the key that ends it did not")
		}
	}
}
