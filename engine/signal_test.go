package engine

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"mydocker/container"
)

// A signal reaches the process that the record means, and never one that only has
// its number.
func TestSignalsOnlyTheProcessMeant(t *testing.T) {
	c := exec.Command("sleep", "1000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	ticks, err := container.StartTicks(c.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	var ended *NotRunningError
	for name, r := range map[string]container.Record{
		"another process of the same number": {ID: "x", Status: container.Running, Pid: c.Process.Pid, StartTicks: ticks + 1},
		"no process":                         {ID: "x", Status: container.Running},
		"one that has ended":                 {ID: "x", Status: container.Exited, Pid: c.Process.Pid, StartTicks: ticks},
	} {
		if err := send(&r, syscall.SIGKILL); !errors.As(err, &ended) || err.Error() != "container x is not running" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := send(&container.Record{Status: container.Running, Pid: c.Process.Pid, StartTicks: ticks}, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || !strings.Contains(err.Error(), "user defined signal 1") { // not killed
		t.Errorf("it ended so: %v", err)
	}
	if err := send(&container.Record{ID: "x", Status: container.Running, Pid: c.Process.Pid, StartTicks: ticks}, 0); !errors.As(err, &ended) {
		t.Errorf("gone: %v", err)
	}
}
