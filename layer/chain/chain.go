// Package chain unpacks the layers of images, each once for all images that have it
// on the same layers, and several at a time.
//
// Below the engine's root it has
//
//	layers/<hex>/diff        the layer's files, for overlayfs
//	layers/<hex>/layer.json  what was unpacked: see Record
//	layers/<hex>.lock        held alone to unpack or remove the layer, shared by those that need it
//	layers/tmp-*             a layer on its way in, with a lock of its own
//
// where <hex> is the layer's chain ID (the OCI image specification, config.md,
// "Layer ChainID"). That of a first layer is its DiffID.
package chain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mydocker/internal/filelock"
	"mydocker/layer"
)

// Store is the layers below one root. Its methods may be called at the same time,
// by any number of processes.
type Store struct{ root string }

// Open returns the store below root. It reads and makes nothing yet.
func Open(root string) *Store { return &Store{root: root} }

// Record is what is known of an unpacked layer, as it is stored.
type Record struct {
	Version int    `json:"version"` // 0: the layer was imported, and has no record
	DiffID  string `json:"diffID"`
	Parent  string `json:"parent,omitempty"` // the chain ID of the layers below
	Size    int64  `json:"size"`             // bytes of the regular files
	Disk    int64  `json:"disk"`             // bytes on the disk, as du(1) counts
	Entries int    `json:"entries"`
	Opaque  bool   `json:"opaque,omitempty"` // it hides all layers below
	Digest  string `json:"digest"`           // layer.Digest without contents
	Content string `json:"content,omitempty"`

	ID string `json:"-"` // the chain ID
}

const (
	recordVersion = 1
	maxRecord     = 1 << 16 // bytes; larger ones are not ours
	prefix        = "sha256:"
	hexLength     = sha256.Size * 2
)

// IDs returns the chain ID of every layer of an image, by its DiffIDs, the first
// layer first.
func IDs(diffIDs []string) ([]string, error) {
	var ids []string
	for i, d := range diffIDs {
		digits, ok := strings.CutPrefix(d, prefix)
		if !ok || len(digits) != hexLength || strings.Trim(digits, "0123456789abcdef") != "" {
			return nil, fmt.Errorf("layer %d: %q is no sha256 digest", i+1, d)
		}
		if i == 0 {
			ids = append(ids, d)
			continue
		}
		sum := sha256.Sum256([]byte(ids[i-1] + " " + d))
		ids = append(ids, prefix+hex.EncodeToString(sum[:]))
	}
	return ids, nil
}

// Dir is the directory with the files of a layer.
func (s *Store) Dir(id string) string { return filepath.Join(s.place(id), "diff") }

func (s *Store) layers() string { return filepath.Join(s.root, "layers") }

func (s *Store) place(id string) string {
	return filepath.Join(s.layers(), strings.TrimPrefix(id, prefix))
}

func (s *Store) lockPath(id string) string { return s.place(id) + ".lock" }

