package container

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// claimName makes the name the container's; an empty one is made up. The name
// is a file that holds the ID, linked into place: it is never there half.
func (s *Store) claimName(r *Record) error {
	if r.Name != "" {
		if err := CheckName(r.Name); err != nil {
			return err
		}
		return s.linkName(r.Name, r.ID)
	}
	for try := 0; ; try++ {
		r.Name = RandomName(try)
		err := s.linkName(r.Name, r.ID)
		var taken *NameTakenError
		if !errors.As(err, &taken) || try > 100 {
			return err
		}
	}
}

// linkName claims the name, also from a container that is gone. Only
// [Store.dropName] removes names.
func (s *Store) linkName(name, id string) error { return s.claim(name, id, s.releaseStale) }

// claim links the name into place; where it is there already, stale frees it or
// returns whose it is.
func (s *Store) claim(name, id string, stale func(string) (owner string, err error)) error {
	tmp := filepath.Join(s.Dir(id), "name")
	// What is there is another name of the container, too: it must not be empty
	// while it is written anew.
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("claim the name: %w", err)
	}
	if err := os.WriteFile(tmp, []byte(id), 0o600); err != nil {
		return fmt.Errorf("claim the name: %w", err)
	}
	for range 2 {
		err := os.Link(tmp, s.namePath(name))
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		owner, err := stale(name)
		switch {
		case err != nil:
			return err
		case owner == id: // claimed by a rename that was killed
			return nil
		case owner != "":
			return &NameTakenError{name, owner}
		}
	}
	return &NameTakenError{Name: name}
}

func (s *Store) namePath(name string) string { return filepath.Join(s.Root, "names", name) }

// named returns the ID that a name belongs to.
func (s *Store) named(name string) (string, error) {
	if CheckName(name) != nil {
		return "", fs.ErrNotExist
	}
	b, err := os.ReadFile(s.namePath(name))
	return string(b), err
}

// releaseName gives the name back, if it is that container's.
func (s *Store) releaseName(name, id string) error {
	names, err := s.lockNames()
	if err != nil {
		return err
	}
	defer names.release()
	return s.dropName(name, id)
}

// namesOf returns the names that a container has claimed, by looking at all:
// for one whose record is not there.
func (s *Store) namesOf(id string) (out []string, err error) {
	all, err := readNames(filepath.Join(s.Root, "names"))
	for _, name := range all {
		if owner, err := s.named(name); err == nil && owner == id {
			out = append(out, name)
		}
	}
	return out, err
}

// A NameTakenError says that a name belongs to another container.
type NameTakenError struct{ Name, Owner string }

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("Conflict. The container name \"/%s\" is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", e.Name, e.Owner)
}

// Hint says what to do.
func (e *NameTakenError) Hint() string { return "mydocker rm " + e.Name + ", or another --name" }

// CheckName refuses what is no name for a container, in Docker's words.
func CheckName(name string) error {
	ok := len(name) >= 2
	for i, c := range name {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		ok = ok && (alnum || i > 0 && strings.ContainsRune("_.-", c))
	}
	if !ok || len(name) > 255 {
		return fmt.Errorf("Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name)
	}
	return nil
}

// RandomName makes a name up, such as "patient_noether"; later tries add a digit.
func RandomName(try int) string {
	name := adjectives[rand.IntN(len(adjectives))] + "_" + surnames[rand.IntN(len(surnames))]
	if try > 0 {
		name += fmt.Sprint(rand.IntN(10))
	}
	return name
}
