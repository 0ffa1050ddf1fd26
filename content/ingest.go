package content

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"mydocker/internal/filelock"
	"mydocker/internal/ocispec"
)

// ErrExists says that a blob is there already, whole as far as its size tells.
var ErrExists = fmt.Errorf("the blob is there: %w", fs.ErrExist)

// pause is how long one waits before one looks again whether a blob is free:
// flock(2) cannot be told to give up.
const pause = 20 * time.Millisecond

// Ingest begins to write the blob d, which the lease holds from now on. Who wants
// one that somebody else is writing waits for that, and goes on with its part if
// that somebody died: see Writer.Offset. ErrExists says that nothing is to do.
func (l *Lease) Ingest(ctx context.Context, d ocispec.Descriptor) (*Writer, error) {
	if err := l.Hold(d); err != nil {
		return nil, err
	}
	if there, err := l.store.whole(ctx, d); err != nil || there {
		return nil, firstOf(err, ErrExists)
	}
	digits, err := hexOf(d.Digest)
	if err != nil {
		return nil, err
	}
	w := &Writer{lease: l, want: d, known: true, hash: sha256.New(), path: l.store.path("ingest/" + digits)}
	if w.lock, err = await(ctx, w.path); err != nil {
		return nil, fmt.Errorf("blob %s: %w", d.Digest, err)
	}
	// Who was waited for may have brought it.
	there, err := l.store.whole(ctx, d)
	if err == nil && !there {
		err = w.resume(ctx)
	}
	if err != nil || there {
		w.Close()
		return nil, firstOf(err, ErrExists)
	}
	return w, nil
}

// Create begins to write a blob of which neither digest nor size are known:
// they are in the descriptor that Commit returns, with this media type.
func (l *Lease) Create(mediaType string) (*Writer, error) {
	w := &Writer{lease: l, want: ocispec.Descriptor{MediaType: mediaType}, hash: sha256.New()}
	w.path = l.store.path("ingest/" + newPrefix + rand.Text())
	var err error
	if w.lock, err = filelock.Lock(w.path); err != nil {
		return nil, fmt.Errorf("blob: %w", err)
	}
	return w, nil
}

func firstOf(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// await takes the lock on a file as soon as it is free.
func await(ctx context.Context, path string) (*filelock.Held, error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if lock, free, err := filelock.TryLock(path); free || err != nil {
			return lock, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for who fetches it already: %w", context.Cause(ctx))
		}
	}
}

// whole says whether the blob is there. If one of another size is, either the
// descriptor is wrong, which is an error, or the file, which is to be replaced.
func (s *Store) whole(ctx context.Context, d ocispec.Descriptor) (bool, error) {
	f, size, err := s.open(d.Digest)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if size == d.Size {
		return true, nil
	}
	h := sha256.New()
	if _, err := rehash(ctx, h, f); err != nil {
		return false, fmt.Errorf("blob %s: %w", d.Digest, err)
	}
	if digestOf(h) == d.Digest {
		return false, fmt.Errorf("blob %s has %d bytes, not %d", d.Digest, size, d.Size)
	}
	return false, nil
}

// remove takes a file away that may be gone.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
