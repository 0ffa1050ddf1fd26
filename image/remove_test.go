package image

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mydocker/internal/atomicfile"
	"mydocker/internal/filelock"
)

func usedBy(ids ...string) func(string) []string { return func(string) []string { return ids } }

func TestRemove(t *testing.T) {
	for _, c := range []struct {
		what  string
		names []string
		given string // a name, or "ID"
		force bool
		users []string
		want  string // what is printed, or the error
	}{
		{"last name", []string{"a"}, "a", false, nil, "untagged a:latest deleted ID deleted layer"},
		{"one of two names", []string{"a", "b"}, "a", false, nil, "untagged a:latest"},
		{"by ID", []string{"a"}, "ID", false, nil, "untagged a:latest deleted ID deleted layer"},
		{"no name", nil, "ID", false, nil, "deleted ID deleted layer"},
		{"several names by ID", []string{"a", "b"}, "ID", false, nil, "conflict: unable to delete SHORT (must be forced) - image is referenced in multiple repositories"},
		{"several names by ID, forced", []string{"a", "b"}, "ID", true, nil, "untagged a:latest untagged b:latest deleted ID deleted layer"},
		{"used, last name", []string{"a"}, "a", false, []string{"c1"}, `conflict: unable to remove repository reference "a" (must force) - container c1 is using its referenced image SHORT`},
		{"used, one of two", []string{"a", "b"}, "a", false, []string{"c1"}, "untagged a:latest"},
		{"used, forced", []string{"a"}, "a", true, []string{"c1"}, "untagged a:latest"},
		{"used, by ID", []string{"a"}, "ID", false, []string{"c1"}, "conflict: unable to delete SHORT (must be forced) - image is being used by container c1"},
		{"used, no name, forced", nil, "ID", true, []string{"c1"}, "conflict: unable to delete SHORT (cannot be forced) - image is being used by container c1"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := Open(t.TempDir())
			img := add(t, s, "", 1, "")
			for _, n := range c.names {
				if err := s.Tag(img.ID, n); err != nil {
					t.Fatal(err)
				}
			}
			given := strings.Replace(c.given, "ID", img.ID, 1)
			done, err := s.Remove(given, c.force, usedBy(c.users...))
			got := strings.NewReplacer(img.ID, "ID", layerID(1), "layer", short(img.ID), "SHORT").Replace(printed(done, err))
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			deleted := strings.Contains(c.want, "deleted ID")
			if _, err := s.Resolve(img.ID); isNotFound(err) != deleted {
				t.Errorf("afterwards: %v", err)
			}
			if left := layers(t, s); len(left) == 0 != deleted {
				t.Errorf("layers: %q", left)
			}
		})
	}
}

func printed(done []Deleted, err error) string {
	if err != nil {
		return err.Error()
	}
	var words []string
	for _, d := range done {
		if d.Untagged != "" {
			words = append(words, "untagged "+d.Untagged)
		} else {
			words = append(words, "deleted "+d.Deleted)
		}
	}
	return strings.Join(words, " ")
}

func TestRemoveUnknown(t *testing.T) {
	if _, err := Open(t.TempDir()).Remove("x", true, nil); !isNotFound(err) {
		t.Errorf("%T %v", err, err)
	}
}

// Two images may have the same files: the layer goes with the last.
func TestRemoveKeepsSharedLayer(t *testing.T) {
	s := Open(t.TempDir())
	add(t, s, "a", 1, "one")
	add(t, s, "b", 1, "two")
	for _, name := range []string{"a", "b"} {
		if n := len(layers(t, s)); n != 1 {
			t.Fatalf("%d layers", n)
		}
		if _, err := s.Remove(name, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(layers(t, s)); n != 0 {
		t.Errorf("%d layers left", n)
	}
}

func TestCommitMovesName(t *testing.T) {
	s := Open(t.TempDir())
	old, young := add(t, s, "a", 1, ""), add(t, s, "a", 2, "")
	if got, _ := s.Resolve("a"); got.ID != young.ID {
		t.Errorf("a is %s", got.ID)
	}
	if got, err := s.Resolve(old.ID); err != nil || len(got.Names) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestCommitErrors(t *testing.T) {
	s := Open(t.TempDir())
	st, err := s.Stage()
	if err != nil {
		t.Fatal(err)
	}
	evil := config(1, "")
	evil.RootFS.DiffIDs = digests(evil.RootFS.DiffIDs[:0], "sha256:../../../etc")
	if _, err := s.Commit(st, evil, 0, "a"); err == nil {
		t.Error("took a path for a digest")
	}
	if _, err := s.Commit(st, config(1, ""), 0, "host"); err == nil {
		t.Error("took the name host")
	}
	if _, err := s.Commit(st, config(1, strings.Repeat("x", maxConfig)), 0, "a"); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a huge configuration: %v", err)
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
	if left := layers(t, s); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

// What dies at any point leaves something that Repair removes, and what lives stays.
func TestRepair(t *testing.T) {
	s := Open(t.TempDir())
	img := add(t, s, "keep", 1, "")
	live, err := s.Stage()
	if err != nil {
		t.Fatal(err)
	}
	dead, err := s.Stage()
	if err != nil {
		t.Fatal(err)
	}
	dead.lock.Close() // as the kernel does when the process dies
	placed, err := s.Stage()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.place(placed, layerID(9)); err != nil { // died before it wrote a record
		t.Fatal(err)
	}
	placed.lock.Close()
	for _, f := range []string{s.path(atomicfile.TempPrefix + "x"), s.path("records/" + atomicfile.TempPrefix + "y"), s.LayerDir("tmp-early")} {
		if err := os.Mkdir(f, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := s.Repair(); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{s.LayerDir(layerID(1)), live.dir}
	slices.Sort(want)
	if got := layers(t, s); !slices.Equal(got, want) {
		t.Errorf("layers: %q, want %q", got, want)
	}
	left, _ := filepath.Glob(s.path("*/" + atomicfile.TempPrefix + "*"))
	if len(left) > 0 {
		t.Errorf("left %q", left)
	}
	if _, err := os.Stat(img.Lowers[0] + "/file"); err != nil {
		t.Error(err)
	}
	if _, err := s.Commit(live, config(2, ""), 0, "live"); err != nil {
		t.Errorf("the live one was touched: %v", err)
	}
	if err := live.Close(); err != nil {
		t.Error(err)
	}
}

// Two may remove the same directory without either failing.
func TestRepairParallel(t *testing.T) {
	s := Open(t.TempDir())
	for n := range 20 {
		st, err := s.Stage()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(fmt.Sprintf("%s/%d/a/b/c", st.Dir(), n), 0o700); err != nil {
			t.Fatal(err)
		}
		st.lock.Close()
	}
	errs := make(chan error)
	for range 4 {
		go func() { errs <- s.Repair() }()
	}
	var all error
	for range 4 {
		all = errors.Join(all, <-errs)
	}
	if left := layers(t, s); all != nil || len(left) != 0 {
		t.Errorf("%v, left %q", all, left)
	}
}

func TestStagingHoldsItsLock(t *testing.T) {
	s := Open(t.TempDir())
	st, err := s.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if _, free, err := filelock.TryLock(st.dir + "/lock"); free || err != nil {
		t.Error("free", err)
	}
}
