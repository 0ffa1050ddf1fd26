package engine

import (
	"os"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/container"
)

// TestBeginOfWhatHasEnded: a program may end, and be reaped, before its start
// is written down. That is no failure of the start.
func TestBeginOfWhatHasEnded(t *testing.T) {
	s := &container.Store{Root: t.TempDir(), State: t.TempDir()}
	h, err := s.Create(&container.Record{ID: container.NewID(), Name: "short", Status: container.Created}, &specs.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	p, err := os.StartProcess("/proc/self/exe", []string{"short", "-test.run=^$"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	r := &run{h: h}
	if err := r.begin(p.Pid); err != nil {
		t.Fatal(err)
	}
	if got := h.Record; got.Status != container.Running || got.Pid != p.Pid || got.StartTicks != 0 {
		t.Errorf("the record says %s, process %d, started %d", got.Status, got.Pid, got.StartTicks)
	}
	if f, err := openProcess(h.Record); err == nil {
		f.Close()
		t.Error("a process is the container's that is not there")
	}
}
