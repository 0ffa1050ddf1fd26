package content

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"mydocker/internal/ocispec"
)

const algorithm = "sha256"

// hexOf checks a digest, and returns its digits: a plain name for a file.
func hexOf(d ocispec.Digest) (string, error) {
	name, digits, ok := strings.Cut(string(d), ":")
	if !ok || name == "" || digits == "" {
		return "", fmt.Errorf("%q is no digest", d)
	}
	if name != algorithm {
		return "", fmt.Errorf("digest algorithm %q is not supported, only %s", name, algorithm)
	}
	if !isHex(digits) {
		return "", fmt.Errorf("%q is no digest", d)
	}
	return digits, nil
}

// isHex says whether a name may be that of a blob.
func isHex(s string) bool {
	return len(s) == sha256.Size*2 && strings.Trim(s, "0123456789abcdef") == ""
}

func digestOf(h hash.Hash) ocispec.Digest {
	return ocispec.Digest(algorithm + ":" + hex.EncodeToString(h.Sum(nil)))
}

// A MismatchError says that bytes are not those of a descriptor.
type MismatchError struct {
	Want, Got         ocispec.Digest // Got is of the first WantSize bytes, if there are more
	WantSize, GotSize int64
	Resumed           int64 // bytes that an earlier Writer left; without them it may go well
}

func (e *MismatchError) Error() string {
	switch {
	case e.GotSize > e.WantSize:
		return fmt.Sprintf("blob %s: more than its %d bytes, of which the digest is %s", e.Want, e.WantSize, e.Got)
	case e.GotSize < e.WantSize:
		return fmt.Sprintf("blob %s: %d of its %d bytes, of which the digest is %s", e.Want, e.GotSize, e.WantSize, e.Got)
	}
	return fmt.Sprintf("blob %s: its bytes have the digest %s", e.Want, e.Got)
}

// Open opens a blob for reading. That its size is right is checked; who needs
// to know that its bytes are calls ReadAll or Verify. fs.ErrNotExist tells that
// it is not there.
func (s *Store) Open(d ocispec.Descriptor) (*os.File, error) {
	f, size, err := s.open(d.Digest)
	if err != nil {
		return nil, err
	}
	if size != d.Size {
		f.Close()
		return nil, fmt.Errorf("blob %s has %d bytes, not %d", d.Digest, size, d.Size)
	}
	return f, nil
}

func (s *Store) open(d ocispec.Digest) (*os.File, int64, error) {
	digits, err := hexOf(d)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.OpenFile(s.blobPath(digits), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("blob: %w", err)
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("blob %s is no regular file", d)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, fi.Size(), nil
}

// ReadAll reads a blob of at most max bytes, and checks its digest.
func (s *Store) ReadAll(d ocispec.Descriptor, max int64) ([]byte, error) {
	if d.Size > max {
		return nil, fmt.Errorf("blob %s has %d bytes, more than %d are not read", d.Digest, d.Size, max)
	}
	f, err := s.Open(d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, d.Size)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("blob %s: %w", d.Digest, err)
	}
	h := sha256.New()
	h.Write(b)
	if got := digestOf(h); got != d.Digest {
		return nil, &MismatchError{Want: d.Digest, Got: got, WantSize: d.Size, GotSize: d.Size}
	}
	return b, nil
}

// A Blob is one that is there.
type Blob struct {
	Digest ocispec.Digest
	Size   int64 // bytes
	Disk   int64 // bytes that its file takes, as du counts
}

// Blobs lists all, whether anything leads to them or not. Files that have not
// the name of a blob are somebody else's.
func (s *Store) Blobs() ([]Blob, error) {
	entries, err := os.ReadDir(s.path("blobs/sha256"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list blobs: %w", err)
	}
	var all []Blob
	for _, e := range entries {
		if !isHex(e.Name()) {
			continue
		}
		fi, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("list blobs: %w", err)
		}
		b := Blob{Digest: ocispec.Digest(algorithm + ":" + e.Name()), Size: fi.Size()}
		if st, ok := fi.Sys().(*syscall.Stat_t); ok {
			b.Disk = st.Blocks * 512 // stat(2): always in units of 512
		}
		all = append(all, b)
	}
	return all, nil
}

// rehash reads what follows in f into h, until the end or ctx's.
func rehash(ctx context.Context, h hash.Hash, f io.Reader) (int64, error) {
	buf := make([]byte, 128<<10)
	for n := int64(0); ; {
		if err := context.Cause(ctx); err != nil {
			return n, err
		}
		got, err := f.Read(buf)
		h.Write(buf[:got])
		n += int64(got)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
