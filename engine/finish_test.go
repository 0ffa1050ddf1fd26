package engine

import (
	"os"
	"path/filepath"
	"testing"
)

// Whoever comes to a container to start it, and finds that its remover was
// killed, goes on with that: afterwards no mark would tell of it.
func TestOneHalfRemovedIsRemoved(t *testing.T) {
	e, ids := stored(t)
	id := ids["created"]
	rec, err := e.Containers.Find(id)
	if err != nil {
		t.Fatal(err)
	}
	containers := filepath.Dir(e.Containers.Dir(id))
	going := filepath.Join(containers, ".removing-"+id)
	if err := os.Rename(e.Containers.Dir(id), going); err != nil {
		t.Fatal(err)
	}
	c := &Container{}
	if err := c.open(e, rec); err == nil {
		t.Error("it can be started")
	}
	c.Close()
	for _, left := range []string{going, filepath.Join(e.Root, "names", "created"), filepath.Join(e.State, "containers", id)} {
		if _, err := os.Lstat(left); err == nil {
			t.Errorf("left: %s", left)
		}
	}
}
