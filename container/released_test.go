package container

import (
	"os"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Whoever waited for one who died leaves the mark to the repair: a container
// that is half removed would be forgotten with its name.
func TestWaitingLeavesTheMark(t *testing.T) {
	s := store(t)
	h, err := s.Create(&Record{ID: NewID(), Name: "box", Status: Created}, &specs.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(h.Dir(), s.Dir(removingPrefix+h.ID())); err != nil {
		t.Fatal(err)
	}
	freed := make(chan error)
	go func() { freed <- s.WaitFree(h.ID()) }()
	select {
	case err := <-freed:
		t.Errorf("it is held, and yet: %v", err)
	case <-time.After(10 * time.Millisecond): // most often it waits by now
	}
	h.Leave() // as one that dies
	if err := <-freed; err != nil {
		t.Error(err)
	}
	if active, err := s.Active(); err != nil || len(active) != 1 || active[0] != h.ID() {
		t.Errorf("marked are %v, %v", active, err)
	}
	again, free, err := s.TryOpen(h.ID())
	if err != nil || !free {
		t.Fatal(free, err)
	}
	if err := again.Remove(); err != nil {
		t.Error(err)
	}
	again.Close()
	if err := s.WaitFree(h.ID()); err != nil {
		t.Error(err)
	}
	if left := append(entries(t, s.State+"/containers"), entries(t, s.Root+"/names")...); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
