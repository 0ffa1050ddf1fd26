// Package image keeps images: what they are called, what their containers get
// when they ask for nothing else, and which directories lie under their root.
//
// Below the engine's root it has
//
//	image/repositories.json   names and the IDs they stand for
//	image/index.json          the same for other tools, see package content
//	image/records/<hex>.json  an image: what is known of its layers, and its configuration
//	image/lock                held while any of this, or layers/, changes
//	layers/<hex>/diff         a layer, by its chain ID: it and all that is below it
//	layers/<hex>.lock         held by who unpacks the layer, or needs it before an image has it
//	layers/tmp-*              a layer on its way in or out
//
// Readers take no lock: files are replaced as a whole. An image is there with its
// record, is named after that was written, and gone with it. repositories.json is what counts:
// every change of it ends with index.json made alike, and so does Repair.
package image

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mydocker/content"
	"mydocker/internal/ocispec"
	"mydocker/layer/chain"
	"mydocker/reference"
)

// Store is the images below one root. All its methods may be called at the
// same time, by any number of processes.
type Store struct {
	root    string
	content *content.Store
	chain   *chain.Store
}

// Image is one of them.
type Image struct {
	ID      string   // "sha256:<hex>", the digest of the configuration's JSON
	Names   []string // "alpine:latest", sorted; an image may have none
	Digests []string // "alpine@sha256:<hex>", sorted: by what digests registries know it
	Config  ocispec.Image
	Lowers  []string // directories of the host for overlayfs's lowerdir, the top one first
	Layers  []Layer  // the lowest first
	Size    int64    // bytes in the files of its layers
	Disk    int64    // bytes on the disk of its layers, those that others have too; 0 is not known
	Created time.Time
	Host    bool // it is the host's own root, not files of the store
}

const (
	idPrefix  = "sha256:"
	hexLength = sha256.Size * 2
)

// Open returns the store below root. It reads and makes nothing yet.
func Open(root string) *Store {
	return &Store{root: root, content: content.Open(root), chain: chain.Open(root)}
}

// Resolve finds an image by its name ("alpine", "alpine:3.20"), its digest in a
// registry ("alpine@sha256:<hex>", with any tag before), its ID or a beginning of
// that which no other ID has. A *NotFoundError says that there is none.
func (s *Store) Resolve(nameOrID string) (Image, error) {
	img, _, err := s.resolve(nameOrID)
	if errors.Is(err, fs.ErrNotExist) { // it was removed, its names are about to be
		return Image{}, notFound(nameOrID, nil)
	}
	if err != nil {
		return Image{}, err
	}
	return img, nil
}

// resolve also returns the name by which the image was found, "" for an ID. Of
// an image that is there but cannot be read it returns ID and Names, with the error.
func (s *Store) resolve(nameOrID string) (img Image, name string, err error) {
	if nameOrID == HostName || nameOrID == hostFull {
		return hostImage(), hostFull, nil // the common way, without a look at the disk
	}
	names, err := s.readNames()
	if err != nil {
		return Image{}, "", err
	}
	ref, refErr := reference.Parse(nameOrID)
	names[hostFull] = hostID()
	key := storedName(ref)
	if id, ok := names[key]; ok && refErr == nil {
		img, err := s.load(id, names)
		return img, key, err
	}
	id, err := s.findID(strings.TrimPrefix(nameOrID, idPrefix))
	switch {
	case err != nil:
		return Image{}, "", err
	case id != "":
		img, err := s.load(id, names)
		return img, "", err
	case refErr != nil && !errors.Is(refErr, reference.ErrID):
		return Image{}, "", refErr
	}
	return Image{}, "", notFound(nameOrID, names)
}

// Config returns the configuration of the image with this ID, all of it.
func (s *Store) Config(id string) (ocispec.ImageConfig, error) {
	img, err := s.load(id, nil)
	return img.Config.Config, err
}

// List returns all images, the youngest first and the embedded one last.
func (s *Store) List() ([]Image, error) {
	names, err := s.readNames()
	if err != nil {
		return nil, err
	}
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	var all []Image
	for _, id := range ids {
		img, err := s.load(id, names)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, img)
	}
	slices.SortStableFunc(all, func(a, b Image) int { return b.Created.Compare(a.Created) })
	return append(all, hostImage()), nil
}

// ids lists the stored images, the embedded one is not among them.
func (s *Store) ids() ([]string, error) {
	entries, err := os.ReadDir(s.path("records"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list images: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if digits, ok := strings.CutSuffix(e.Name(), ".json"); ok && len(digits) == hexLength && isHex(digits) {
			ids = append(ids, idPrefix+digits)
		}
	}
	return ids, nil
}

// findID completes the beginning of an ID; "" means that none begins so.
func (s *Store) findID(digits string) (string, error) {
	if digits == "" || len(digits) > hexLength || !isHex(digits) {
		return "", nil
	}
	ids, err := s.ids()
	if err != nil {
		return "", err
	}
	found := ""
	for _, id := range append(ids, hostID()) {
		if !strings.HasPrefix(id, idPrefix+digits) {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("image ID %q is ambiguous: %s and %s begin so", digits, short(found), short(id))
		}
		found = id
	}
	return found, nil
}

func (s *Store) path(name string) string { return filepath.Join(s.root, "image", name) }
