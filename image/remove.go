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
// or with all its names when it was given by ID; and then the blobs that nobody
// needs any more. The digests of a repository go with its last tag. users returns
// the containers made from an image; nil stands for none.
//
// As with docker, an image in use or with several names (when given by ID) is a
// *ConflictError unless forced. Force takes the names of an image in use, but
// the image itself, on which its containers lie, goes only after them. An image
// whose record cannot be read must be forced, too.
func (s *Store) Remove(nameOrID string, force bool, users func(imageID string) []string) ([]Deleted, error) {
	var done []Deleted
	var trash []*Staging
	_, err := s.sweeping(func() error {
		return s.locked(func() (err error) {
			done, trash, err = s.remove(nameOrID, force, users)
			_, merr := s.mirror()
			return firstOf(err, merr)
		})
	})
	// Large layers take a while, and nobody has to wait for that.
	return done, firstOf(err, removeTrash(trash))
}

// remove is Remove for the holder of the lock. What it returns is the caller's
// to close.
func (s *Store) remove(nameOrID string, force bool, users func(imageID string) []string) (done []Deleted, trash []*Staging, err error) {
	img, name, err := s.resolve(nameOrID)
	if err != nil && (img.ID == "" || !force) {
		return nil, nil, err
	}
	if img.Host {
		return nil, nil, fmt.Errorf("the image %s is the host itself, it cannot be removed", hostFull)
	}
	var by []string
	if users != nil {
		by = users(img.ID)
	}
	if err := refuse(img, name, nameOrID, force, by); err != nil {
		return nil, nil, err
	}
	all := slices.Concat(img.Names, img.Digests)
	untag := all
	if name != "" {
		untag = withName(name, img)
	}
	if len(untag) < len(all) || len(by) > 0 {
		done, err = s.untag(untag)
		return done, nil, err
	}
	return s.drop(img)
}

// withName lists a name and what goes with it: the digests of its repository,
// where it is the last tag.
func withName(name string, img Image) []string {
	repository := repositoryOf(name)
	if isDigestName(name) || slices.ContainsFunc(img.Names, func(n string) bool { return n != name && repositoryOf(n) == repository }) {
		return []string{name}
	}
	all := []string{name}
	for _, d := range img.Digests {
		if repositoryOf(d) == repository {
			all = append(all, d)
		}
	}
	return all
}

// single says whether an image has one name only, of which the digests are.
func single(img Image) bool {
	if len(img.Names) > 1 {
		return false
	}
	for _, d := range img.Digests {
		if repositoryOf(d) != repositoryOf(slices.Concat(img.Names, img.Digests)[0]) {
			return false
		}
	}
	return true
}

// refuse returns the conflict that stands against a removal.
func refuse(img Image, name, given string, force bool, by []string) error {
	switch {
	case name != "" && single(img) && len(by) > 0 && !force:
		return conflict("unable to remove repository reference %q (must force) - container %s is using its referenced image %s", given, by[0], short(img.ID))
	case name != "":
		return nil
	case len(by) > 0 && (!force || len(img.Names)+len(img.Digests) == 0):
		must := "must be forced"
		if force {
			must = "cannot be forced"
		}
		return conflict("unable to delete %s (%s) - image is being used by container %s", short(img.ID), must, by[0])
	case !single(img) && !force:
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

// drop removes an image with all its names, and puts those of its layers that no
// other image has out of the way; the caller closes what is returned. The image is
// gone with its record: Repair removes the rest.
func (s *Store) drop(img Image) (done []Deleted, trash []*Staging, err error) {
	if err := os.Remove(s.recordPath(img.ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("remove image: %w", err)
	}
	if err := atomicfile.SyncDir(s.path("records")); err != nil {
		return nil, nil, err
	}
	if done, err = s.untag(slices.Concat(img.Names, img.Digests)); err != nil {
		return nil, nil, err
	}
	done = append(done, Deleted{Deleted: img.ID})
	used, err := s.usedLayers()
	if err != nil {
		// The image is gone; its layers stay as long as nobody knows whether
		// one that cannot be read has them, too. Then Repair takes them.
		return done, nil, nil
	}
	for _, l := range slices.Backward(img.Layers) {
		if used[l.ChainID] {
			continue
		}
		t, err := s.discard(l.ChainID)
		if err != nil {
			return done, trash, err
		}
		if t == nil {
			continue
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

// discard moves a layer to where Repair removes it should this process not. It
// returns nil where there is none, or where somebody needs it who has no image of
// it yet.
func (s *Store) discard(chainID string) (_ *Staging, err error) {
	dir := s.LayerDir(chainID)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	claim, err := s.chain.Claim(chainID)
	if claim == nil || err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, claim.Close()) }()
	t, err := s.temp()
	if err != nil {
		return nil, err
	}
	if err := os.Rename(dir, filepath.Join(t.dir, "layer")); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}