// find reads the record of a layer, nil where there is no such layer.
func (s *Store) find(id, diffID, parent string) (*Record, error) {
	if _, err := os.Lstat(s.Dir(id)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	r, err := s.read(id)
	if errors.Is(err, fs.ErrNotExist) && parent == "" {
		return s.imported(id)
	}
	if err != nil {
		return nil, err
	}
	if r.DiffID != diffID || r.Parent != parent {
		return nil, fmt.Errorf("layer %s is damaged: its record is of %s on %q", id, r.DiffID, r.Parent)
	}
	return r, nil
}

func (s *Store) read(id string) (*Record, error) {
	f, err := os.Open(filepath.Join(s.place(id), "layer.json"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := Record{ID: id}
	if err := json.NewDecoder(io.LimitReader(f, maxRecord)).Decode(&r); err != nil {
		return nil, fmt.Errorf("layer %s is damaged: its record: %w", id, err)
	}
	if r.Version != recordVersion {
		return nil, fmt.Errorf("layer %s has a record of version %d, this program knows %d", id, r.Version, recordVersion)
	}
	return &r, nil
}

// imported describes a layer that was not unpacked here: always a first one.
func (s *Store) imported(id string) (*Record, error) {
	t, err := layer.Digest(context.Background(), s.Dir(id), false)
	if err != nil {
		return nil, err
	}
	u, err := layer.Measure(s.Dir(id))
	return &Record{ID: id, DiffID: id, Size: u.Bytes, Disk: t.Disk}, err
}

// Held are the layers of an image, the first one first. While it is held nobody
// removes them: until there is an image that says so.
type Held struct {
	Layers []Record
	store  *Store
	locks  []*filelock.Held
}

// Lowers are the directories for overlayfs's lowerdir, the top one first, without
// those that a layer above hides as a whole.
func (h *Held) Lowers() []string { return h.store.lowers(h.Layers) }

func (s *Store) lowers(records []Record) (dirs []string) {
	for i := len(records) - 1; i >= 0; i-- {
		dirs = append(dirs, s.Dir(records[i].ID))
		if records[i].Opaque {
			break
		}
	}
	return dirs
}

// Close lets go of the layers.
func (h *Held) Close() error {
	var errs []error
	for i, l := range h.locks {
		if l != nil {
			errs = append(errs, l.Close(), h.store.dropLock(h.Layers[i].ID))
		}
	}
	h.locks = nil
	return errors.Join(errs...)
}

func (s *Store) dropLocks(ids []string) error {
	var errs []error
	for _, id := range ids {
		errs = append(errs, s.dropLock(id))
	}
	return errors.Join(errs...)
}

// dropLock removes a lock file that nobody holds.
func (s *Store) dropLock(id string) error {
	l, free, err := filelock.TryLock(s.lockPath(id))
	if err != nil || !free {
		return err
	}
	return errors.Join(os.Remove(s.lockPath(id)), l.Close())
}

// A Claim is a layer that nobody else can unpack or hold.
type Claim struct {
	store *Store
	id    string
	lock  *filelock.Held
}

// Claim takes a layer that nobody needs just now, to remove it; nil means that
// somebody does. The caller removes the layer's directory and closes the claim.
func (s *Store) Claim(id string) (*Claim, error) {
	l, free, err := filelock.TryLock(s.lockPath(id))
	if err != nil || !free {
		return nil, err
	}
	return &Claim{s, id, l}, nil
}

// Close gives the layer, or its place, free, and leaves no lock.
func (c *Claim) Close() error {
	return errors.Join(os.Remove(c.store.lockPath(c.id)), c.lock.Close())
}

// Verify compares a layer with its record, and says what differs. With content
// it reads every file, if the record has a digest of that.
func (s *Store) Verify(ctx context.Context, id string, content bool) (findings []string, err error) {
	r, err := s.read(id)
	if errors.Is(err, fs.ErrNotExist) {
		return []string{"there is no record of layer " + id}, nil
	}
	if err != nil {
		return []string{err.Error()}, nil
	}
	t, err := layer.Digest(ctx, s.Dir(id), false)
	if errors.Is(err, fs.ErrNotExist) {
		return []string{"the files of layer " + id + " are not there"}, nil
	}
	if err != nil {
		return nil, err
	}
	if t.Digest != r.Digest {
		findings = append(findings, fmt.Sprintf("layer %s: names or attributes of files were changed", id))
	}
	if t.Disk != r.Disk {
		findings = append(findings, fmt.Sprintf("layer %s takes %d bytes on the disk, not %d", id, t.Disk, r.Disk))
	}
	if !content || r.Content == "" {
		return findings, nil
	}
	t, err = layer.Digest(ctx, s.Dir(id), true)
	if err == nil && t.Digest != r.Content {
		findings = append(findings, fmt.Sprintf("layer %s: contents of files were changed", id))
	}
	return findings, err
}
