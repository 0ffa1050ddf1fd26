package layer

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"mydocker/linux"
)

// Names of the OCI image specification, layer.md, "Whiteouts".
const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
	aufsPrefix     = ".wh..wh." // what aufs kept for itself got into old images
)

// errWhiteout is for names that hide nothing one could hide.
var errWhiteout = errors.New("the name is no whiteout, but begins like one")

// whiteout makes what an entry of such a name means; done is false where the
// name is none, and the entry a file.
//
// A whiteout is about the layers below, whatever comes before or after it in the
// archive: it takes nothing away that this layer has.
func (u *unpacker) whiteout(full string) (done bool, err error) {
	parts := strings.Split(full, "/")
	for i, p := range parts {
		last := i == len(parts)-1
		switch {
		case !strings.HasPrefix(p, whiteoutPrefix):
			continue
		case last && p == opaqueName:
			return true, u.hideAll(path.Dir(full))
		case strings.HasPrefix(p, aufsPrefix):
			return true, nil
		case last:
			return true, u.hide(path.Dir(full), strings.TrimPrefix(p, whiteoutPrefix))
		}
		return true, errWhiteout
	}
	return false, nil
}

// hideAll hides what the layers below have in a directory.
func (u *unpacker) hideAll(p string) error {
	if p == "." {
		u.result.Opaque = true
	}
	dir, err := u.open(p)
	if err != nil {
		return err
	}
	return opaque(dir, ".")
}

// hide hides one name of the layers below.
func (u *unpacker) hide(p, name string) error {
	if name == "" || name == "." || name == ".." {
		return errWhiteout
	}
	dir, err := u.open(p)
	if err != nil {
		return err
	}
	kind, err := linux.KindAt(dir, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return linux.MakeWhiteoutAt(dir, name)
	case err == nil && kind == syscall.S_IFDIR:
		return opaque(dir, name) // else it would show the other's files, too
	}
	return err
}

// uncover removes a whiteout where a directory comes, and says if there was one.
func (u *unpacker) uncover(dir *os.File, name string) (bool, error) {
	if !u.options.Whiteouts {
		return false, nil
	}
	is, err := linux.IsWhiteoutAt(dir, name)
	if !is || err != nil {
		return false, err
	}
	return true, linux.RemoveAt(dir, name)
}

// opaque marks a directory that shows nothing of the layers below.
func opaque(dir *os.File, name string) error {
	return linux.SetXattrAt(dir, name, "trusted.overlay.opaque", []byte("y"))
}
