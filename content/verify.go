package content

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"mydocker/internal/ocispec"
)

// A Finding is something that is not as it should be.
type Finding struct {
	Digest ocispec.Digest
	Name   string // of the image that it was found on the way from, if any
	Err    error  // a *MismatchError, fs.ErrNotExist, or why it cannot be read
}

// Verify reads every blob and tells report of those whose bytes are not what
// their name says, and of images of which something is missing: the manifest, or
// what that needs. An index needs none of its manifests. What changes meanwhile
// is no finding.
func (s *Store) Verify(ctx context.Context, report func(Finding)) error {
	x, err := s.Index()
	if err != nil {
		return err
	}
	for _, e := range x.Entries {
		if found := s.verifyEntry(e); len(found) > 0 && s.still(e) {
			for _, f := range found {
				report(f)
			}
		}
	}
	all, err := s.Blobs()
	if err != nil {
		return err
	}
	for _, b := range all {
		err := s.verifyBlob(ctx, b)
		if stop := context.Cause(ctx); stop != nil {
			return fmt.Errorf("verify blobs: %w", stop)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			report(Finding{Digest: b.Digest, Err: err})
		}
	}
	return nil
}

// verifyEntry leaves bytes to verifyBlob: it looks for what is missing, or has
// another size or type than who leads there says.
func (s *Store) verifyEntry(e Entry) (all []Finding) {
	f, err := s.Open(e.Descriptor)
	if err != nil {
		return []Finding{{e.Digest, e.Name(), err}}
	}
	f.Close()
	if IsIndex(e.Descriptor) {
		if _, err := s.IndexOf(e.Descriptor); err != nil {
			all = append(all, Finding{e.Digest, e.Name(), err})
		}
	}
	if !IsManifest(e.Descriptor) {
		return all
	}
	m, err := s.Manifest(e.Descriptor)
	if err != nil {
		return []Finding{{e.Digest, e.Name(), err}}
	}
	for _, d := range append(m.Layers, m.Config) {
		f, err := s.Open(d)
		switch {
		case err == nil:
			f.Close()
		case len(d.URLs) == 0 || !errors.Is(err, fs.ErrNotExist): // others are elsewhere
			all = append(all, Finding{d.Digest, e.Name(), err})
		}
	}
	return all
}

func (s *Store) verifyBlob(ctx context.Context, b Blob) error {
	f, size, err := s.open(b.Digest)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := rehash(ctx, h, f); err != nil {
		return fmt.Errorf("blob %s: %w", b.Digest, err)
	}
	if got := digestOf(h); got != b.Digest {
		return &MismatchError{Want: b.Digest, Got: got, WantSize: size, GotSize: size}
	}
	return nil
}

// still says whether an entry is there as before.
func (s *Store) still(e Entry) bool {
	x, err := s.Index()
	return err != nil || slices.ContainsFunc(x.Entries, func(now Entry) bool {
		return now.Digest == e.Digest && now.Name() == e.Name()
	})
}

// Discard removes a blob whose bytes are not what its name says, so that it can
// be fetched again, and tells whether it was so.
func (s *Store) Discard(ctx context.Context, d ocispec.Digest) (bool, error) {
	f, size, err := s.open(d)
	if err != nil {
		return false, err
	}
	defer f.Close()
	bad := s.verifyBlob(ctx, Blob{Digest: d, Size: size})
	var wrong *MismatchError
	if !errors.As(bad, &wrong) {
		return false, bad
	}
	gone := false
	err = s.locked(func() error {
		looked, err := f.Stat()
		if err != nil {
			return err
		}
		now, err := os.Lstat(f.Name())
		if err != nil || !os.SameFile(looked, now) {
			return err // a good one came meanwhile
		}
		gone = true
		return os.Remove(f.Name())
	})
	return gone, err
}
