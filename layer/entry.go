package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"mydocker/linux"
)

// unpacker makes entries below root.
type unpacker struct {
	root      *os.File
	rootPath  string // as the kernel names it
	rootDepth int
	limits    Limits
	options   Options
	result    Result
	implied   int          // directories made without an entry
	stopped   func() error // the error when nobody waits for the result any more

	// Files of one directory come in a row, so the last one stays open.
	parent     *os.File
	parentPath string

	// Directories get their times when nothing is put into them any more.
	dirs      []dirTimes
	dirsBytes int
	inherits  map[string]bool // directories without an entry, by their real path

	buf []byte
}

// entry makes what one header tells of.
func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	u.result.Entries++
	if err := u.count(); err != nil {
		return err
	}
	isDevice := h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock
	if h.Typeflag == tar.TypeXGlobalHeader || isDevice && u.options.SkipDevices {
		return nil // the first are comments of git and the like
	}
	full, err := u.clean(h.Name)
	if err != nil {
		return err
	}
	if u.options.Whiteouts {
		if done, err := u.whiteout(full); done || err != nil {
			return err
		}
	}
	dir, err := u.open(path.Dir(full))
	if err != nil {
		return err
	}
	return u.place(dir, full, h, content)
}

// place makes an entry in the place of what is there.
func (u *unpacker) place(dir *os.File, full string, h *tar.Header, content io.Reader) error {
	name := path.Base(full)
	replaced := false
	if full == "." {
		if h.Typeflag != tar.TypeDir {
			return errors.New("the root must be a directory")
		}
	} else {
		var err error
		if replaced, err = u.clear(dir, name, h.Typeflag == tar.TypeDir); err != nil {
			return err
		}
	}
	if err := u.create(dir, name, h, content); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeLink {
		return nil // the other name has it all
	}
	if err := u.attributes(dir, name, full, h); err != nil {
		return err
	}
	if u.options.Whiteouts && replaced && h.Typeflag == tar.TypeDir {
		return opaque(dir, name)
	}
	return nil
}

// count compares what was made with the limit.
func (u *unpacker) count() error {
	if u.result.Entries+u.implied > u.limits.Entries {
		return fmt.Errorf("%w of %d entries", ErrLimit, u.limits.Entries)
	}
	return nil
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

// clear removes what is in the way of a new entry, if there is anything.
func (u *unpacker) clear(dir *os.File, name string, isDir bool) (removed bool, err error) {
	kind, err := linux.KindAt(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || isDir && kind == syscall.S_IFDIR {
		return false, err
	}
	return true, linux.RemoveAt(dir, name)
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
	if err == nil {
		defer from.Close()
		err = linux.LinkAt(from, path.Base(to), dir, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ErrLinkBelow, err)
	}
	if err != nil {
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
		if err := u.stopped(); err != nil {
			return err // holes of a sparse file are not read from anywhere
		}
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
