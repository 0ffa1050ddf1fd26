package content

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"os"

	"mydocker/internal/filelock"
	"mydocker/internal/ocispec"
)

// A Writer is a blob on its way in, for one goroutine. It ends with Close, also
// after Commit. If its process dies, the next Ingest of the blob goes on.
type Writer struct {
	lease   *Lease
	want    ocispec.Descriptor
	known   bool // digest and size are
	path    string
	lock    *filelock.Held // on the file itself, which is written through it
	hash    hash.Hash
	offset  int64
	resumed int64
	keep    bool
	failed  error
	done    bool // by Commit
}

// Offset is how many bytes are there: what to write next begins so far from the
// blob's start. Bytes of an earlier Writer count.
func (w *Writer) Offset() int64 { return w.offset }

// resume takes over what an earlier Writer left.
func (w *Writer) resume(ctx context.Context) error {
	f := w.lock.File()
	fi, err := f.Stat()
	if err != nil {
		return fmt.Errorf("blob %s: %w", w.want.Digest, err)
	}
	if fi.Size() > w.want.Size {
		if err := f.Truncate(0); err != nil {
			return fmt.Errorf("blob %s: %w", w.want.Digest, err)
		}
	}
	w.offset, err = rehash(ctx, w.hash, f)
	w.resumed = w.offset
	if err != nil {
		w.keep = true // what is there is as good as before
		return fmt.Errorf("blob %s: read the part that is there: %w", w.want.Digest, err)
	}
	return nil
}

// Write appends. More bytes than the descriptor says are a *MismatchError, and
// make the Writer useless.
func (w *Writer) Write(p []byte) (int, error) {
	if w.failed != nil {
		return 0, w.failed
	}
	if w.known && int64(len(p)) > w.want.Size-w.offset {
		w.hash.Write(p[:w.want.Size-w.offset])
		w.failed = w.mismatch(w.offset + int64(len(p)))
		return 0, w.failed
	}
	n, err := w.lock.File().Write(p)
	w.hash.Write(p[:n])
	w.offset += int64(n)
	if err != nil {
		w.failed = fmt.Errorf("blob %s: %w", w.want.Digest, err)
	}
	return n, w.failed
}

func (w *Writer) mismatch(size int64) error {
	return &MismatchError{Want: w.want.Digest, Got: digestOf(w.hash), WantSize: w.want.Size, GotSize: size, Resumed: w.resumed}
}

// Keep makes Close leave what is there for the next Writer of this blob: a
// connection broke. Bytes known to be wrong are not kept, nor is what has no digest yet.
func (w *Writer) Keep() { w.keep = true }

// Commit lets the blob appear, if it is the right one; its bytes are on the disk
// then, its name is so when Change has named it. A *MismatchError says that
// size or digest are others.
func (w *Writer) Commit() (ocispec.Descriptor, error) {
	if w.failed == nil {
		w.failed = w.commit()
	}
	if w.failed != nil {
		return ocispec.Descriptor{}, w.failed
	}
	w.done = true
	w.failed = errors.New("the blob is written already")
	return w.want, nil
}

func (w *Writer) commit() error {
	if w.known && (w.offset != w.want.Size || digestOf(w.hash) != w.want.Digest) {
		return w.mismatch(w.offset)
	}
	if !w.known {
		w.want.Digest, w.want.Size = digestOf(w.hash), w.offset
		if err := w.lease.Hold(w.want); err != nil {
			return err
		}
	}
	digits, err := hexOf(w.want.Digest)
	if err != nil {
		return err
	}
	if err := w.lock.File().Sync(); err != nil {
		return fmt.Errorf("blob %s: %w", w.want.Digest, err)
	}
	// A damaged file may be there, but no better one. The lock is for Discard.
	return w.lease.store.locked(func() error {
		if err := os.Rename(w.path, w.lease.store.blobPath(digits)); err != nil {
			return fmt.Errorf("blob %s: %w", w.want.Digest, err)
		}
		return nil
	})
}

// Close ends the Writer. Without Commit the file goes, unless Keep was called. A
// second Close does no harm.
func (w *Writer) Close() error {
	if w.lock == nil {
		return nil
	}
	lock := w.lock
	w.lock = nil
	var err error
	var wrong *MismatchError
	if !w.done && (!w.keep || !w.known || errors.As(w.failed, &wrong)) {
		err = remove(w.path) // before the lock goes: see filelock.Lock
	}
	if w.failed == nil {
		w.failed = os.ErrClosed
	}
	return errors.Join(err, lock.Close())
}
