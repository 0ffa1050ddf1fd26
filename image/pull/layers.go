package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"mydocker/content"
	"mydocker/internal/ocispec"
	"mydocker/layer/chain"
)

// A blob is one of the layers', on its way.
type blob struct {
	ocispec.Descriptor
	unpacked bool          // all layers that are made of it were there
	exists   bool          // and so was it
	done     chan struct{} // closed when it is here
}

// layers brings blobs and layers here, and returns when all of both are.
func (j *job) layers(ctx context.Context, all []ocispec.Descriptor, diffIDs []ocispec.Digest) (*chain.Held, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	order, blobs, err := j.blobs(all, diffIDs)
	if err != nil {
		return nil, err
	}
	var transfers sync.WaitGroup
	transfers.Go(func() {
		if err := j.fetchAll(ctx, order); err != nil {
			cancel(err)
		}
	})
	held, err := j.Chain.Unpack(ctx, j.archives(all, diffIDs, blobs), chain.Options{Ready: func(i int) {
		if b := blobs[all[i].Digest]; !b.unpacked {
			j.report(Event{Layer: b.Digest, State: Complete})
		}
	}})
	if err != nil {
		cancel(err)
	}
	transfers.Wait()
	if err := context.Cause(ctx); err != nil {
		if held != nil {
			err = errors.Join(err, held.Close())
		}
		return nil, err
	}
	return held, nil
}

// blobs are the different ones among the layers', in the order in which they are
// wanted. All are fetched, also those of layers that are there: the store is for
// other tools, too.
func (j *job) blobs(all []ocispec.Descriptor, diffIDs []ocispec.Digest) (order []*blob, by map[ocispec.Digest]*blob, err error) {
	var ids []string
	for _, d := range diffIDs {
		ids = append(ids, string(d))
	}
	if ids, err = chain.IDs(ids); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errImage, err)
	}
	by = map[ocispec.Digest]*blob{}
	for i, d := range all {
		b := by[d.Digest]
		if b == nil {
			b = &blob{Descriptor: d, unpacked: true, done: make(chan struct{})}
			by[d.Digest] = b
			order = append(order, b)
		}
		if b.Size != d.Size {
			return nil, nil, fmt.Errorf("blob %s has %d bytes and %d: %w", d.Digest, b.Size, d.Size, errImage)
		}
		_, err := os.Lstat(j.Chain.Dir(ids[i]))
		b.unpacked = b.unpacked && err == nil
	}
	for _, b := range order {
		state := Waiting
		if b.exists = b.unpacked && j.here(b.Descriptor); b.exists {
			state = Exists
		}
		j.report(Event{Layer: b.Digest, State: state, Total: b.Size})
	}
	return order, by, j.lease.Hold(all...)
}

func (j *job) here(d ocispec.Descriptor) bool {
	f, err := j.Content.Open(d)
	if err == nil {
		f.Close()
	}
	return err == nil
}

// archives are the layers for package chain, which wait for their blobs.
func (j *job) archives(all []ocispec.Descriptor, diffIDs []ocispec.Digest, blobs map[ocispec.Digest]*blob) (layers []chain.Layer) {
	for i, d := range all {
		layers = append(layers, chain.Layer{DiffID: string(diffIDs[i]), Open: func(ctx context.Context) (io.ReadCloser, error) {
			select {
			case <-blobs[d.Digest].done:
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
			f, err := j.Content.Open(d)
			if err != nil {
				return nil, err
			}
			return &extraction{File: f, j: j, d: d}, nil
		}})
	}
	return layers
}

// extraction tells how much of an archive was read.
type extraction struct {
	*os.File
	j    *job
	d    ocispec.Descriptor
	read int64
}

func (x *extraction) Read(p []byte) (int, error) {
	n, err := x.File.Read(p)
	x.read += int64(n)
	x.j.report(Event{Layer: x.d.Digest, State: Extracting, Done: x.read, Total: x.d.Size})
	return n, err
}

// fetchAll fetches so many at a time as is wanted, in order, until the first error.
func (j *job) fetchAll(ctx context.Context, order []*blob) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan bool, j.o.Downloads)
	var all sync.WaitGroup
	for _, b := range order {
		select {
		case slots <- true:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-slots }()
			if err := j.layer(ctx, b); err != nil {
				cancel(err)
				return
			}
			close(b.done)
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// layer brings a layer's blob here. One that is, and will be unpacked, is read
// before: somebody may have damaged it.
func (j *job) layer(ctx context.Context, b *blob) error {
	if !b.unpacked {
		if _, err := j.Content.Discard(ctx, b.Digest); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	err := j.fetch(ctx, b.Descriptor, func(done int64) {
		j.report(Event{Layer: b.Digest, State: Downloading, Done: done, Total: b.Size})
	})
	if err != nil {
		return err
	}
	j.downloaded(b)
	return nil
}

// fetch brings a blob here that is not. A part that somebody left may be wrong:
// then it is begun anew, once. progress is told how many bytes are here.
func (j *job) fetch(ctx context.Context, d ocispec.Descriptor, progress func(done int64)) error {
	err := j.transfer(ctx, d, progress)
	var wrong *content.MismatchError
	if errors.As(err, &wrong) && wrong.Resumed > 0 {
		err = j.transfer(ctx, d, progress)
	}
	return err
}

func (j *job) transfer(ctx context.Context, d ocispec.Descriptor, progress func(int64)) error {
	w, err := j.lease.Ingest(ctx, d)
	if errors.Is(err, content.ErrExists) {
		return nil
	}
	if err != nil {
		return err
	}
	defer w.Close()
	from, err := j.repo.BlobFrom(ctx, d, w.Offset())
	if err != nil {
		keep(ctx, w, err)
		return err
	}
	defer from.Close()
	if _, err := io.Copy(&download{w, progress}, from); err != nil {
		keep(ctx, w, err)
		return err
	}
	if _, err := w.Commit(); err != nil {
		return err
	}
	return w.Close()
}

// downloaded reports a blob that is here, unless it was from the beginning.
func (j *job) downloaded(b *blob) {
	if b.exists {
		return
	}
	j.report(Event{Layer: b.Digest, State: Downloaded, Done: b.Size, Total: b.Size})
	if b.unpacked {
		j.report(Event{Layer: b.Digest, State: Complete})
	}
}

// keep leaves a part for the next attempt, if that may go better than this one,
// which ends for whatever reason came first.
func keep(ctx context.Context, w *content.Writer, err error) {
	if first := context.Cause(ctx); first != nil {
		err = first
	}
	if errors.Is(err, context.Canceled) || passing(err) {
		w.Keep()
	}
}

// download tells how much of a blob is here.
type download struct {
	*content.Writer
	progress func(int64)
}

func (d *download) Write(p []byte) (int, error) {
	n, err := d.Writer.Write(p)
	d.progress(d.Offset())
	return n, err
}
