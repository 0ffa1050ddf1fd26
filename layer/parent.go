package layer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"mydocker/linux"
)

// open returns a directory, made if need be. It is open until the next call.
func (u *unpacker) open(p string) (*os.File, error) {
	if u.parent != nil && u.parentPath == p {
		return u.parent, nil
	}
	u.forget()
	d, err := u.openDir(p)
	missing := errors.Is(err, fs.ErrNotExist) || u.options.Whiteouts && errors.Is(err, syscall.ENOTDIR)
	if missing && p != "." {
		d, err = u.makeParents(p)
	}
	if err != nil {
		return nil, err
	}
	u.parent, u.parentPath = d, p
	return d, nil
}

// openDir refuses what lies too deep. Its path does not tell: links may have
// led there, and each has the whole length of a path for itself.
func (u *unpacker) openDir(p string) (*os.File, error) {
	d, err := linux.OpenIn(u.root, p, linux.O_PATH|linux.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	depth, err := linux.Depth(d)
	if depth-u.rootDepth > u.limits.Depth || errors.Is(err, syscall.ENAMETOOLONG) {
		err = fmt.Errorf("%w of %d directories in each other", ErrLimit, u.limits.Depth)
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// makeParents makes the directories of which the archive has no entries.
func (u *unpacker) makeParents(p string) (*os.File, error) {
	var at string
	for _, part := range strings.Split(p, "/") {
		above, err := u.openDir("./" + at)
		if err != nil {
			return nil, err
		}
		at = path.Join(at, part)
		err = u.makeParent(above, part)
		above.Close()
		if err != nil {
			return nil, err
		}
	}
	return u.openDir(p)
}

// makeParent makes one, unless there is something of that name.
func (u *unpacker) makeParent(above *os.File, name string) error {
	hidden, err := u.uncover(above, name)
	if err != nil {
		return err
	}
	if _, err := linux.KindAt(above, name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	u.implied++
	if err := u.count(); err != nil {
		return err
	}
	if err := linux.MakeDirAt(above, name, 0o755); err != nil {
		return err
	}
	if err := linux.ChmodAt(above, name, 0o755); err != nil { // whatever the umask
		return err
	}
	if hidden {
		return opaque(above, name)
	}
	return u.imply(above, name)
}

// imply notes a directory without an entry, which is to inherit from those below.
func (u *unpacker) imply(above *os.File, name string) error {
	at, err := u.realPath(above, name)
	if err != nil {
		return err
	}
	if u.dirsBytes += len(at) + dirTimesSize; u.dirsBytes > maxDirsBytes {
		return fmt.Errorf("%w of %d bytes for the names of directories", ErrLimit, maxDirsBytes)
	}
	if u.inherits == nil {
		u.inherits = map[string]bool{}
	}
	u.inherits[at] = true
	return nil
}

// named takes note of a directory's entry.
func (u *unpacker) named(above *os.File, name string) error {
	if len(u.inherits) == 0 {
		return nil
	}
	at, err := u.realPath(above, name)
	delete(u.inherits, at)
	return err
}

// realPath tells where something really is: links may have led there.
func (u *unpacker) realPath(above *os.File, name string) (string, error) {
	at, err := linux.PathOf(above)
	return strings.TrimPrefix(path.Join(strings.TrimPrefix(at, u.rootPath), name), "/"), err
}

// forget closes the directory that was kept.
func (u *unpacker) forget() {
	if u.parent != nil {
		u.parent.Close()
		u.parent = nil
	}
}
