package engine

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/container"
)

// stored makes an engine with a container of each status, by name; none runs.
func stored(t *testing.T) (*Engine, map[string]string) {
	t.Helper()
	dir := t.TempDir()
	e, err := New(filepath.Join(dir, "root"), filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, s := range []container.Status{container.Created, container.Exited, container.Running, container.Paused, container.Dead} {
		r := &container.Record{ID: container.NewID(), Name: string(s), Status: s, Created: time.Now()}
		h, err := e.Containers.Create(r, &specs.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(h.Dir(), "diff"), 0o700); err != nil {
			t.Fatal(err)
		}
		ids[string(s)] = r.ID
		h.Close()
	}
	// A record that cannot be read.
	if err := os.WriteFile(filepath.Join(e.Containers.Dir(ids["dead"]), "record.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	return e, ids
}

func all(*container.Record) bool { return true }

func left(t *testing.T, e *Engine) (ids []string) {
	t.Helper()
	list, err := e.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	return ids
}

func sorted(ids ...string) []string { return slices.Sorted(slices.Values(ids)) }

func TestPrune(t *testing.T) {
	e, ids := stored(t)
	file := filepath.Join(e.Containers.Dir(ids["exited"]), "diff", "file")
	if err := os.WriteFile(file, make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := e.Prune(all)
	if err != nil {
		t.Fatal(err)
	}
	if want := sorted(ids["created"], ids["exited"], ids["dead"]); !slices.Equal(sorted(p.IDs...), want) {
		t.Errorf("removed %v, want %v", p.IDs, want)
	}
	if got, want := left(t, e), sorted(ids["running"], ids["paused"]); !slices.Equal(got, want) {
		t.Errorf("left %v, want %v", got, want)
	}
	if p.Bytes < 100_000 || p.Bytes > 200_000 {
		t.Errorf("%d bytes", p.Bytes)
	}
	if names, err := os.ReadDir(filepath.Join(e.Root, "names")); err != nil || len(names) != 2 {
		t.Errorf("names %v, %v", names, err)
	}
}

// What another command holds, because it is starting it, stays.
func TestPruneSparesTheBusy(t *testing.T) {
	e, ids := stored(t)
	for _, s := range []string{"created", "exited"} {
		h, free, err := e.Containers.TryOpen(ids[s])
		if err != nil || !free {
			t.Fatal(free, err)
		}
		defer h.Close()
	}
	p, err := e.Prune(all)
	if err != nil || !slices.Equal(p.IDs, []string{ids["dead"]}) {
		t.Errorf("removed %v, %v", p.IDs, err)
	}
}

// One that was started between the look and the lock stays, too.
func TestPruneLooksUnderTheLock(t *testing.T) {
	e, ids := stored(t)
	listed, err := e.Containers.Load(ids["exited"])
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Containers.Edit(listed.ID, func(r *container.Record) error { r.Status = container.Running; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, done, err := e.prune(listed); done || err != nil {
		t.Error(done, err)
	}
	if !e.Containers.Exists(listed.ID) {
		t.Error("it is gone")
	}
}
