package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/runtimespec"
)

// maxConfig is the size above which a specification is refused, in bytes.
const maxConfig = 16 << 20

// config is a bundle's specification, as it was read and taken apart.
type config struct {
	text    []byte
	spec    *specs.Spec
	seccomp json.RawMessage // linux.seccomp, which is not in spec
	dir     string          // of the bundle, absolute
}

// load reads the specification of the bundle in a directory. Paths in it that
// are relative to the bundle become absolute.
func load(bundle string) (*config, error) {
	dir, err := filepath.Abs(bundle)
	if err != nil {
		return nil, err
	}
	c := &config{dir: dir}
	if c.text, err = readLimited(filepath.Join(dir, configFile)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("JSON specification file %s not found", filepath.Join(dir, configFile))
		}
		return nil, err
	}
	if c.spec, c.seccomp, err = runtimespec.Decode(c.text); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, configFile), err)
	}
	return c, nil
}

// readLimited reads a regular file of at most maxConfig bytes.
func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err == nil && len(b) > maxConfig {
		err = fmt.Errorf("%s: it is larger than %d bytes", path, maxConfig)
	}
	return b, err
}

// absolute resolves what is relative to the bundle.
func (c *config) absolute() error {
	s := c.spec
	s.Root.Path = c.in(s.Root.Path)
	st, err := os.Stat(s.Root.Path)
	switch {
	case err != nil:
		return fmt.Errorf("invalid rootfs: %w", err)
	case !st.IsDir():
		return fmt.Errorf("invalid rootfs: %s is not a directory", s.Root.Path)
	}
	// Whoever may change the path must not change what was looked at.
	if s.Root.Path, err = filepath.EvalSymlinks(s.Root.Path); err != nil {
		return fmt.Errorf("invalid rootfs: %w", err)
	}
	if s.Root.Path == "/" {
		return errors.New("invalid rootfs: it is the host's")
	}
	for i := range s.Mounts {
		if m := &s.Mounts[i]; isBind(*m) && m.Source != "" {
			m.Source = c.in(m.Source)
		}
	}
	return nil
}

// in returns an absolute path for one that may be relative to the bundle.
func (c *config) in(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(c.dir, p)
}

// isBind tells a mount of what is there already.
func isBind(m specs.Mount) bool {
	if m.Type == "bind" {
		return true
	}
	for _, o := range m.Options {
		if o == "bind" || o == "rbind" {
			return true
		}
	}
	return false
}
