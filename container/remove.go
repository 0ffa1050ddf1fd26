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

// Remove removes the container: its directory, then its names. The directory
// is renamed first, so that no half of a container is ever listed, and no rename
// can give it another name from then on. It follows no link and crosses no mount.
// When it fails, the next repair goes on.
func (h *Handle) Remove() error {
	err := h.remove()
	if err != nil {
		h.keep = true
		return fmt.Errorf("remove container %.12s: %w", h.id, err)
	}
	return nil
}

func (h *Handle) remove() error {
	s := h.s
	going := filepath.Join(s.Root, "containers", removingPrefix+h.id)
	err := os.Rename(h.Dir(), going)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	names, err := h.names(err == nil)
	if err != nil {
		return err
	}
	if err := linux.RemoveTree(going); err != nil {
		return err
	}
	for _, name := range names {
		if err := s.releaseName(name, h.id); err != nil {
			return err
		}
	}
	return nil
}

// names are those to give back: of a whole directory those in its record, as the
// removal found it. Else all that lead to the container are looked for.
func (h *Handle) names(whole bool) (out []string, err error) {
	b, err := h.s.recordBytes(removingPrefix + h.id)
	if err != nil || !whole {
		return h.s.namesOf(h.id)
	}
	r, err := parse(h.id, b)
	if err != nil {
		return h.s.namesOf(h.id)
	}
	for _, name := range []string{r.Name, r.Spare} {
		if name != "" {
			out = append(out, name)
		}
	}
	return out, nil
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
