package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"mydocker/internal/filelock"
)

// ErrSameName says that a container is called so already.
var ErrSameName = errors.New("Renaming a container with the same name as its current name")

// Rename gives a container another name, also while somebody else is responsible
// for it.
//
// Of several names that lead to a container the one in its record holds. The
// other stands there as Spare from before it is claimed until after it is given
// back: whoever is killed in between leaves one name that works, and the other
// to the next rename, to the removal, or to a container that wants it.
func (s *Store) Rename(id, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	names, err := s.lockNames()
	if err != nil {
		return err
	}
	defer names.release()
	return s.rename(id, name)
}

// rename is Rename for who holds the lock on names.
func (s *Store) rename(id, name string) error {
	// What a rename that was killed left goes before it is forgotten.
	if r, err := s.Load(id); err == nil && r.Spare != "" && r.Spare != name {
		if err := s.dropName(r.Spare, id); err != nil {
			return err
		}
	}
	var old string
	err := s.Edit(id, func(r *Record) error {
		if r.Name == name {
			return ErrSameName
		}
		old, r.Spare = r.Name, name
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.claim(name, id, s.dropStale); err != nil {
		if !s.Exists(id) { // it was removed meanwhile
			return &NotFoundError{id}
		}
		return errors.Join(err, s.settle(id))
	}
	err = s.Edit(id, func(r *Record) error { r.Name, r.Spare = name, old; return nil })
	if err != nil { // it was removed meanwhile
		return errors.Join(err, s.dropName(name, id))
	}
	return errors.Join(s.dropName(old, id), s.settle(id))
}

// settle notes that no other name leads to the container any more.
func (s *Store) settle(id string) error {
	err := s.Edit(id, func(r *Record) error { r.Spare = ""; return nil })
	var gone *NotFoundError
	if errors.As(err, &gone) {
		return nil
	}
	return err
}

// nameLock is held by whoever takes names away: between the look at a name and
// its removal it must not become somebody else's.
type nameLock struct {
	*filelock.Held
	path string
}

func (s *Store) lockNames() (nameLock, error) {
	path := filepath.Join(s.State, "names.lock")
	lock, err := filelock.Lock(path)
	return nameLock{lock, path}, err
}

func (l nameLock) release() {
	os.Remove(l.path) // while it is held: see filelock.Lock
	l.Close()
}

// releaseStale is dropStale for who does not hold the lock on names.
func (s *Store) releaseStale(name string) (owner string, err error) {
	names, err := s.lockNames()
	if err != nil {
		return "", err
	}
	defer names.release()
	return s.dropStale(name)
}

// dropStale frees a name whose container is gone or is called otherwise, and
// returns its owner where it is in use. The caller holds the lock on names.
func (s *Store) dropStale(name string) (owner string, err error) {
	owner, err = s.named(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if r, err := s.Load(owner); owner == "" || err == nil && r.Name != name || !s.Exists(owner) {
		return "", s.dropName(name, owner)
	}
	return owner, nil
}

// dropName gives a name back, if it is that container's. The caller holds the
// lock on names.
func (s *Store) dropName(name, id string) error {
	owner, err := s.named(name)
	if err != nil || owner != id {
		return nil
	}
	if err := os.Remove(s.namePath(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("release the name: %w", err)
	}
	return nil
}
