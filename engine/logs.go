package engine

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"mydocker/container"
	logfile "mydocker/jsonlog/reader"
)

// LogOptions say what of a container's log is wanted; see [logfile.Options].
type LogOptions struct {
	Tail         int // lines; negative: all
	Since, Until time.Time
	Follow       bool // until the container has ended
	Idle         func() error
}

// ErrLogGone says that a container is too far gone for its log to be read.
var ErrLogGone = errors.New("can not get logs from container which is dead or marked for removal")

// LogPath returns where the output of a container is kept. Older files are
// beside it, see package jsonlog.
func (e *Engine) LogPath(id string) string {
	return filepath.Join(e.Containers.Dir(id), id+"-json.log")
}

// Logs calls emit for what a container has written, and its error ends it. The
// log of a container that never ran is empty. Following one that does not run
// ends at once; following one that is removed ends without an error.
func (e *Engine) Logs(ctx context.Context, nameOrID string, o LogOptions, emit func(logfile.Record) error) error {
	rec, err := e.Containers.Find(nameOrID)
	if err != nil {
		return err
	}
	if rec.Status == container.Removing || rec.Status == container.Dead {
		return ErrLogGone
	}
	ro := logfile.Options{Tail: o.Tail, Since: o.Since, Until: o.Until, Follow: o.Follow, Idle: o.Idle}
	if o.Follow && e.live(rec.ID) {
		ro.Ended = func() bool { return !e.live(rec.ID) }
		ro.Nudge = e.released(rec.ID)
	} else {
		ro.Follow = false
	}
	err = logfile.Read(ctx, e.LogPath(rec.ID), ro, emit)
	if errors.Is(err, fs.ErrNotExist) && !e.Containers.Exists(rec.ID) {
		return &container.NotFoundError{Ref: nameOrID}
	}
	return err
}

// live tells whether a container may still write to its log. What it wrote is
// in the file before its record, or the exit file beside it, says that it ended.
func (e *Engine) live(id string) bool {
	rec, err := e.Containers.Load(id)
	if err != nil {
		return false
	}
	switch rec.Status {
	case container.Running, container.Paused, container.Restarting:
		return e.Containers.Alive(id)
	}
	return false
}

// released returns a context that is done when the container is not live any
// more. It is for keepers that are killed: those write nothing that a watch of
// the directory would tell. A thread waits, also when nobody needs the result
// any more, until the container ends.
func (e *Engine) released(id string) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		for e.live(id) {
			if e.Containers.WaitReleased(id) != nil {
				return
			}
		}
	}()
	return ctx
}
