package image

import (
	"errors"
	"fmt"
)

// Pruned is what Prune removed.
type Pruned struct {
	Done  []Deleted
	Bytes int64 // of the disk that its layers and blobs took
}

// Prune removes the images that have no name and no container; with all set,
// those with names, too. match, unless nil, chooses among them. users is as for
// Remove. An image that cannot be removed does not keep the others.
func (s *Store) Prune(all bool, match func(Image) bool, users func(imageID string) []string) (p Pruned, err error) {
	gone, err := s.sweeping(func() (err error) {
		p, err = s.prune(all, match, users)
		return err
	})
	for _, b := range gone {
		p.Bytes += b.Disk
	}
	return p, err
}

func (s *Store) prune(all bool, match func(Image) bool, users func(imageID string) []string) (p Pruned, err error) {
	images, err := s.List()
	if err != nil {
		return p, err
	}
	var errs []error
	for _, img := range images {
		if img.Host || match != nil && !match(img) {
			continue
		}
		done, bytes, err := s.pruneOne(img.ID, all, users)
		if err != nil {
			errs = append(errs, fmt.Errorf("prune image %s: %w", short(img.ID), err))
		}
		p.Done, p.Bytes = append(p.Done, done...), p.Bytes+bytes
	}
	return p, errors.Join(errs...)
}

// pruneOne looks again under the lock: an image may have got a name or a container.
func (s *Store) pruneOne(id string, all bool, users func(imageID string) []string) (done []Deleted, bytes int64, err error) {
	var trash []*Staging
	err = s.locked(func() error {
		img, _, err := s.resolve(id)
		if isGone(err) {
			return nil
		}
		if err != nil || len(img.Names) > 0 && !all || users != nil && len(users(img.ID)) > 0 {
			return err
		}
		done, trash, err = s.drop(img)
		_, merr := s.mirror()
		return firstOf(err, merr)
	})
	for _, t := range trash {
		n, merr := du(t.dir + "/layer")
		bytes, err = bytes+n, errors.Join(err, merr)
	}
	return done, bytes, errors.Join(err, removeTrash(trash))
}

func isGone(err error) bool {
	var nf *NotFoundError
	return errors.As(err, &nf)
}
