package killing_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"mydocker/container"
	"mydocker/engine"
	"mydocker/internal/testenv"
	"mydocker/linux"
)

// TestStartBehindAKilledMonitor starts a container whose monitor is killed after
// the command has looked for what killed ones left. What was made for the first
// start must not stay under what is made for the second.
func TestStartBehindAKilledMonitor(t *testing.T) {
	testenv.NetNS(t)
	f := newField(t)
	testenv.Leaks(t, f.env.Root, f.env.State)
	e, err := engine.New(f.env.Root, f.env.State)
	if err != nil {
		t.Fatal(err)
	}
	e.Program = f.binary
	for _, rm := range []bool{false, true} {
		t.Run("rm "+strconv.FormatBool(rm), func(t *testing.T) {
			f.must(t, "run", "-d", "--name", "box", "--network", "none", "--rm="+strconv.FormatBool(rm), "--rootfs", f.rootfs, "sleep", "1000")
			pid, err := strconv.Atoi(f.must(t, "inspect", "-f", "{{.State.Pid}}", "box"))
			if err != nil {
				t.Fatal(err)
			}
			kill(t, parent(pid))
			c, err := e.Open("box")
			if rm {
				if _, gone := err.(*container.NotFoundError); !gone {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			a, err := e.Start(c, engine.StartOptions{})
			if err != nil {
				t.Fatal(err)
			}
			a.Close()
			c.Close()
			f.must(t, "exec", "box", "true")
			f.must(t, "rm", "-f", "box")
		})
	}
}

// must runs a command that has to succeed.
func (f *field) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := f.command(args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// kill kills a process and waits until it is dead.
func kill(t *testing.T, pid int) {
	t.Helper()
	p, err := linux.OpenProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := linux.SendSignal(p, 9); err != nil {
		t.Fatal(err)
	}
	dead(t, pid)
}

// dead waits until a process has ended, whoever its parent is.
func dead(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(interval) {
		if fields, err := stat(pid); err != nil || fields[0] == "Z" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("process %d does not end", pid)
		}
	}
}
