package container

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func names(t *testing.T, s *Store) []string { t.Helper(); return entries(t, s.Root+"/names") }

// found checks which container a name leads to; "" for none.
func found(t *testing.T, s *Store, name, id string) {
	t.Helper()
	r, err := s.Find(name)
	var missing *NotFoundError
	switch {
	case id == "" && errors.As(err, &missing):
	case err != nil || r.ID != id:
		t.Errorf("Find(%q): %v, %v", name, r, err)
	}
}

func TestRename(t *testing.T) {
	s := store(t)
	h := create(t, s, "old") // somebody is responsible for it all the time
	other := made(t, s, &Record{Name: "other", Status: Created})
	if err := s.Rename(h.ID(), "new"); err != nil {
		t.Fatal(err)
	}
	found(t, s, "new", h.ID())
	found(t, s, "old", "")
	var taken *NameTakenError
	if err := s.Rename(h.ID(), "other"); !errors.As(err, &taken) || taken.Owner != other.ID {
		t.Errorf("to a name that is taken: %v", err)
	}
	found(t, s, "new", h.ID())
	if err := s.Rename(h.ID(), "new"); !errors.Is(err, ErrSameName) {
		t.Errorf("to its own name: %v", err)
	}
	if err := s.Rename(h.ID(), "a/b"); err == nil {
		t.Error("to what is no name")
	}
	var missing *NotFoundError
	if err := s.Rename(NewID(), "nobody"); !errors.As(err, &missing) {
		t.Errorf("of what is not there: %v", err)
	}
	if r, err := s.Load(h.ID()); err != nil || r.Name != "new" || r.Spare != "" {
		t.Errorf("%+v, %v", r, err)
	}
	if got := names(t, s); !slices.Equal(got, []string{"new", "other"}) {
		t.Errorf("names %q", got)
	}
}

