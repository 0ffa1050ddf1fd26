package content

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"mydocker/internal/atomicfile"
	"mydocker/internal/filelock"
)

const (
	newPrefix = "new-" // of blobs without a digest; what is left of them is of no use
	partLives = 7 * 24 * time.Hour
)

// Repair removes what processes left that died: leases, files of half a change,
// and parts of blobs that nobody went on with for a week. It makes nothing where
// there is no store.
func (s *Store) Repair() error {
	if there, err := s.exists(); !there || err != nil {
		return err
	}
	return s.locked(func() error {
		_, err := s.leased()
		return errors.Join(err, s.dropParts(time.Now().Add(-partLives)), s.dropChanges())
	})
}

// dropParts removes the parts of blobs that nobody holds and that were written
// to last before old.
func (s *Store) dropParts(old time.Time) error {
	entries, err := os.ReadDir(s.path("ingest"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list parts of blobs: %w", err)
	}
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil || !strings.HasPrefix(e.Name(), newPrefix) && fi.ModTime().After(old) {
			continue
		}
		path := s.path("ingest/" + e.Name())
		lock, free, err := filelock.TryLock(path)
		if err == nil && free {
			err = remove(path)
			lock.Close()
		}
		if err != nil {
			return fmt.Errorf("remove the part of a blob: %w", err)
		}
	}
	return nil
}

// dropChanges removes what Change and create did not bring to an end: they hold
// the lock that its caller has.
func (s *Store) dropChanges() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("list the image store: %w", err)
	}
	for _, e := range entries {
		for _, base := range []string{"index.json-", "oci-layout-"} {
			if !strings.HasPrefix(e.Name(), atomicfile.TempPrefix+base) {
				continue
			}
			if err := remove(s.path(e.Name())); err != nil {
				return fmt.Errorf("remove half a change: %w", err)
			}
		}
	}
	return nil
}
