package layer

import (
	"os"
	"strings"

	"mydocker/linux"
)

// Inherit gives directories that an archive has no entry for the owner, mode, times
// and attributes of what they cover in the layers below, as if the archive had
// been unpacked on top of them; of those the top one is first. implied is a
// Result's. A name that is no directory any more, or is none below, is left as it is.
func Inherit(dir string, lowers, implied []string) error {
	if len(implied) == 0 || len(lowers) == 0 {
		return nil
	}
	var below []*os.File
	defer func() { closeAll(below) }()
	for _, l := range lowers {
		d, err := os.Open(l)
		if err != nil {
			return err
		}
		below = append(below, d)
	}
	top, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer top.Close()
	for _, p := range implied {
		if err := inherit(top, below, strings.Split(p, "/")); err != nil {
			return &os.PathError{Op: "inherit attributes of", Path: p, Err: err}
		}
	}
	return nil
}

// inherit walks down to a directory, in this layer and in those below.
func inherit(top *os.File, below []*os.File, parts []string) error {
	name := parts[0]
	st, err := lookup(below, name)
	if err != nil || st == nil || !st.IsDir() {
		return err
	}
	if len(parts) == 1 {
		return takeOver(top, below, name, *st)
	}
	d, err := linux.OpenDirAt(top, name)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	under, err := directoriesOf(below, name, st)
	defer closeAll(under)
	if err != nil {
		return err
	}
	return inherit(d, under, parts[1:])
}

func takeOver(top *os.File, below []*os.File, name string, st linux.Stat) error {
	if now, err := linux.StatAt(top, name); absent(err) || err == nil && !now.IsDir() {
		return nil
	} else if err != nil {
		return err
	}
	if err := linux.ChownAt(top, name, int(st.UID), int(st.GID)); err != nil {
		return err
	}
	if err := linux.ChmodAt(top, name, st.Mode&0o7777); err != nil {
		return err
	}
	from, err := holder(below, name)
	if err != nil {
		return err
	}
	attributes, err := linux.XattrsAt(from, name)
	if err != nil {
		return err
	}
	for attr, value := range attributes {
		if ofOverlay(attr) {
			continue
		}
		if err := linux.SetXattrAt(top, name, attr, []byte(value)); err != nil {
			return err
		}
	}
	return linux.SetTimesAt(top, name, st.Modified, st.Modified)
}

// holder returns the first directory that has the name, which is in one.
func holder(below []*os.File, name string) (*os.File, error) {
	for _, d := range below {
		if _, err := linux.StatAt(d, name); !absent(err) {
			return d, err
		}
	}
	return nil, os.ErrNotExist
}

// ofOverlay tells attributes that are overlayfs's own.
func ofOverlay(attr string) bool {
	return strings.HasPrefix(attr, "trusted.overlay.") || strings.HasPrefix(attr, "user.overlay.")
}
