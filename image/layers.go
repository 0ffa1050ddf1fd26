package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"mydocker/internal/ocispec"
)

// Layer is one layer of an image, as it lies in the store. A record has of it only
// what the configuration has not: a start reads all of that.
type Layer struct {
	DiffID  string `json:"-"`                // "sha256:<hex>" of the uncompressed archive
	ChainID string `json:"-"`                // of it and all below it; names its directory in layers/
	Bytes   int64  `json:"bytes"`            // in its regular files, holes included
	Disk    int64  `json:"disk,omitempty"`   // bytes on the disk, as du(1) counts them; 0 is not known
	Opaque  bool   `json:"opaque,omitempty"` // it hides everything below it
}

// ChainIDs names layers with all that is below them, the lowest first, as
// config.md of the image specification has it: the same files may look
// different on top of others. For the lowest it is the DiffID.
func ChainIDs(diffIDs []ocispec.Digest) ([]string, error) {
	var chain []string
	for i, d := range diffIDs {
		id := string(d)
		if !isDigest(id) {
			return nil, fmt.Errorf("layer %d: %q is no digest of sha256", i, id)
		}
		if i > 0 {
			id = digest([]byte(chain[i-1] + " " + id))
		}
		chain = append(chain, id)
	}
	return chain, nil
}

// withChains completes the layers of a configuration, the lowest first. A layer
// that has a DiffID must have the configuration's.
func withChains(layers []Layer, diffIDs []ocispec.Digest) ([]Layer, error) {
	chain, err := ChainIDs(diffIDs)
	if err != nil {
		return nil, err
	}
	if len(layers) != len(chain) {
		return nil, fmt.Errorf("there are %d layers, its configuration tells of %d", len(layers), len(chain))
	}
	layers = slices.Clone(layers)
	for i := range layers {
		if is := layers[i].DiffID; is != "" && is != string(diffIDs[i]) {
			return nil, fmt.Errorf("layer %d is %s, its configuration tells of %s", i, is, diffIDs[i])
		}
		layers[i].DiffID, layers[i].ChainID = string(diffIDs[i]), chain[i]
	}
	return layers, nil
}

// lowers lists the directories of layers for overlayfs, the top one first. What
// an opaque layer hides is left out: overlayfs does not look for the mark on the
// root of a layer.
func (s *Store) lowers(layers []Layer) []string {
	dirs, home := make([]string, 0, len(layers)), s.LayerDir("")+"/"
	for _, l := range slices.Backward(layers) {
		dirs = append(dirs, home+strings.TrimPrefix(l.ChainID, idPrefix)+"/diff")
		if l.Opaque {
			break
		}
	}
	return dirs
}

// LayerDir is where the layer of a chain ID has its files, in "diff". The ID must
// come from ChainIDs.
func (s *Store) LayerDir(chainID string) string {
	return filepath.Join(s.root, "layers", strings.TrimPrefix(chainID, idPrefix))
}

// digest names bytes as images and layers are named.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return idPrefix + hex.EncodeToString(sum[:])
}

func isDigest(s string) bool {
	digits, ok := strings.CutPrefix(s, idPrefix)
	return ok && len(digits) == hexLength && isHex(digits)
}

// short is an ID as tables show it.
func short(id string) string {
	digits := strings.TrimPrefix(id, idPrefix)
	return digits[:min(len(digits), 12)]
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
