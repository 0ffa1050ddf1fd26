package crowd_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A reader is an attached command.
type reader struct {
	cmd  *exec.Cmd
	out  *bufio.Reader
	errs *bufio.Reader
}

func (c *crowd) attach(name string) *reader {
	c.t.Helper()
	r := &reader{cmd: c.command("attach", "--no-stdin", name)}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	errs, err := r.cmd.StderrPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	r.out, r.errs = bufio.NewReader(out), bufio.NewReader(errs)
	c.t.Cleanup(func() { r.cmd.Process.Kill(); r.cmd.Wait() })
	return r
}

// read reads so many bytes, which must be the container's lines.
func (r *reader) read(t *testing.T, n int) bool {
	t.Helper()
	if _, err := io.CopyN(io.Discard, r.out, int64(n)); err != nil {
		t.Errorf("reading: %v", err)
		return false
	}
	return true
}

// most is what a monitor's share of the memory may be, in bytes.
const most = 8 << 20

// TestASlowReaderKeepsNobodyWaiting attaches three readers to an endless output
// and stops one of them. The others and the container go on, the monitor keeps
// little, and the log stays within its bounds. Then the slow one learns what
// it missed.
func TestASlowReaderKeepsNobodyWaiting(t *testing.T) {
	c := newCrowd(t)
	const enough = 64 << 20
	c.want(0, c.run("-d", "--name", "box"), "yes", strings.Repeat("x", 100))
	monitor := parent(t, c.want(0, words("inspect", "-f", "{{.State.Pid}}", "box")))
	slow, one, two := c.attach("box"), c.attach("box"), c.attach("box")
	slow.read(t, 1)
	if err := slow.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	quiet(one, two)
	done := make(chan bool)
	go func() { done <- two.read(t, enough) }()
	for range enough >> 20 {
		if !one.read(t, 1<<20) {
			break
		}
		if pss := pss(t, monitor); pss > most {
			t.Errorf("the monitor has %d bytes", pss)
		}
	}
	<-done
	c.logSize()
	if err := slow.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	told := make(chan string)
	go func() {
		line, _ := slow.errs.ReadString('\n')
		told <- line
		io.Copy(io.Discard, slow.errs)
	}()
	go func() { io.Copy(io.Discard, one.out) }()
	go func() { io.Copy(io.Discard, two.out) }()
	// More than waited for it before the gap.
	slow.read(t, enough/4)
	if line := <-told; !strings.Contains(line, "of output left out") {
		t.Errorf("the slow reader was told %q", line)
	}
	go io.Copy(io.Discard, slow.out)
	c.want(0, words("rm", "-f", "box"))
	for _, r := range []*reader{slow, one, two} {
		r.ended(t)
	}
}

// quiet throws away what readers are told.
func quiet(readers ...*reader) {
	for _, r := range readers {
		go io.Copy(io.Discard, r.errs)
	}
}

// ended waits for the reader, who passes on how the container ended.
func (r *reader) ended(t *testing.T) {
	t.Helper()
	err := r.cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 137 {
		t.Errorf("a reader ended so: %v", err)
	}
}

// logSize compares the size of the container's log with Docker's default, three
// files of ten megabytes would be the most.
func (c *crowd) logSize() {
	c.t.Helper()
	logs, err := filepath.Glob(filepath.Join(c.env.Root, "containers", "*", "*-json.log*"))
	if err != nil || len(logs) == 0 {
		c.t.Errorf("no log: %v", err)
	}
	var size int64
	for _, l := range logs {
		if st, err := os.Stat(l); err == nil {
			size += st.Size()
		}
	}
	if size == 0 || size > 31<<20 {
		c.t.Errorf("the log has %d bytes in %d files", size, len(logs))
	}
}

// parent is the number of a process's parent.
func parent(t *testing.T, pid string) int {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// pss is the share of the memory of a process, in bytes.
func pss(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var n int
		if _, err := fmt.Sscanf(line, "Pss: %d kB", &n); err == nil {
			return n << 10
		}
	}
	t.Fatalf("no share in %q", b)
	return 0
}
