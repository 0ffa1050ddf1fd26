package image

import (
	"fmt"

	"mydocker/internal/filelock"
)

// New is an image to store. Its layers lie in the store already, see LayerDir.
type New struct {
	Config []byte  // the configuration's JSON: its digest is the image's ID
	Layers []Layer // the lowest first; the ChainIDs need not be set
	Name   string  // or "" for none
}

// MissingLayerError says that an image cannot be stored, or run, since the files
// of a layer are not there: it is to be unpacked (again).
type MissingLayerError struct{ ChainID string }

func (e *MissingLayerError) Error() string {
	return fmt.Sprintf("the layer %s is not unpacked", short(e.ChainID))
}

// Put stores an image whose layers are unpacked, their files on the disk, and
// gives it a name. An image that is there already keeps its names. Whoever
// unpacks layers for it keeps a Hold from before he looks which are there until
// Put has returned; a *MissingLayerError says that he did not.
func (s *Store) Put(n New) (Image, error) {
	name, err := optionalName(n.Name)
	if err != nil {
		return Image{}, err
	}
	layers, err := parse(n.Config, n.Layers)
	if err != nil {
		return Image{}, fmt.Errorf("store image: %w", err)
	}
	var img Image
	err = s.locked(func() error {
		gone, err := s.missing(layers)
		if err != nil {
			return err
		}
		if gone != "" {
			return fmt.Errorf("store image: %w", &MissingLayerError{gone})
		}
		img, err = s.record(n.Config, layers, name)
		return err
	})
	return img, err
}

// record writes an image and its name; it is for the holder of the lock.
func (s *Store) record(config []byte, layers []Layer, name string) (Image, error) {
	id := digest(config)
	r := record{Version: recordVersion, Layers: layers}
	if err := writeRecord(s.recordPath(id), r, config); err != nil {
		return Image{}, err
	}
	if name != "" {
		if err := s.changeNames(func(names map[string]string) { names[name] = id }); err != nil {
			return Image{}, err
		}
	}
	return s.Resolve(id)
}

func optionalName(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	return tagName(name)
}

// Hold keeps layers that no image has yet from being removed, by this or any
// other process, until Close or the end of this process. Many may hold at once.
type Hold struct{ lock *filelock.Held }

// Hold waits for a removal that is just looking which layers are of no image.
func (s *Store) Hold() (*Hold, error) {
	var h *Hold
	err := s.locked(func() error {
		lock, err := filelock.RLock(s.path("hold"))
		h = &Hold{lock}
		return err
	})
	return h, err
}

// Close gives the layers free.
func (h *Hold) Close() error { return h.lock.Close() }

// unheld says whether nobody has a Hold. It is for the holder of the store's
// lock, without which nobody gets one.
func (s *Store) unheld() (bool, error) {
	lock, free, err := filelock.TryLock(s.path("hold"))
	if err != nil || !free {
		return false, err
	}
	return true, lock.Close()
}