// killed leaves what a rename from old to new leaves when it is killed after
// so many steps.
func killed(t *testing.T, s *Store, steps int) string {
	t.Helper()
	id := made(t, s, &Record{Name: "old", Status: Exited}).ID
	for _, step := range []func() error{
		func() error { return s.Edit(id, func(r *Record) error { r.Spare = "new"; return nil }) },
		func() error { return os.WriteFile(s.namePath("new"), []byte(id), 0o600) },
		func() error {
			return s.Edit(id, func(r *Record) error { r.Name, r.Spare = "new", "old"; return nil })
		},
		func() error { return s.dropName("old", id) },
	}[:steps] {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

// A rename that was killed leaves one name that works, and none after the
// removal; another container can have the other.
func TestRenameKilled(t *testing.T) {
	for steps := range 5 {
		works, free := "old", "new"
		if steps >= 3 {
			works, free = free, works
		}
		s := store(t)
		id := killed(t, s, steps)
		found(t, s, works, id)
		found(t, s, free, "")
		other := made(t, s, &Record{Name: free, Status: Created}).ID
		found(t, s, free, other)
		remove(t, s, id)
		if got := names(t, s); !slices.Equal(got, []string{free}) {
			t.Errorf("%d steps: names %q", steps, got)
		}

		s = store(t)
		id = killed(t, s, steps)
		remove(t, s, id)
		if got := names(t, s); len(got) > 0 {
			t.Errorf("%d steps, removed: names %q", steps, got)
		}

		s = store(t)
		id = killed(t, s, steps)
		if err := s.Rename(id, "third"); err != nil {
			t.Error(err)
		}
		if got := names(t, s); !slices.Equal(got, []string{"third"}) {
			t.Errorf("%d steps, renamed: names %q", steps, got)
		}

		s = store(t)
		id = killed(t, s, steps)
		if err := s.Rename(id, "new"); err != nil && !(steps >= 3 && errors.Is(err, ErrSameName)) {
			t.Errorf("%d steps, again: %v", steps, err)
		}
		found(t, s, "new", id)
	}
}

func remove(t *testing.T, s *Store, id string) {
	t.Helper()
	h, free, err := s.TryOpen(id)
	if err != nil || !free {
		t.Fatal(free, err)
	}
	defer h.Close()
	if err := h.Remove(); err != nil {
		t.Fatal(err)
	}
}

// However renames and the removal fall together, no name is left behind.
func TestRenameAndRemove(t *testing.T) {
	s := store(t)
	for range 100 {
		id := made(t, s, &Record{Name: "start", Status: Exited}).ID
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for _, name := range []string{"aa", "bb", "cc"} {
			wg.Go(func() {
				<-begin
				for range 3 {
					err := s.Rename(id, name)
					var gone *NotFoundError
					if err != nil && !errors.As(err, &gone) && !errors.Is(err, ErrSameName) && !errors.Is(err, os.ErrNotExist) {
						t.Errorf("rename: %v", err)
					}
				}
			})
		}
		wg.Go(func() { <-begin; remove(t, s, id) })
		close(begin)
		wg.Wait()
		if got := names(t, s); len(got) > 0 {
			t.Fatalf("names left: %q", got)
		}
	}
}

// Two containers that want each other's names, and a third who wants them, too,
// neither wait for each other for ever nor share one.
func TestRenameCrossed(t *testing.T) {
	s := store(t)
	a, b := made(t, s, &Record{Name: "aa", Status: Exited}).ID, made(t, s, &Record{Name: "bb", Status: Exited}).ID
	var wg sync.WaitGroup
	for _, id := range []string{a, b} {
		wg.Go(func() {
			for i := range 60 {
				s.Rename(id, []string{"aa", "bb", "cc"}[i%3])
			}
		})
	}
	wg.Go(func() {
		for range 60 {
			if h, err := s.Create(&Record{ID: NewID(), Name: "cc", Status: Created}, &specs.Spec{}); err == nil {
				h.Remove()
				h.Close()
			}
		}
	})
	wg.Wait()
	all, err := s.List()
	if err != nil || len(all) != 2 || all[0].Name == all[1].Name {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, r := range all {
		found(t, s, r.Name, r.ID)
	}
	if got := names(t, s); len(got) != 2 {
		t.Errorf("names %q", got)
	}
}

// A container whose record is no record can be opened to be removed, one of a
// newer version cannot.
func TestTryOpenDead(t *testing.T) {
	s := store(t)
	for text, want := range map[string]bool{"{": true, "{}": true, `{"version":2}`: false} {
		r := made(t, s, &Record{Name: "box", Status: Exited})
		if err := os.WriteFile(s.Dir(r.ID)+"/record.json", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h, free, err := s.TryOpenDead(r.ID)
		if (err == nil && free) != want {
			t.Errorf("%s: %v, %v", text, free, err)
		}
		if want {
			if err := h.Remove(); err != nil || len(names(t, s)) > 0 {
				t.Errorf("%s: %v, names %q", text, err, names(t, s))
			}
			h.Close()
		} else if err := errors.Join(os.RemoveAll(s.Dir(r.ID)), os.Remove(s.namePath("box"))); err != nil {
			t.Fatal(err)
		}
	}
}

// A name that a container has is not written to while it claims another: whoever
// is killed there would leave it empty.
func TestNamesAreNotWrittenTwice(t *testing.T) {
	s := store(t)
	r := made(t, s, &Record{Name: "box", Status: Created})
	made(t, s, &Record{Name: "other", Status: Created})
	before, err := os.Stat(s.namePath("box"))
	if err != nil {
		t.Fatal(err)
	}
	var taken *NameTakenError
	if err := s.Rename(r.ID, "other"); !errors.As(err, &taken) {
		t.Fatal(err)
	}
	written, err := os.Stat(filepath.Join(s.Dir(r.ID), "name"))
	if err != nil || os.SameFile(before, written) {
		t.Errorf("the name is the file that was written: %v", err)
	}
	// One that is empty all the same, after a power failure, is nobody's.
	if err := os.Truncate(s.namePath("box"), 0); err != nil {
		t.Fatal(err)
	}
	made(t, s, &Record{Name: "box", Status: Created})
}
