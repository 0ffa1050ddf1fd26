package testenv

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A Running is a container that runs until the test ends.
type Running struct {
	ID  string
	Pid int    // of its first process
	Dir string // of the engine's files about it
}

// Running starts a container with these flags of an image (NAME, or --rootfs
// DIRECTORY), and returns when its command runs.
// The command waits; it ends, and all that its start made is gone, before the
// test's clean-ups that were registered earlier.
func (e Engine) Running(t testing.TB, image []string, flags ...string) Running {
	t.Helper()
	words := append(append([]string{"run", "--rm"}, flags...), image...)
	words = append(words, "sh", "-c", "echo up; exec sleep 100000")
	cmd := exec.Command(Binary(t), append(e.Flags(), words...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	r := Running{}
	t.Cleanup(func() {
		if r.Pid > 0 {
			syscall.Kill(r.Pid, syscall.SIGKILL)
		} else {
			cmd.Process.Kill()
		}
		cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || strings.TrimSpace(line) != "up" {
		cmd.Wait()
		t.Fatalf("the container did not come up: %q, %v\n%s", line, err, &errs)
	}
	r.ask(t, e)
	return r
}

// ask learns who the container is: it is the one of its engine that runs, and
// was made last.
func (r *Running) ask(t testing.TB, e Engine) {
	t.Helper()
	id, err := e.Command(t, "ps", "-q", "--no-trunc", "--last=1").Output()
	if err != nil {
		t.Fatal(err)
	}
	r.ID = strings.TrimSpace(string(id))
	r.Dir = filepath.Join(e.Root, "containers", r.ID)
	pid, err := e.Command(t, "inspect", "-f", "{{.State.Pid}}", r.ID).Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(pid), &r.Pid); err != nil || r.Pid < 2 {
		t.Fatalf("the container's process is %q: %v", pid, err)
	}
}
