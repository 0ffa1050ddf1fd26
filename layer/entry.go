package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"mydocker/linux"
)

// unpacker makes entries below root.
type unpacker struct {
	root   *os.File
	limits Limits
	result Result

	// Files of one directory come in a row, so the last one stays open.
	parent     *os.File
	parentPath string

	// Directories get their times when nothing is put into them any more.
	dirs []dirTimes
	buf  []byte
}

type dirTimes struct {
	path             string
	access, modified time.Time
}

// entry makes what one header tells of.
func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	if u.result.Entries++; u.result.Entries > u.limits.Entries {
		return fmt.Errorf("%w of %d entries", ErrLimit, u.limits.Entries)
	}
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil // comments of git and the like
	}
	full, err := u.clean(h.Name)
	if err != nil {
		return err
	}
	dir, err := u.open(path.Dir(full))
	if err != nil {
		return err
	}
	name := path.Base(full)
	if full == "." {
		if h.Typeflag != tar.TypeDir {
			return errors.New("the root must be a directory")
		}
	} else if err := u.clear(dir, name, h.Typeflag == tar.TypeDir); err != nil {
		return err
	}
	if err := u.create(dir, name, h, content); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeLink {
		return nil // the other name has it all
	}
	return u.attributes(dir, name, full, h)
}

// clean makes a relative path of a name; there is no reason for a "..".
func (u *unpacker) clean(name string) (string, error) {
	if len(name) > u.limits.Path {
		return "", fmt.Errorf("%w of %d bytes in a path", ErrLimit, u.limits.Path)
	}
	if slices.Contains(strings.Split(name, "/"), "..") || strings.IndexByte(name, 0) >= 0 {
		return "", ErrEscape
	}
	if name == "" {
		return "", errors.New("an entry without a name")
	}
	return path.Clean(strings.TrimLeft(name, "/")), nil
}

// open returns a directory, made if need be. It is open until the next call.
func (u *unpacker) open(p string) (*os.File, error) {
	if u.parent != nil && u.parentPath == p {
		return u.parent, nil
	}
	u.forget()
	d, err := u.openDir(p)
	if errors.Is(err, fs.ErrNotExist) && p != "." {
		d, err = u.makeParents(p)
	}
	if err != nil {
		return nil, err
	}
	u.parent, u.parentPath = d, p
	return d, nil
}

func (u *unpacker) openDir(p string) (*os.File, error) {
	return linux.OpenIn(u.root, p, linux.O_PATH|linux.O_DIRECTORY, 0)
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
		if _, err = linux.KindAt(above, part); errors.Is(err, fs.ErrNotExist) {
			if err = linux.MakeDirAt(above, part, 0o755); err == nil {
				err = linux.ChmodAt(above, part, 0o755) // whatever the umask
			}
		}
		above.Close()
		if err != nil {
			return nil, err
		}
	}
	return u.openDir(p)
}

// forget closes the directory that was kept.
func (u *unpacker) forget() {
	if u.parent != nil {
		u.parent.Close()
		u.parent = nil
	}
}

// clear removes what is in the way of a new entry.
func (u *unpacker) clear(dir *os.File, name string, isDir bool) error {
	kind, err := linux.KindAt(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || isDir && kind == syscall.S_IFDIR {
		return err
	}
	return linux.RemoveAt(dir, name)
}

func (u *unpacker) create(dir *os.File, name string, h *tar.Header, content io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir:
		err := linux.MakeDirAt(dir, name, 0o700)
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		return u.file(dir, name, h.Size, content)
	case tar.TypeSymlink:
		if len(h.Linkname) > u.limits.Path {
			return fmt.Errorf("%w of %d bytes in a path", ErrLimit, u.limits.Path)
		}
		return linux.MakeSymlinkAt(h.Linkname, dir, name)
	case tar.TypeLink:
		return u.link(dir, name, h.Linkname)
	case tar.TypeFifo:
		return linux.MakeNodeAt(dir, name, syscall.S_IFIFO|0o600, 0, 0)
	case tar.TypeChar, tar.TypeBlock:
		return u.device(dir, name, h)
	}
	return fmt.Errorf("entries of type %q are not known", h.Typeflag)
}

// link opens the target's directory itself: dir stays the one that is kept.
func (u *unpacker) link(dir *os.File, name, target string) error {
	to, err := u.clean(target)
	if err != nil {
		return fmt.Errorf("link to %q: %w", target, err)
	}
	from, err := u.openDir(path.Dir(to))
	if err != nil {
		return fmt.Errorf("link to %q: %w", target, err)
	}
	defer from.Close()
	if err := linux.LinkAt(from, path.Base(to), dir, name); err != nil {
		return fmt.Errorf("link to %q: %w", target, err)
	}
	return nil
}

