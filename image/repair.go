package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mydocker/internal/atomicfile"
	"mydocker/internal/filelock"
)

// Repair removes what processes that died in the middle left: names of images
// that are gone, layers half unpacked, layers of no image, files half written, blobs; and lets index.json
// say what it should. It does not touch what a living process is at, nor any
// layer while there is an image that cannot be read: that is for the commands to
// tell which need it. Parts of blobs stay for a while, see package content.
func (s *Store) Repair() error {
	if _, err := os.Lstat(s.path("")); errors.Is(err, fs.ErrNotExist) {
		return nil // nobody ever changed anything
	}
	var trash []*Staging
	err := s.locked(func() (err error) {
		if err := s.dropHalfFiles(); err != nil {
			return err
		}
		if err := s.dropNames(); err != nil {
			return err
		}
		trash, err = s.strays()
		return err
	})
	return errors.Join(err, removeTrash(trash), s.repairContent())
}

// repairContent removes blobs where there may be some that nobody needs.
func (s *Store) repairContent() error {
	some, err := s.content.Abandoned()
	if err != nil {
		return err
	}
	changed := false
	sweep := func() error {
		return s.locked(func() (err error) {
			changed, err = s.mirror()
			return err
		})
	}
	if !some {
		if err := sweep(); err != nil || !changed {
			return errors.Join(err, s.content.Repair())
		}
	}
	if _, err := s.sweeping(sweep); err != nil {
		return err
	}
	return s.content.Repair()
}

// dropNames takes the names from images whose removal did not come to its end.
func (s *Store) dropNames() error {
	names, err := s.readNames()
	if err != nil {
		return err
	}
	ids, err := s.ids()
	if err != nil {
		return err
	}
	var gone []string
	for n, id := range names {
		if !slices.Contains(ids, id) {
			gone = append(gone, n)
		}
	}
	_, err = s.untag(gone)
	return err
}

// strays returns the directories in layers/ which nobody needs.
func (s *Store) strays() ([]*Staging, error) {
	used, unknown := s.usedLayers()
	entries, err := os.ReadDir(s.LayerDir(""))
	if err != nil {
		return nil, fmt.Errorf("list layers: %w", err)
	}
	var trash []*Staging
	for _, e := range entries {
		id, isLock := strings.CutSuffix(idPrefix+e.Name(), ".lock")
		var t *Staging
		switch {
		case strings.HasPrefix(e.Name(), tmpPrefix):
			t, err = abandoned(filepath.Join(s.LayerDir(""), e.Name()))
		case !isDigest(id):
		case isLock:
			err = s.dropLock(id)
		case unknown == nil && !used[id]:
			t, err = s.discard(id)
		}
		if err != nil {
			return trash, err
		}
		if t != nil {
			trash = append(trash, t)
		}
	}
	return trash, nil
}

// dropLock removes the lock of a layer, which a process that died left.
func (s *Store) dropLock(id string) error {
	claim, err := s.chain.Claim(id)
	if claim == nil || err != nil {
		return err
	}
	return claim.Close()
}

// abandoned takes the lock of a temporary directory, nil if somebody has it.
func abandoned(dir string) (*Staging, error) {
	lock, free, err := filelock.TryLock(filepath.Join(dir, "lock"))
	if errors.Is(err, fs.ErrNotExist) || !free {
		return nil, nil // gone, or in use
	}
	return &Staging{dir: dir, lock: lock}, err
}

// dropHalfFiles removes temporary files, which only the holder of the store's
// lock writes.
func (s *Store) dropHalfFiles() error {
	for _, dir := range []string{s.path(""), s.path("records")} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("repair the image store: %w", err)
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), atomicfile.TempPrefix) {
				continue
			}
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("repair the image store: %w", err)
			}
		}
	}
	return nil
}

func removeTrash(trash []*Staging) error {
	var errs []error
	for _, t := range trash {
		errs = append(errs, t.Close())
	}
	return errors.Join(errs...)
}
