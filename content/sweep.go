package content

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"mydocker/internal/ocispec"
)

// Sweep removes the blobs that neither index.json nor the lease of a living
// process leads to, and returns them. If it cannot tell what is needed, because
// the bytes of a manifest are damaged, it removes nothing. Children of an index
// need not be there, and the subject of a manifest is not kept for it.
func (s *Store) Sweep() ([]Blob, error) {
	if there, err := s.exists(); !there || err != nil {
		return nil, err
	}
	var gone []Blob
	err := s.locked(func() error {
		needed, err := s.mark()
		if err != nil {
			return fmt.Errorf("no blob is removed, as it is unknown which are needed: %w", err)
		}
		all, err := s.Blobs()
		if err != nil {
			return err
		}
		for _, b := range all {
			if needed[b.Digest] {
				continue
			}
			if err := remove(s.blobPath(strings.TrimPrefix(string(b.Digest), algorithm+":"))); err != nil {
				return fmt.Errorf("remove a blob: %w", err)
			}
			gone = append(gone, b)
		}
		return nil
	})
	return gone, err
}

// mark finds the digests that are needed, for the holder of the lock.
func (s *Store) mark() (map[ocispec.Digest]bool, error) {
	x, _, err := s.readIndex()
	if err != nil {
		return nil, err
	}
	open, err := s.leased()
	if err != nil {
		return nil, err
	}
	for _, e := range x.Entries {
		open = append(open, e.Descriptor)
	}
	needed, followed := map[ocispec.Digest]bool{}, map[string]bool{}
	for len(open) > 0 {
		d := open[len(open)-1]
		open = open[:len(open)-1]
		needed[d.Digest] = true
		// One digest may be led to by several types, of which one is the right.
		key := string(d.Digest) + " " + d.MediaType
		if followed[key] {
			continue
		}
		followed[key] = true
		below, err := s.children(d)
		if err != nil {
			return nil, err
		}
		open = append(open, below...)
	}
	return needed, nil
}

// children are the descriptors in a manifest or in an index. What is not there
// or cannot be read for what d calls it leads nowhere: nobody can follow it, and
// a stranger's index may say anything of blobs that are another's. An error means
// that the bytes are not those that once were here.
func (s *Store) children(d ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	if _, err := hexOf(d.Digest); err != nil || !IsManifest(d) && !IsIndex(d) {
		return nil, nil
	}
	f, size, err := s.open(d.Digest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f.Close()
	if size > MaxManifest {
		return nil, nil
	}
	d.Size = size // d may be wrong about it
	b, err := s.ReadAll(d, MaxManifest)
	if err != nil {
		return nil, err
	}
	if IsManifest(d) {
		m, err := ParseManifest(b, d.MediaType)
		if err != nil {
			return nil, nil
		}
		return append(m.Layers, m.Config), nil
	}
	x, _ := ParseIndex(b, d.MediaType)
	return x.Manifests, nil
}
