package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"mydocker/internal/atomicfile"
	"mydocker/internal/ocispec"
)

// record is the first line of a file; the configuration follows, of which the ID
// is the digest, byte for byte. So a start scans it once.
type record struct {
	Version int     `json:"version"`
	Layers  []Layer `json:"layers,omitempty"` // the lowest first

	// Of version 1: one layer, and a configuration which no other tool wrote.
	Config json.RawMessage `json:"config,omitempty"`
	Size   int64           `json:"size,omitempty"`
}

const (
	recordVersion = 2
	singleLayer   = 1
	maxConfig     = 8 << 20  // bytes; most have some thousand
	maxFile       = 16 << 20 // bytes of a file to read, larger ones are not ours
	maxLayers     = 500      // the kernel mounts no more
)

// load reads an image, whose record must be what its ID says. Where that fails
// the ID and Names it returns are good all the same.
func (s *Store) load(id string, names map[string]string) (Image, error) {
	if id == hostID() {
		return hostImage(), nil
	}
	img := Image{ID: id}
	img.Names, img.Digests = namesOf(id, names)
	r, config, err := readRecord(s.recordPath(id))
	if err != nil {
		return img, err
	}
	return img, s.fill(&img, r, config)
}

func readRecord(path string) (r record, config []byte, err error) {
	b, err := readFile(path)
	if err != nil {
		return r, nil, err
	}
	head, config, _ := bytes.Cut(b, []byte{'\n'})
	if err := json.Unmarshal(head, &r); err != nil {
		return r, nil, fmt.Errorf("read %s: %w", path, err)
	}
	return r, config, nil
}

func writeRecord(path string, r record, config []byte) error {
	head, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return atomicfile.Write(path, slices.Concat(head, []byte{'\n'}, config), 0o600, true)
}

// fill completes an image from its record.
func (s *Store) fill(img *Image, r record, raw []byte) error {
	switch r.Version {
	case recordVersion:
	case singleLayer:
		raw = r.Config
	default:
		return fmt.Errorf("image %s has a record of version %d, this program knows %d", short(img.ID), r.Version, recordVersion)
	}
	if d := digest(raw); d != img.ID {
		return fmt.Errorf("image %s is damaged: its configuration has the digest %s", short(img.ID), d)
	}
	var c ocispec.Image
	if err := json.Unmarshal(raw, &c); err != nil {
		return fmt.Errorf("image %s: %w", short(img.ID), err)
	}
	if r.Version == singleLayer && len(c.RootFS.DiffIDs) == 1 {
		r.Layers = []Layer{{Bytes: r.Size}}
	}
	layers, err := withChains(r.Layers, c.RootFS.DiffIDs)
	if err != nil {
		return fmt.Errorf("image %s: %w", short(img.ID), err)
	}
	img.Config, img.Layers, img.Lowers = c, layers, s.lowers(layers)
	for _, l := range layers {
		img.Size += l.Bytes
		img.Disk += l.Disk
	}
	if c.Created != nil {
		img.Created = *c.Created
	}
	return nil
}

// parse reads the configuration of an image that is to be stored, which must be
// one that load can read again.
func parse(raw []byte, layers []Layer) ([]Layer, error) {
	if len(raw) > maxConfig {
		return nil, fmt.Errorf("its configuration has %d bytes, at most %d are kept", len(raw), maxConfig)
	}
	if len(layers) > maxLayers {
		return nil, fmt.Errorf("it has %d layers, at most %d can be mounted", len(layers), maxLayers)
	}
	var c ocispec.Image
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("its configuration: %w", err)
	}
	if t := c.RootFS.Type; t != "layers" {
		return nil, fmt.Errorf("its root file system is of type %q, not layers", t)
	}
	return withChains(layers, c.RootFS.DiffIDs)
}

// missing returns the first layer, by chain ID, whose files are not there, or "".
func (s *Store) missing(layers []Layer) (string, error) {
	for _, l := range layers {
		_, err := os.Lstat(s.LayerDir(l.ChainID) + "/diff")
		if errors.Is(err, fs.ErrNotExist) {
			return l.ChainID, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", nil
}

func (s *Store) recordPath(id string) string {
	return s.path("records/" + strings.TrimPrefix(id, idPrefix) + ".json")
}