// device makes a node, which is of no use to anybody before a container's
// device rules allow it: the store is root's alone, see security.md.
func (u *unpacker) device(dir *os.File, name string, h *tar.Header) error {
	const maxMajor, maxMinor = 1<<12 - 1, 1<<20 - 1 // include/linux/kdev_t.h
	if h.Devmajor < 0 || h.Devmajor > maxMajor || h.Devminor < 0 || h.Devminor > maxMinor {
		return fmt.Errorf("there is no device %d:%d", h.Devmajor, h.Devminor)
	}
	kind := uint32(syscall.S_IFCHR)
	if h.Typeflag == tar.TypeBlock {
		kind = syscall.S_IFBLK
	}
	return linux.MakeNodeAt(dir, name, kind|0o600, uint32(h.Devmajor), uint32(h.Devminor))
}

// file writes content, with holes where it is empty.
func (u *unpacker) file(dir *os.File, name string, size int64, content io.Reader) error {
	if u.result.Size += size; u.result.Size > u.limits.Bytes || u.result.Size < 0 {
		return fmt.Errorf("%w of %d bytes", ErrLimit, u.limits.Bytes)
	}
	f, err := linux.CreateAt(dir, name)
	if err != nil {
		return err
	}
	err = u.copy(f, size, content)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// empty is a block that needs no room on the disk.
var empty [128 << 10]byte

func (u *unpacker) copy(f *os.File, size int64, content io.Reader) error {
	if u.buf == nil {
		u.buf = make([]byte, len(empty))
	}
	for left := size; left > 0; {
		b := u.buf[:min(left, int64(len(u.buf)))]
		if _, err := io.ReadFull(content, b); err != nil {
			return tooEarly(err)
		}
		left -= int64(len(b))
		var err error
		if len(b) == len(empty) && bytes.Equal(b, empty[:]) {
			_, err = f.Seek(int64(len(b)), io.SeekCurrent)
		} else {
			_, err = f.Write(b)
		}
		if err != nil {
			return err
		}
	}
	if size < int64(len(empty)) {
		return nil // no hole
	}
	return f.Truncate(size)
}

// attributes come in this order because a change of owner takes set-id bits
// and capabilities away.
func (u *unpacker) attributes(dir *os.File, name, full string, h *tar.Header) error {
	if h.Uid < 0 || h.Uid >= math.MaxUint32 || h.Gid < 0 || h.Gid >= math.MaxUint32 {
		return fmt.Errorf("there is no owner %d:%d", h.Uid, h.Gid)
	}
	if err := linux.ChownAt(dir, name, h.Uid, h.Gid); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeSymlink {
		if err := linux.ChmodAt(dir, name, uint32(h.Mode&0o7777)); err != nil {
			return err
		}
	}
	if err := setXattrs(dir, name, h); err != nil {
		return err
	}
	access := h.AccessTime
	if access.IsZero() {
		access = h.ModTime
	}
	if h.Typeflag == tar.TypeDir {
		u.dirs = append(u.dirs, dirTimes{full, access, h.ModTime})
		return nil
	}
	return linux.SetTimesAt(dir, name, access, h.ModTime)
}

// setXattrs sets the attributes that a PAX header tells of. Those of overlayfs
// would make it look elsewhere for files, and are never an archive's business.
func setXattrs(dir *os.File, name string, h *tar.Header) error {
	for key, value := range h.PAXRecords {
		attr, ok := strings.CutPrefix(key, "SCHILY.xattr.")
		if !ok || strings.HasPrefix(attr, "trusted.overlay.") || strings.HasPrefix(attr, "user.overlay.") {
			continue
		}
		err := linux.SetXattrAt(dir, name, attr, []byte(value))
		// Not every file system has all, and only files and directories user.*.
		if err != nil && !errors.Is(err, syscall.ENOTSUP) && !(errors.Is(err, syscall.EPERM) && h.Typeflag != tar.TypeReg) {
			return fmt.Errorf("set attribute %q: %w", attr, err)
		}
	}
	return nil
}

// finish sets the times of directories, those below first. One that a later
// entry replaced has none to set any more.
func (u *unpacker) finish() error {
	for _, d := range slices.Backward(u.dirs) {
		dir, err := linux.OpenIn(u.root, d.path, linux.O_PATH|linux.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) {
			continue
		}
		if err != nil {
			return err
		}
		err = linux.SetTimesAt(dir, ".", d.access, d.modified)
		dir.Close()
		if err != nil {
			return fmt.Errorf("unpack %q: %w", d.path, err)
		}
	}
	return nil
}
