package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"mydocker/internal/atomicfile"
	"mydocker/internal/filelock"
	"mydocker/layer"
	"mydocker/linux"
)

// Layer is one layer of an image, to be unpacked.
type Layer struct {
	DiffID string // what its archive must have

	// Open returns the archive, compressed or not. It is called from a goroutine of
	// its own, only if the layer is not there (again, if it was removed meanwhile),
	// and may wait for a download: others are unpacked meanwhile.
	Open func(context.Context) (io.ReadCloser, error)
}

// Options say how to unpack.
type Options struct {
	Limits   layer.Limits
	Parallel int  // layers at a time; 0 are two
	Content  bool // keep digests of files' contents, to verify them later

	// Ready, unless nil, is told the number of every layer as soon as it is there,
	// the first being 0, from several goroutines.
	Ready func(i int)
}

// ErrDigest says that an archive is not what the image's configuration says.
var ErrDigest = errors.New("the layer has another digest")

// Unpack makes the layers of an image, the first one first, which are not there.
// It returns when all are, on the disk; or with the first error, when nothing
// is at work any more: layers that were finished stay then, and belong to no image. Two that
// unpack the same layer do the work once.
func (s *Store) Unpack(ctx context.Context, layers []Layer, o Options) (_ *Held, err error) {
	var diffIDs []string
	for _, l := range layers {
		diffIDs = append(diffIDs, l.DiffID)
	}
	ids, err := IDs(diffIDs)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.layers(), 0o700); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if o.Parallel < 1 {
		o.Parallel = 2
	}
	w := &work{store: s, options: o, ids: ids, layers: layers, slots: make(chan bool, o.Parallel), held: &Held{
		store: s, Layers: make([]Record, len(ids)), locks: make([]*filelock.Held, len(ids))}}
	for i := range ids {
		w.held.Layers[i].ID = ids[i]
		w.ready = append(w.ready, make(chan bool))
	}
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			if err := w.layer(ctx, i); err != nil {
				cancel(fmt.Errorf("layer %d (%s): %w", i+1, layers[i].DiffID, err))
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, errors.Join(err, w.held.Close(), w.store.dropLocks(ids))
	}
	return w.held, nil
}

// work is one call of Unpack.
type work struct {
	store   *Store
	options Options
	ids     []string
	layers  []Layer
	slots   chan bool
	ready   []chan bool // closed when the layer is there
	held    *Held
}

func (w *work) parent(i int) string {
	if i == 0 {
		return ""
	}
	return w.ids[i-1]
}

// layer sees to one layer. Who holds a layer's lock waits for layers below it
// only, and for no slot, so that nobody waits in a circle.
func (w *work) layer(ctx context.Context, i int) error {
	holding := ctx
	for {
		found, err := w.hold(holding, i)
		if err != nil {
			return err
		}
		if found {
			close(w.ready[i])
			if w.options.Ready != nil {
				w.options.Ready(i)
			}
			return nil
		}
		made, err := w.make(ctx, i)
		if err != nil {
			return err
		}
		if made {
			// It is there: whoever has its lock now looks, or removes it, and is soon done.
			holding = context.WithoutCancel(ctx)
		}
	}
}

// hold takes a layer that is there.
func (w *work) hold(ctx context.Context, i int) (bool, error) {
	if _, err := os.Lstat(w.store.Dir(w.ids[i])); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	lock, err := w.store.waitLock(ctx, w.ids[i], filelock.RLock)
	if err != nil {
		return false, err
	}
	r, err := w.store.find(w.ids[i], w.layers[i].DiffID, w.parent(i))
	if err != nil || r == nil {
		return false, errors.Join(err, lock.Close())
	}
	w.held.Layers[i], w.held.locks[i] = *r, lock
	return true, nil
}

