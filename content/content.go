// Package content keeps the blobs of images, and the names by which they are
// found, as a directory that other tools know: an OCI image layout
// (https://github.com/opencontainers/image-spec/blob/main/image-layout.md).
//
// Below the engine's root it has
//
//	image/oci-layout          the version of all this
//	image/index.json          names, and the manifests and indexes they stand for
//	image/blobs/sha256/<hex>  blobs
//	image/ingest/<hex>        a blob on its way in, locked by who brings it
//	image/ingest/new-*        likewise, before anybody knows its digest
//	image/leases/*            what a running command needs, locked by that command
//	image/content.lock        held while names change, and while blobs go
//
// A blob is hashed while it is written, and appears with all its bytes on the
// disk. It stays as long as index.json leads to it, or a lease whose holder is
// alive; Sweep finds out anew each time, no count is stored. Readers take no
// lock.
//
// Other programs may write to the directory while nothing here changes it: they
// know nothing of the locks. What they wrote and this package does not know is
// left as it is.
package content

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mydocker/internal/atomicfile"
	"mydocker/internal/filelock"
	"mydocker/internal/ocispec"
)

// Store is the layout below one root. All its methods may be called at the same
// time, by any number of processes.
type Store struct{ dir string }

// Open returns the store below root. It reads and makes nothing yet.
func Open(root string) *Store { return &Store{dir: filepath.Join(root, "image")} }

// Dir is the layout's directory, as skopeo knows it: oci:DIR:NAME.
func (s *Store) Dir() string { return s.dir }

const (
	layoutVersion = "1.0.0"
	maxLayout     = 4 << 10  // bytes of oci-layout
	maxNames      = 32 << 20 // bytes of index.json, for some hundred thousand images
)

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

func (s *Store) blobPath(hex string) string { return filepath.Join(s.dir, "blobs/sha256", hex) }

// exists says whether there is a layout, and fails for one of another version.
func (s *Store) exists() (bool, error) {
	path := s.path("oci-layout")
	b, err := readFile(path, maxLayout)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var l struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(b, &l); err != nil {
		return false, fmt.Errorf("%s is damaged: %w", path, err)
	}
	if l.Version != layoutVersion {
		return false, fmt.Errorf("%s has version %q, this program knows %s", path, l.Version, layoutVersion)
	}
	return true, nil
}

// create makes what is not there, for the holder of the lock. The file of the
// version comes last: who sees it may trust in index.json.
func (s *Store) create() error {
	for _, dir := range []string{"blobs/sha256", "ingest", "leases"} {
		if err := os.MkdirAll(s.path(dir), 0o700); err != nil {
			return fmt.Errorf("make the image store: %w", err)
		}
	}
	there, err := s.exists()
	if there || err != nil {
		return err
	}
	if _, err := os.Lstat(s.path("index.json")); errors.Is(err, fs.ErrNotExist) {
		empty := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[]}`, ocispec.MediaTypeIndex)
		if err := atomicfile.Write(s.path("index.json"), []byte(empty), 0o600, true); err != nil {
			return err
		}
	}
	version := fmt.Sprintf(`{"imageLayoutVersion":%q}`, layoutVersion)
	return atomicfile.Write(s.path("oci-layout"), []byte(version), 0o600, true)
}

// locked calls f while nobody else changes names, holds or sweeps.
func (s *Store) locked(f func() error) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make the image store: %w", err)
	}
	lock, err := filelock.Lock(s.path("content.lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	return f()
}

// readFile reads a file that must not have more bytes than max.
func readFile(path string, max int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(b)) > max {
		return nil, fmt.Errorf("read %s: it has more than %d bytes", path, max)
	}
	return b, nil
}
