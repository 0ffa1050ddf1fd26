package container

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func store(t *testing.T) *Store {
	dir := t.TempDir()
	return &Store{Root: filepath.Join(dir, "root"), State: filepath.Join(dir, "state")}
}

func create(t *testing.T, s *Store, name string) *Handle {
	t.Helper()
	h, err := s.Create(&Record{ID: NewID(), Name: name, Created: time.Now(), Status: Created}, &specs.Spec{Version: "1.3.0"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestLife(t *testing.T) {
	s := store(t)
	h := create(t, s, "one")
	id := h.ID()
	if !s.Alive(id) {
		t.Error("nobody is responsible for a container that is being made")
	}
	if _, free, err := s.TryOpen(id); free || err != nil {
		t.Errorf("it could be taken: %v, %v", free, err)
	}
	h.Close()
	if active, err := s.Active(); err != nil || len(active) != 0 || s.Alive(id) {
		t.Errorf("after Close: active %v, %v", active, err)
	}
	for _, ref := range []string{"one", id, id[:4]} {
		if r, err := s.Find(ref); err != nil || r.ID != id {
			t.Errorf("Find(%q): %v, %v", ref, r, err)
		}
	}
	if spec, err := s.Spec(id); err != nil || spec.Version != "1.3.0" {
		t.Errorf("specification %v, %v", spec, err)
	}
	h, free, err := s.TryOpen(id)
	if err != nil || !free {
		t.Fatal(free, err)
	}
	if err := h.Remove(); err != nil {
		t.Fatal(err)
	}
	h.Close()
	var missing *NotFoundError
	if _, err := s.Find("one"); !errors.As(err, &missing) || err.Error() != "No such container: one" {
		t.Errorf("after Remove: %v", err)
	}
	for _, dir := range []string{"containers", "names"} {
		if left, err := os.ReadDir(filepath.Join(s.Root, dir)); err != nil || len(left) > 0 {
			t.Errorf("%s holds %v, %v", dir, left, err)
		}
	}
}

// TestOneNameOneContainer has many claim one name at once.
func TestOneNameOneContainer(t *testing.T) {
	s := store(t)
	const many = 30
	errs := make([]error, many)
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			h, err := s.Create(&Record{ID: NewID(), Name: "same", Created: time.Now()}, &specs.Spec{})
			if errs[i] = err; err == nil {
				h.Close()
			}
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		var taken *NameTakenError
		switch {
		case err == nil:
			won++
		case !errors.As(err, &taken):
			t.Errorf("unexpected: %v", err)
		}
	}
	all, err := s.List()
	if won != 1 || err != nil || len(all) != 1 {
		t.Errorf("%d won, %d are there (%v)", won, len(all), err)
	}
}

func TestNameOfAContainerThatIsGoneIsFree(t *testing.T) {
	s := store(t)
	h := create(t, s, "phoenix")
	h.Close()
	if err := os.RemoveAll(s.Dir(h.ID())); err != nil { // as a crash between directory and name leaves it
		t.Fatal(err)
	}
	create(t, s, "phoenix").Close()
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{"ab": true, "a.b-c_1": true, "a": false, "": false, "-ab": false, "a b": false, "a/b": false, "..": false, strings.Repeat("x", 300): false} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("CheckName(%.20q) = %v", name, err)
		}
	}
	seen := map[string]bool{}
	for range 100 {
		n := RandomName(0)
		if CheckName(n) != nil {
			t.Errorf("made-up name %q", n)
		}
		seen[n] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d different names of 100", len(seen))
	}
}

func TestIDsAreNoNumbers(t *testing.T) {
	for range 1000 {
		if id := NewID(); len(id) != 64 || strings.Trim(id[:12], "0123456789") == "" {
			t.Fatalf("ID %s", id)
		}
	}
}

func TestAmbiguousPrefix(t *testing.T) {
	s := store(t)
	for _, last := range []string{"1", "2"} {
		h, err := s.Create(&Record{ID: "ab" + strings.Repeat("0", 61) + last, Created: time.Now()}, &specs.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		h.Close()
	}
	if _, err := s.Find("ab0"); err == nil || !strings.Contains(err.Error(), "Multiple IDs") {
		t.Errorf("got %v", err)
	}
}

func TestDamagedRecordIsShownAsDead(t *testing.T) {
	s := store(t)
	h := create(t, s, "broken")
	h.Close()
	if err := os.WriteFile(filepath.Join(s.Dir(h.ID()), "record.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := s.List()
	if err != nil || len(all) != 1 || all[0].Status != Dead || all[0].Error == "" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestRemoveFollowsNoLink(t *testing.T) {
	s := store(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "keep"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := create(t, s, "linked")
	defer h.Close()
	if err := os.Symlink(outside, filepath.Join(h.Dir(), "diff")); err != nil {
		t.Fatal(err)
	}
	if err := h.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(outside, "keep")); err != nil {
		t.Error("the file behind a symbolic link was removed")
	}
}

func TestStatus(t *testing.T) {
	now := time.Now()
	for want, r := range map[string]Record{
		"Created":                   {Status: Created},
		"Up 5 minutes":              {Status: Running, StartedAt: now.Add(-5 * time.Minute)},
		"Exited (7) 3 hours ago":    {Status: Exited, ExitCode: 7, FinishedAt: now.Add(-3 * time.Hour)},
		"Exited (0) 10 seconds ago": {Status: Exited, FinishedAt: now.Add(-10 * time.Second)},
		"Dead":                      {Status: Dead},

		"Up 5 minutes (Paused)":        {Status: Paused, StartedAt: now.Add(-5 * time.Minute)},
		"Restarting (1) 5 seconds ago": {Status: Restarting, ExitCode: 1, FinishedAt: now.Add(-5 * time.Second)},
	} {
		if got := r.State(now); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
