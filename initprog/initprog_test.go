package initprog_test

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"mydocker/initprog"
)

// start runs the program without privileges and returns its process.
func start(t *testing.T, b *initprog.Builder, trace bool, out *os.File) *initprog.Process {
	t.Helper()
	p, err := b.Finish(trace)
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if out == nil {
		out = null
	}
	c, err := initprog.Spawn(p, initprog.Attr{Stdio: [3]*os.File{null, out, null}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func status(t *testing.T, c *initprog.Process) syscall.WaitStatus {
	t.Helper()
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(c.Pid, &ws, 0, nil); err != nil {
		t.Fatal(err)
	}
	return ws
}

func TestExecAndPathSearch(t *testing.T) {
	b := initprog.NewBuilder()
	argv := b.Strings([]string{"sh", "-c", "exit 7"})
	env := b.Strings([]string{"A=b"})
	b.Sys("execve", "/nowhere/sh", argv, env).Allow(syscall.ENOENT)
	b.Sys("execve", "/bin/sh", argv, env)
	c := start(t, b, false, nil)
	if err := c.Await(nil); err != nil {
		t.Fatal(err)
	}
	if ws := status(t, c); ws.ExitStatus() != 7 {
		t.Errorf("exit status %d, want 7", ws.ExitStatus())
	}
}

func TestFirstFailureIsReported(t *testing.T) {
	b := initprog.NewBuilder()
	b.Begin(3)
	b.Sys("chdir", "/")
	b.Begin(4)
	b.Sys("openat", -100, "/nowhere", 0, 0)
	b.Sys("exit_group", 0)
	c := start(t, b, false, nil)
	err := c.Await(nil)
	var e *initprog.Error
	if !errors.As(err, &e) || e.Step != 4 || e.Errno != syscall.ENOENT || e.Label != "openat /nowhere" {
		t.Fatalf("got %+v", err)
	}
	if ws := status(t, c); ws.ExitStatus() != 127 {
		t.Errorf("exit status %d, want 127", ws.ExitStatus())
	}
}

func TestJumpsSlotsAndTolerance(t *testing.T) {
	b := initprog.NewBuilder()
	fd, missing, five, same := b.Slot(), b.Slot(), b.SlotAt(b.Words(5), 0), b.SlotAt(b.Words(5), 0)
	bad, one, two, three := b.NewLabel(), b.NewLabel(), b.NewLabel(), b.NewLabel()
	b.Sys("openat", -100, "/nowhere", 0, 0).Into(missing).Allow(syscall.ENOENT)
	b.JumpNegative(missing, one)
	b.Jump(bad)
	b.Place(one)
	b.Sys("openat", -100, "/", 0, 0).Into(fd)
	b.JumpNegative(fd, bad)
	b.JumpNonZero(fd, two)
	b.Jump(bad)
	b.Place(two)
	b.JumpEqual(five, same, three)
	b.Jump(bad)
	b.Place(three)
	b.JumpEqual(five, missing, bad)
	b.Sys("fchdir", fd)
	b.Sys("openat", -100, "/x/y", 0, 0).AllowAny()
	b.Sys("exit_group", five)
	b.Place(bad)
	b.Sys("exit_group", 1)
	c := start(t, b, false, nil)
	if err := c.Await(nil); err != nil {
		t.Fatal(err)
	}
	if ws := status(t, c); ws.ExitStatus() != 5 {
		t.Errorf("exit status %d, want 5", ws.ExitStatus())
	}
}

func TestCheckTakesAStoredErrno(t *testing.T) {
	b := initprog.NewBuilder()
	minus13 := int32(-13)
	s := b.SlotAt(b.Words(uint64(uint32(minus13))), 0)
	b.Check(s, "answer").Allow(syscall.EACCES)
	b.Check(s, "answer")
	c := start(t, b, false, nil)
	var e *initprog.Error
	if err := c.Await(nil); !errors.As(err, &e) || e.Errno != syscall.EACCES || e.Label != "answer" {
		t.Errorf("got %v", err)
	}
	status(t, c)
}

func TestWaitsForTheParentAndNotes(t *testing.T) {
	b := initprog.NewBuilder()
	pid := b.Slot()
	b.Sys("getpid").Into(pid)
	b.Note(initprog.NotePid, pid)
	b.Sys("read", initprog.SyncFD, b.Words(0), 1)
	b.Sys("exit_group", 0)
	c := start(t, b, true, nil)
	if err := c.Go(); err != nil {
		t.Fatal(err)
	}
	var kind, value int
	if err := c.Await(func(k, v int) (bool, error) { kind, value = k, v; return true, nil }); err != nil {
		t.Fatal(err)
	}
	if kind != initprog.NotePid || value != c.Pid {
		t.Errorf("note %d %d, want %d %d", kind, value, initprog.NotePid, c.Pid)
	}
	status(t, c)
	stamps, err := c.Stamps()
	if err != nil || len(stamps) != 4 { // mmap, getpid, writev, read; exit leaves none
		t.Fatalf("stamps %v, %v", stamps, err)
	}
	for i := 1; i < len(stamps); i++ {
		if stamps[i].End < stamps[i-1].End {
			t.Errorf("stamp %d is older than the one before", i)
		}
	}
}

func TestImageIsSealed(t *testing.T) {
	b := initprog.NewBuilder()
	b.Sys("openat", -100, "/proc/self/exe", syscall.O_RDWR, 0)
	c := start(t, b, false, nil)
	var e *initprog.Error
	if err := c.Await(nil); !errors.As(err, &e) {
		t.Fatalf("the program could open itself for writing: %v", err)
	}
	status(t, c)
}
