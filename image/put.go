package image

import (
	"fmt"
	"slices"

	"mydocker/internal/ocispec"
	"mydocker/reference"
)

// New is an image to store. Its layers lie in the store already, see LayerDir.
type New struct {
	Config []byte  // the configuration's JSON: its digest is the image's ID
	Layers []Layer // the lowest first; the ChainIDs need not be set
	Name   string  // or "" for none

	// Of an image of a registry: what its reference led to, a manifest or an index,
	// whose blobs the caller's lease holds; and "alpine@sha256:<hex>".
	Target ocispec.Descriptor
	Digest string
}

// MissingLayerError says that an image cannot be stored, or run, since the files
// of a layer are not there: it is to be unpacked (again).
type MissingLayerError struct{ ChainID string }

func (e *MissingLayerError) Error() string {
	return fmt.Sprintf("the layer %s is not unpacked", short(e.ChainID))
}

// Put stores an image whose layers are unpacked, their files on the disk, and
// gives it a name. An image that is there already keeps its names. Whoever
// unpacks layers for it keeps what chain.Store.Unpack returned until Put has; a
// *MissingLayerError says that he did not.
func (s *Store) Put(n New) (Image, error) {
	name, err := optionalName(n.Name)
	if err != nil {
		return Image{}, err
	}
	if n.Digest != "" {
		if ref, err := reference.Parse(n.Digest); err != nil || ref.Digest == "" || ref.Tag != "" {
			return Image{}, fmt.Errorf("store image: %q is no name with a digest", n.Digest)
		}
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
		if n.Target.Digest != "" {
			if err := s.addTarget(n.Target, name, digest(n.Config)); err != nil {
				return err
			}
		}
		img, err = s.record(n.Config, layers, name, n.Digest)
		return err
	})
	return img, err
}

// record writes an image and its names, if any; it is for the holder of the lock.
func (s *Store) record(config []byte, layers []Layer, names ...string) (Image, error) {
	id := digest(config)
	r := record{Version: recordVersion, Layers: layers}
	if err := writeRecord(s.recordPath(id), r, config); err != nil {
		return Image{}, err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
	if len(names) > 0 {
		err := s.changeNames(func(all map[string]string) {
			for _, n := range names {
				all[n] = id
			}
		})
		if err != nil {
			return Image{}, err
		}
	}
	// A name that was another's may be in index.json.
	if _, err := s.mirror(); err != nil {
		return Image{}, err
	}
	return s.Resolve(id)
}

func optionalName(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	return tagName(name)
}
