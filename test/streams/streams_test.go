package streams_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mydocker/internal/testenv"
)

// open returns an engine that has made what stays, in a network namespace of
// the test's own.
func open(t *testing.T) testenv.Engine {
	testenv.Root(t)
	testenv.NetNS(t)
	e := testenv.NewEngine(t)
	if out, err := e.Command(t, "run", "--rm", "--network", "none", "host", "true").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	testenv.Leaks(t)
	return e
}

func run(t *testing.T, e testenv.Engine, args ...string) *exec.Cmd {
	return e.Command(t, append([]string{"run", "--rm", "--network", "none"}, args...)...)
}

// A reader that has enough ends the command in front of it. The container goes
// on, as Docker's does, and its log has everything.
func TestTheContainerOutlivesItsReader(t *testing.T) {
	e := open(t)
	cmd := e.Command(t, "run", "--name", "box", "--network", "none", "host", "sh", "-c", "trap '' PIPE; n=0; while [ $n -lt 20000 ]; do n=$((n+1)); echo line $n; done; echo end")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 4)); err != nil {
		t.Error(err)
	}
	out.Close()
	cmd.Wait()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(errs.String(), "container box goes on") {
		t.Errorf("exit code %d: %s", cmd.ProcessState.ExitCode(), errs.String())
	}
	if out, err := e.Command(t, "wait", "box").Output(); err != nil || string(out) != "0\n" {
		t.Errorf("%s %v", out, err)
	}
	log, err := e.Command(t, "logs", "box").Output()
	if err != nil || bytes.Count(log, []byte("\n")) != 20001 || !bytes.HasSuffix(log, []byte("line 20000\nend\n")) {
		t.Errorf("%d lines, %v", bytes.Count(log, []byte("\n")), err)
	}
	if out, err := e.Command(t, "rm", "box").CombinedOutput(); err != nil {
		t.Errorf("%s %v", out, err)
	}
}

func TestLostOutputIsAnError(t *testing.T) {
	e := open(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	cmd := run(t, e, "host", "echo", "x")
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = full, &errs
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 125 || !strings.Contains(errs.String(), "no space left") {
		t.Errorf("%v: %s", err, errs.String())
	}
}

// TestBytesPassUnchanged sends binary data through both pipes.
func TestBytesPassUnchanged(t *testing.T) {
	data := make([]byte, 20<<20)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	cmd := run(t, open(t), "-i", "host", "cat")
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil || sha256.Sum256(out) != sha256.Sum256(data) {
		t.Errorf("%d bytes of %d came back, or changed: %v", len(out), len(data), err)
	}
}

// TestDanglingLinksOfAnImageAreFollowedInside mounts where links of the image
// lead, which is nowhere yet; the same names on the host stay untouched
// (CVE-2026-41579).
func TestDanglingLinksOfAnImageAreFollowedInside(t *testing.T) {
	e := open(t)
	root := testenv.BusyboxCopy(t)
	outside := filepath.Join(t.TempDir(), "not", "here")
	for link, to := range map[string]string{"etc/resolv.conf": "../run/systemd/stub.conf", "dev": outside, "proc": "/no/proc"} {
		at := filepath.Join(root, link)
		if err := os.RemoveAll(at); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
	}
	out, err := run(t, e, "--dns", "192.0.2.7", "--rootfs", root, "sh", "-c", "cat /etc/resolv.conf; ls -d /dev/null "+outside+"/null /no/proc/self").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "192.0.2.7") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, p := range []string{outside, "/no/proc"} {
		if _, err := os.Lstat(p); err == nil {
			t.Errorf("%s was made on the host", p)
		}
	}
}

func TestParentsOfAControlGroupGo(t *testing.T) {
	e := open(t)
	parent := fmt.Sprintf("/mydocker-test-%d/sub", os.Getpid())
	if out, err := run(t, e, "--cgroup-parent", parent, "host", "true").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// testenv.Leaks finds what is left.
}
