package layer

import (
	"errors"
	"os"
	"syscall"

	"mydocker/linux"
)

// Directories of several layers as overlayfs shows them as one, the top one
// first; see "whiteouts and opaque directories" in the kernel's overlayfs.rst.

// lookup returns what a name is in them, or nil.
func lookup(dirs []*os.File, name string) (*linux.Stat, error) {
	for _, d := range dirs {
		st, err := linux.StatAt(d, name)
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if gone, err := whiteout(d, name, st); gone || err != nil {
			return nil, err
		}
		return &st, nil
	}
	return nil, nil
}

// directoriesOf opens the directories that make up the one of that name; none
// where it is, by its Stat, no directory.
func directoriesOf(dirs []*os.File, name string, st *linux.Stat) (out []*os.File, err error) {
	if st == nil || !st.IsDir() {
		return nil, nil
	}
	for _, d := range dirs {
		sub, err := linux.OpenDirAt(d, name)
		if absent(err) && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if absent(err) { // a file or a whiteout hides what is below
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if mounted, err := isMount(d, sub); mounted || err != nil {
			sub.Close()
			if err != nil {
				return out, err
			}
			continue // overlayfs does not see what is mounted there
		}
		out = append(out, sub)
		if last, err := isOpaque(sub); last || err != nil {
			return out, err
		}
	}
	return out, nil
}

// isMount tells a directory that lies on another file system than the one it is in.
func isMount(dir, sub *os.File) (bool, error) {
	a, err := linux.StatAt(dir, ".")
	if err != nil {
		return false, err
	}
	b, err := linux.StatAt(sub, ".")
	return a.On != b.On, err
}

// absent tells errors of a name that is no directory, or not there.
func absent(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP)
}

// whiteout tells what hides a name: a device 0:0, or an empty file that an
// attribute makes one.
func whiteout(dir *os.File, name string, st linux.Stat) (bool, error) {
	if st.IsWhiteout() {
		return true, nil
	}
	if !st.IsRegular() || st.Size != 0 {
		return false, nil
	}
	value, err := overlayAttribute(dir, name, "whiteout")
	return value != nil, err
}

// isOpaque tells a directory that hides those of its name below. The value "x"
// says only that there are whiteouts by attribute in it.
func isOpaque(dir *os.File) (bool, error) {
	value, err := overlayAttribute(dir, ".", "opaque")
	return string(value) == "y", err
}

// overlayAttribute reads one of overlayfs's attributes. Those of the kind
// user.overlay do not count: the engine's mounts do not use them, and a container
// could write them.
func overlayAttribute(dir *os.File, name, attribute string) ([]byte, error) {
	value, err := linux.GetXattrAt(dir, name, "trusted.overlay."+attribute)
	if absent(err) {
		return nil, nil // gone meanwhile
	}
	return value, err
}

// relisted lists a directory that was listed before.
func relisted(d *os.File) ([]string, error) {
	if _, err := d.Seek(0, 0); err != nil {
		return nil, err
	}
	return d.Readdirnames(-1)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
