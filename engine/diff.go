package engine

import (
	"fmt"
	"path/filepath"

	"mydocker/layer"
)

// Diff returns what a container, by name or ID, has changed of its image's files,
// sorted by path. Places where the engine mounts something are left out: what
// it made of them in the container's directory is no change of the container's.
func (e *Engine) Diff(nameOrID string) ([]layer.Change, error) {
	rec, err := e.Containers.Find(nameOrID)
	if err != nil {
		return nil, err
	}
	if rec.Request.RootfsRW {
		return nil, fmt.Errorf("container %s has no changes of its own to show: its root is %s itself (--rootfs DIR:rw)", nameOrID, rec.Request.Rootfs)
	}
	spec, err := e.Containers.Spec(rec.ID)
	if err != nil {
		return nil, err
	}
	var places []string
	for _, m := range spec.Mounts {
		places = append(places, m.Destination)
	}
	return layer.Changes(filepath.Join(e.Containers.Dir(rec.ID), "diff"), rec.Lowers, places)
}
