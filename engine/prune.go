package engine

import (
	"errors"
	"fmt"
	"slices"

	"mydocker/container"
)

// Pruned is what a prune has removed.
type Pruned struct {
	IDs   []string
	Bytes int64 // on the disk, of the containers' own files
}

// Prune removes the containers that do not run and that match accepts. One in the
// hands of another command, which may be starting it, is left alone.
func (e *Engine) Prune(match func(*container.Record) bool) (p Pruned, err error) {
	all, err := e.List()
	if err != nil {
		return p, err
	}
	var errs []error
	for _, r := range all {
		if !prunable(&r) || !match(&r) {
			continue
		}
		bytes, done, err := e.prune(&r)
		if err != nil {
			errs = append(errs, fmt.Errorf("prune container %.12s: %w", r.ID, err))
		}
		if done {
			p.IDs, p.Bytes = append(p.IDs, r.ID), p.Bytes+bytes
		}
	}
	return p, errors.Join(errs...)
}

func prunable(r *container.Record) bool {
	return slices.Contains([]container.Status{container.Created, container.Exited, container.Dead}, r.Status)
}

// prune removes one container, unless it is busy or, under its lock, turns out to
// be no longer what was listed.
func (e *Engine) prune(r *container.Record) (bytes int64, done bool, err error) {
	h, free, err := e.Containers.TryOpenDead(r.ID)
	if err != nil || !free {
		return 0, false, err
	}
	defer h.Close()
	if h.Record == nil && (r.Status != container.Dead || !e.Containers.Exists(r.ID)) || h.Record != nil && !prunable(h.Record) {
		return 0, false, nil
	}
	size, err := e.Size(r)
	if err != nil && r.Status != container.Dead {
		return 0, false, err
	}
	if err := e.discard(h, nil); err != nil {
		return 0, false, err
	}
	return size.Blocks, true, nil
}
