package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"mydocker/internal/atomicfile"
	"mydocker/internal/filelock"
	"mydocker/reference"
)

// repositories is the file of names.
type repositories struct {
	Version int               `json:"version"`
	Names   map[string]string `json:"names"` // "alpine:latest", "alpine@sha256:<hex>": "sha256:<hex>"
}

const repositoriesVersion = 1

// Tag gives an image one more name. An image that had it before loses it.
func (s *Store) Tag(nameOrID, name string) error {
	target, err := tagName(name)
	if err != nil {
		return err
	}
	return s.locked(func() error {
		img, err := s.Resolve(nameOrID)
		if err != nil {
			return err
		}
		if img.Host {
			return fmt.Errorf("the image %s is the host itself and keeps its one name", hostFull)
		}
		if err := s.changeNames(func(names map[string]string) { names[target] = img.ID }); err != nil {
			return err
		}
		_, err = s.mirror()
		return err
	})
}

// CheckName says whether an image may get a name: its form, and that it is not
// the embedded image's.
func CheckName(name string) error {
	_, err := tagName(name)
	return err
}

// tagName completes a name that an image shall get.
func tagName(name string) (string, error) {
	ref, err := reference.Parse(name)
	if err != nil {
		return "", err
	}
	if ref.Digest != "" {
		return "", errors.New("refusing to create a tag with a digest reference")
	}
	if ref.Name() == HostName {
		return "", fmt.Errorf("the name %q belongs to the embedded image, choose another", HostName)
	}
	return ref.Familiar(), nil
}

// readNames returns the stored names, none if there is no file yet.
func (s *Store) readNames() (map[string]string, error) {
	r := repositories{Version: repositoriesVersion}
	err := readJSON(s.path("repositories.json"), &r)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if r.Version != repositoriesVersion {
		return nil, fmt.Errorf("%s has version %d, this program knows %d", s.path("repositories.json"), r.Version, repositoriesVersion)
	}
	if r.Names == nil {
		r.Names = map[string]string{}
	}
	return r.Names, nil
}

// changeNames is for the holder of the lock.
func (s *Store) changeNames(change func(names map[string]string)) error {
	names, err := s.readNames()
	if err != nil {
		return err
	}
	change(names)
	return writeJSON(s.path("repositories.json"), repositories{Version: repositoriesVersion, Names: names})
}

// locked calls f while nobody else changes the store.
func (s *Store) locked(f func() error) error {
	for _, dir := range []string{s.path("records"), s.LayerDir("")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the image store: %w", err)
		}
	}
	lock, err := filelock.Lock(s.path("lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	return f()
}

// storedName is the name under which the store has what a reference means. A
// digest tells all, whatever tag is before it.
func storedName(ref reference.Ref) string {
	if ref.Digest != "" {
		ref.Tag = ""
	}
	return ref.Familiar()
}

// namesOf lists the names of one image in order, and its digests.
func namesOf(id string, names map[string]string) (mine, digests []string) {
	for n, other := range names {
		switch {
		case other != id:
		case isDigestName(n):
			digests = append(digests, n)
		default:
			mine = append(mine, n)
		}
	}
	slices.Sort(mine)
	slices.Sort(digests)
	return mine, digests
}

func isDigestName(name string) bool { return strings.Contains(name, "@") }

// repositoryOf is a stored name without tag and digest.
func repositoryOf(name string) string {
	if repository, _, ok := strings.Cut(name, "@"); ok {
		return repository
	}
	return name[:max(strings.LastIndexByte(name, ':'), 0)]
}

func readJSON(path string, v any) error {
	b, err := readFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// readFile reads one of the store's files, none of which is as large as maxFile.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("it has more than %d bytes", maxFile)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return b, nil
}

func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return atomicfile.Write(path, b, 0o600, true)
}
