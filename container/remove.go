package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mydocker/linux"
)

// removingPrefix marks directories that are being removed.
const removingPrefix = ".removing-"

// Remove removes the container: its directory, then its name. The directory
// is renamed first, so that no half of a container is ever listed. It follows
// no link and crosses no mount. When it fails, the next repair goes on.
func (h *Handle) Remove() error {
	s := h.s
	name := ""
	if h.Record != nil {
		name = h.Record.Name
	}
	going := filepath.Join(s.Root, "containers", removingPrefix+h.id)
	if err := os.Rename(h.Dir(), going); err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.keep = true
		return fmt.Errorf("remove container %.12s: %w", h.id, err)
	}
	if err := linux.RemoveTree(going); err != nil {
		h.keep = true
		return fmt.Errorf("remove container %.12s: %w", h.id, err)
	}
	if name == "" {
		return nil
	}
	return s.releaseName(name, h.id)
}

// Leftovers returns the IDs of containers that are half made or half removed
// and not marked as active: after a reboot, or when that mark got lost.
func (s *Store) Leftovers() ([]string, error) {
	names, err := readNames(filepath.Join(s.Root, "containers"))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, n := range names {
		id, removing := strings.CutPrefix(n, removingPrefix)
		if _, err := s.recordBytes(n); removing || errors.Is(err, fs.ErrNotExist) {
			out = append(out, id)
		}
	}
	return out, nil
}
