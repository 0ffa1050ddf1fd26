package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"mydocker/internal/atomicfile"
)

// Deleted is one line of what a removal did; one of the two is set.
type Deleted struct {
	Untagged string // a name: "alpine:latest"
	Deleted  string // an image or a layer: "sha256:<hex>"
}

// Remove takes a name from an image, and removes the image with its last name,
// or with all its names when it was given by ID. users returns the containers
// made from an image; nil stands for none.
//
// As with docker, an image in use or with several names (when given by ID) is a
// *ConflictError unless forced. Force takes the names of an image in use, but
// the image itself, on which its containers lie, goes only after them. An image
// whose record cannot be read must be forced, too.
func (s *Store) Remove(nameOrID string, force bool, users func(imageID string) []string) ([]Deleted, error) {
	var done []Deleted
	var trash []*Staging
	err := s.locked(func() error {
		img, name, err := s.resolve(nameOrID)
		if err != nil && (img.ID == "" || !force) {
			return err
		}
		if img.Host {
			return fmt.Errorf("the image %s is the host itself, it cannot be removed", hostFull)
		}
		var by []string
		if users != nil {
			by = users(img.ID)
		}
		untag := img.Names
		if name != "" {
			untag = []string{name}
		}
		if err := refuse(img, name, nameOrID, force, by); err != nil {
			return err
		}
		if done, err = s.untag(untag); err != nil || len(untag) < len(img.Names) || len(by) > 0 {
			return err
		}
		var gone []Deleted
		gone, trash, err = s.drop(img)
		done = append(done, gone...)
		return err
	})
	// Large layers take a while, and nobody has to wait for that.
	if terr := removeTrash(trash); err == nil {
		err = terr
	}
	return done, err
}

// refuse returns the conflict that stands against a removal.
func refuse(img Image, name, given string, force bool, by []string) error {
	switch {
	case name != "" && len(img.Names) == 1 && len(by) > 0 && !force:
		return conflict("unable to remove repository reference %q (must force) - container %s is using its referenced image %s", given, by[0], short(img.ID))
	case name != "":
		return nil
	case len(by) > 0 && (!force || len(img.Names) == 0):
		must := "must be forced"
		if force {
			must = "cannot be forced"
		}
		return conflict("unable to delete %s (%s) - image is being used by container %s", short(img.ID), must, by[0])
	case len(img.Names) > 1 && !force:
		return conflict("unable to delete %s (must be forced) - image is referenced in multiple repositories", short(img.ID))
	}
	return nil
}

func (s *Store) untag(names []string) ([]Deleted, error) {
	if len(names) == 0 {
		return nil, nil
	}
	err := s.changeNames(func(all map[string]string) {
		for _, n := range names {
			delete(all, n)
		}
	})
	if err != nil {
		return nil, err
	}
	var done []Deleted
	for _, n := range names {
		done = append(done, Deleted{Untagged: n})
	}
	return done, nil
}

// drop removes a nameless image's record, and puts those of its layers that no
// other image has out of the way; the caller closes what is returned.
func (s *Store) drop(img Image) (done []Deleted, trash []*Staging, err error) {
	if err := os.Remove(s.recordPath(img.ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("remove image: %w", err)
	}
	if err := atomicfile.SyncDir(s.path("records")); err != nil {
		return nil, nil, err
	}
	done = append(done, Deleted{Deleted: img.ID})
	used, err := s.usedLayers()
	free, herr := s.unheld()
	if err != nil || herr != nil || !free {
		// The image is gone; its layers stay as long as nobody knows whether
		// one that cannot be read, or that is being made, has them, too. Then
		// Repair takes them.
		return done, nil, nil
	}
	for _, l := range slices.Backward(img.Layers) {
		if used[l.ChainID] {
			continue
		}
		t, err := s.discard(s.LayerDir(l.ChainID))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return done, trash, err
		}
		trash = append(trash, t)
		done = append(done, Deleted{Deleted: l.ChainID})
	}
	return done, trash, nil
}

// usedLayers returns the chain IDs of the layers that records tell of. It fails if one of them
// cannot be read, since no layer can be called unused then.
func (s *Store) usedLayers() (map[string]bool, error) {
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, id := range ids {
		img, err := s.load(id, nil)
		if err != nil {
			return nil, err
		}
		for _, l := range img.Layers {
			used[l.ChainID] = true
		}
	}
	return used, nil
}

// discard moves a layer to where Repair removes it should this process not.
func (s *Store) discard(dir string) (*Staging, error) {
	if _, err := os.Lstat(dir); err != nil {
		return nil, err
	}
	t, err := s.temp()
	if err != nil {
		return nil, err
	}
	if err := os.Rename(dir, filepath.Join(t.dir, "layer")); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}
