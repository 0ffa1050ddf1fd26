package layer

import (
	"errors"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"mydocker/linux"
)

// A Change is what a writable layer makes of a path of those below it.
type Change struct {
	Kind Kind
	Path string // absolute, in the container
}

// Kind is what was done to a path; the letters are those of docker diff.
type Kind byte

// The kinds of changes. A directory counts as changed when something in it is.
const (
	Modified Kind = 'C'
	Added    Kind = 'A'
	Deleted  Kind = 'D'
)

// Changes returns what the overlay's upper directory changes of the lower ones, of
// which the top one is first, sorted by path. Of a directory that was removed only
// itself is told. What was opened for writing and not written is not changed.
//
// places, mount points, are left out with what is below them, and with those
// directories on the way to them that hold nothing else. The upper directory may
// be in use; no symbolic link of it, or of the lower ones, is followed. A
// directory that overlayfs has renamed (redirect_dir) is added, without what
// stayed below.
func Changes(upper string, lowers, places []string) ([]Change, error) {
	c := &comparison{places: map[string]bool{}}
	for _, p := range places {
		c.places[path.Clean("/"+p)] = true
	}
	var below []*os.File
	defer func() { closeAll(below) }()
	for _, l := range lowers {
		d, err := os.Open(l)
		if err != nil {
			return nil, err
		}
		below = append(below, d)
	}
	top, err := os.Open(upper)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	if err := c.directory("/", top, below, false); err != nil {
		return nil, err
	}
	slices.SortFunc(c.out, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return c.out, nil
}

type comparison struct {
	places map[string]bool
	out    []Change
}

func (c *comparison) add(k Kind, p string) { c.out = append(c.out, Change{k, p}) }

// directory compares a directory of the upper layer with what it covers: the
// directories of that name below, the top one first. replaced says that it hides
// them as a whole.
func (c *comparison) directory(p string, top *os.File, below []*os.File, replaced bool) error {
	names, err := top.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := c.entry(path.Join(p, n), top, n, below); err != nil {
			return err
		}
	}
	if replaced {
		return c.hidden(p, names, below)
	}
	return nil
}

// hidden tells those names below that the upper directory, which shows nothing of
// them, does not have itself.
func (c *comparison) hidden(p string, have []string, below []*os.File) error {
	seen := map[string]bool{}
	for _, n := range have {
		seen[n] = true
	}
	for _, d := range below {
		names, err := relisted(d)
		if err != nil {
			return err
		}
		for _, n := range names {
			if seen[n] || c.places[path.Join(p, n)] {
				continue
			}
			seen[n] = true
			if old, err := lookup(below, n); err != nil {
				return err
			} else if old != nil {
				c.add(Deleted, path.Join(p, n))
			}
		}
	}
	return nil
}

// entry compares one name of an upper directory.
func (c *comparison) entry(p string, top *os.File, name string, below []*os.File) error {
	if c.places[p] {
		return nil
	}
	now, err := linux.StatAt(top, name)
	if errors.Is(err, os.ErrNotExist) {
		return nil // gone meanwhile
	}
	if err != nil {
		return err
	}
	old, err := lookup(below, name)
	if err != nil {
		return err
	}
	gone, err := whiteout(top, name, now)
	switch {
	case err != nil:
		return err
	case gone && old == nil:
		return nil
	case gone:
		c.add(Deleted, p)
		return nil
	case now.IsDir() || old != nil && old.IsDir():
		return c.tree(p, top, name, now, old, below)
	case old == nil:
		c.add(Added, p)
	case differ(now, *old):
		c.add(Modified, p)
	}
	return nil
}

// tree compares what is a directory now, or was one.
func (c *comparison) tree(p string, top *os.File, name string, now linux.Stat, old *linux.Stat, below []*os.File) error {
	before := len(c.out)
	under, err := directoriesOf(below, name, old)
	defer closeAll(under)
	if err != nil {
		return err
	}
	if now.IsDir() {
		err = c.inside(p, top, name, under)
	} else {
		err = c.hidden(p, nil, under)
	}
	if err != nil {
		return err
	}
	found := len(c.out) > before
	switch {
	case old == nil && !found && c.onTheWay(p): // the engine made it, for a mount
	case old == nil:
		c.add(Added, p)
	case found || differ(now, *old):
		c.add(Modified, p)
	}
	return nil
}

// inside goes on in a directory of the upper layer.
func (c *comparison) inside(p string, top *os.File, name string, under []*os.File) error {
	d, err := linux.OpenDirAt(top, name)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) {
		return nil // another thing meanwhile
	}
	if err != nil {
		return err
	}
	defer d.Close()
	replaced, err := isOpaque(d)
	if err != nil {
		return err
	}
	return c.directory(p, d, under, replaced)
}

// onTheWay tells a directory that leads to a mount point.
func (c *comparison) onTheWay(p string) bool {
	for place := range c.places {
		if strings.HasPrefix(place, p+"/") {
			return true
		}
	}
	return false
}

// differ tells whether a file is another than it was. The size and the time of a
// directory say nothing about it.
func differ(now, old linux.Stat) bool {
	if now.Mode != old.Mode || now.UID != old.UID || now.GID != old.GID || now.Device != old.Device {
		return true
	}
	return !now.IsDir() && (now.Size != old.Size || !now.Modified.Equal(old.Modified))
}
