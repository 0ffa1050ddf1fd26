package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"mydocker/internal/atomicfile"
	"mydocker/internal/filelock"
	"mydocker/internal/ocispec"
	"mydocker/linux"
)

// tmpPrefix starts the directories in layers/ that are no layers. Each has a
// file "lock", held by the process that fills it.
const tmpPrefix = "tmp-"

// Staging is a layer that is being made. Close must be called in the end,
// after a Commit, too.
type Staging struct {
	dir  string
	lock *filelock.Held
}

// Stage makes an empty directory for a new layer. Should this process die,
// Repair removes it.
func (s *Store) Stage() (*Staging, error) {
	var st *Staging
	err := s.locked(func() (err error) {
		st, err = s.temp()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make a layer: %w", err)
	}
	if err := os.Mkdir(st.Dir(), 0o755); err != nil {
		return nil, errors.Join(fmt.Errorf("make a layer: %w", err), st.Close())
	}
	return st, nil
}

// temp is for the holder of the store's lock: as Repair looks under it, it
// never sees a directory before it has a lock of its own.
func (s *Store) temp() (*Staging, error) {
	dir, err := os.MkdirTemp(s.LayerDir(""), tmpPrefix+"*")
	if err != nil {
		return nil, err
	}
	lock, err := filelock.Lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	return &Staging{dir: dir, lock: lock}, nil
}

// Dir is the directory to fill.
func (st *Staging) Dir() string { return filepath.Join(st.dir, "diff") }

// Close removes what was not committed.
func (st *Staging) Close() error {
	if st.dir == "" {
		return nil
	}
	// The lock file goes last, so that nobody else starts on the same tree.
	var errs []error
	for _, name := range []string{"diff", "layer"} {
		errs = append(errs, linux.RemoveTree(filepath.Join(st.dir, name)))
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, st.lock.Close())
	}
	err := linux.RemoveTree(st.dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // another one came for the rest
	}
	return errors.Join(err, st.lock.Close())
}

// Commit makes an image of a configuration and one layer, whose DiffID stands
// in it, and gives it a name unless that is "". The layer's files must have
// reached the disk. A layer that is there already is not stored again.
func (s *Store) Commit(st *Staging, config ocispec.Image, size int64, name string) (Image, error) {
	name, err := optionalName(name)
	if err != nil {
		return Image{}, err
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return Image{}, fmt.Errorf("store image: %w", err)
	}
	if len(config.RootFS.DiffIDs) != 1 {
		return Image{}, fmt.Errorf("store image: %q is not the one digest it must be", config.RootFS.DiffIDs)
	}
	only := Layer{DiffID: string(config.RootFS.DiffIDs[0]), Bytes: size}
	layers, err := parse(raw, []Layer{only})
	if err != nil {
		return Image{}, fmt.Errorf("store image: %w", err)
	}
	if layers[0].Disk, err = du(st.dir); err != nil {
		return Image{}, fmt.Errorf("store image: %w", err)
	}
	var img Image
	err = s.locked(func() error {
		if err := s.place(st, layers[0].ChainID); err != nil {
			return err
		}
		img, err = s.record(raw, layers, name)
		return err
	})
	return img, err
}

// place moves a staged layer to its place, unless there is one.
func (s *Store) place(st *Staging, chainID string) error {
	home := s.LayerDir(chainID)
	_, err := os.Lstat(home)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// A layer is a directory with the files in "diff"; it appears with them.
	half := filepath.Join(st.dir, "layer")
	if err := os.Mkdir(half, 0o700); err != nil {
		return err
	}
	if err := os.Rename(st.Dir(), filepath.Join(half, "diff")); err != nil {
		return err
	}
	if err := atomicfile.SyncDir(half); err != nil {
		return err
	}
	if err := os.Rename(half, home); err != nil {
		return err
	}
	return atomicfile.SyncDir(s.LayerDir(""))
}