// waitLock waits for a layer's lock until ctx ends.
func (s *Store) waitLock(ctx context.Context, id string, take func(string) (*filelock.Held, error)) (*filelock.Held, error) {
	type result struct {
		lock *filelock.Held
		err  error
	}
	done := make(chan result)
	go func() {
		l, err := take(s.lockPath(id))
		select {
		case done <- result{l, err}:
		case <-ctx.Done():
			if err == nil {
				l.Close() // nobody waits for it, or for an error
				s.dropLock(id)
			}
		}
	}()
	select {
	case r := <-done:
		return r.lock, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// make unpacks a layer, unless another one does: that is waited for, in vain if it
// fails. One must not wait for the lock alone, which those that need the layer
// share until they have all others, too.
func (w *work) make(ctx context.Context, i int) (made bool, err error) {
	lock, free, err := filelock.TryLock(w.store.lockPath(w.ids[i]))
	if err == nil && !free {
		if lock, err = w.store.waitLock(ctx, w.ids[i], filelock.RLock); err == nil {
			err = lock.Close()
		}
		return false, err
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return true, w.makeLocked(ctx, i)
}

func (w *work) makeLocked(ctx context.Context, i int) (err error) {
	if r, err := w.store.find(w.ids[i], w.layers[i].DiffID, w.parent(i)); err != nil || r != nil {
		return err
	}
	st, err := w.store.stage()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	result, err := w.unpack(ctx, i, st.diff())
	if err != nil {
		return err
	}
	for _, below := range w.ready[:i] {
		select {
		case <-below:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return w.finish(ctx, i, st, result)
}

// unpack makes a layer's files, when it is there to read and there is a slot.
func (w *work) unpack(ctx context.Context, i int, dir string) (layer.Result, error) {
	r, err := w.layers[i].Open(ctx)
	if err != nil {
		return layer.Result{}, err
	}
	defer r.Close()
	select {
	case w.slots <- true:
	case <-ctx.Done():
		return layer.Result{}, context.Cause(ctx)
	}
	defer func() { <-w.slots }()
	result, err := layer.Unpack(ctx, r, dir, layer.Options{Limits: w.options.Limits, Whiteouts: true, NoEnd: true})
	if err != nil {
		return result, err
	}
	if result.DiffID != w.layers[i].DiffID {
		return result, fmt.Errorf("%w: %s", ErrDigest, result.DiffID)
	}
	return result, ctx.Err()
}

// finish puts a layer in its place, on layers that are there.
func (w *work) finish(ctx context.Context, i int, st *staging, result layer.Result) error {
	below := w.held.Layers[:i]
	if !result.Opaque {
		if err := layer.Inherit(st.diff(), w.store.lowers(below), result.Implied); err != nil {
			return err
		}
	}
	// Blocks of what was just written may not be given yet: first to the disk.
	if err := linux.SyncFS(st.diff()); err != nil {
		return fmt.Errorf("write the layer to the disk: %w", err)
	}
	r := Record{Version: recordVersion, DiffID: result.DiffID, Parent: w.parent(i), Size: result.Size, Entries: result.Entries, Opaque: result.Opaque}
	t, err := layer.Digest(ctx, st.diff(), false)
	if err != nil {
		return err
	}
	r.Digest, r.Disk = t.Digest, t.Disk
	if w.options.Content {
		if t, err = layer.Digest(ctx, st.diff(), true); err != nil {
			return err
		}
		r.Content = t.Digest
	}
	return st.place(w.store.place(w.ids[i]), r)
}

// staging is a directory in which a layer is made: image.Store's Repair removes
// those whose lock nobody holds.
type staging struct {
	dir  string
	lock *filelock.Held
}

// stage makes one. A Repair may come before the lock, and take the directory away.
func (s *Store) stage() (*staging, error) {
	for {
		dir, err := os.MkdirTemp(s.layers(), "tmp-*")
		if err != nil {
			return nil, err
		}
		lock, err := filelock.Lock(filepath.Join(dir, "lock"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, errors.Join(err, os.Remove(dir))
		}
		st := &staging{dir, lock}
		if err := os.Mkdir(st.half(), 0o700); err != nil {
			return nil, errors.Join(err, st.close())
		}
		err = os.Mkdir(st.diff(), 0o755)
		if err == nil {
			err = os.Chmod(st.diff(), 0o755) // whatever the umask
		}
		if err != nil {
			return nil, errors.Join(err, st.close())
		}
		return st, nil
	}
}

func (st *staging) half() string { return filepath.Join(st.dir, "layer") }
func (st *staging) diff() string { return filepath.Join(st.half(), "diff") }

// place makes the layer appear with its record.
func (st *staging) place(to string, r Record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(st.half(), "layer.json"), text, 0o600, true); err != nil {
		return err
	}
	if err := atomicfile.SyncDir(st.half()); err != nil {
		return err
	}
	if err := os.Rename(st.half(), to); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(to))
}

// close removes what was not placed, the lock last.
func (st *staging) close() error {
	if err := linux.RemoveTree(st.half()); err != nil {
		return errors.Join(err, st.lock.Close())
	}
	return errors.Join(linux.RemoveTree(st.dir), st.lock.Close())
}
