package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	names, err := h.names()
	if err != nil {
		h.keep = true
		return fmt.Errorf("remove container %.12s: %w", h.id, err)
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
	for _, name := range names {
		if err := s.releaseName(name, h.id); err != nil {
			h.keep = true
			return fmt.Errorf("remove container %.12s: %w", h.id, err)
		}
	}
	return nil
}

// names are those to give back: one, where the container was complete.
func (h *Handle) names() ([]string, error) {
	if h.Record == nil {
		return h.s.namesOf(h.id)
	}
	if h.Record.Name == "" {
		return nil, nil
	}
	return []string{h.Record.Name}, nil
}

// Leftovers returns the IDs of containers that are half made or half removed,
// or of which only the name is left, marked as active or not: after a reboot
// that mark is gone.
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
	claimed, err := readNames(filepath.Join(s.Root, "names"))
	for _, n := range claimed {
		if owner, err := s.named(n); err == nil && !s.Exists(owner) {
			out = append(out, owner)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), err
}
