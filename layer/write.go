package layer

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"mydocker/linux"
)

// Write packs the upper directory of an overlay as a layer, the reverse of Unpack with
// Whiteouts: what overlayfs hides a name with becomes ".wh.NAME", an opaque
// directory gets the entry ".wh..wh..opq" before what is in it. Names come in
// the order of bytes, so that the same directory makes the same archive.
//
// Owners, modes with set-id bits, times to the nanosecond, extended attributes and
// hard links are kept (PAX); holes are written as zeros, which Unpack makes holes
// of. Sockets, which tar has no type for, and overlayfs's attributes are left out.
// No symbolic link is followed. A directory that overlayfs has renamed
// (redirect_dir), a file of which it has only the attributes (metacopy), and names
// that begin as whiteouts do are refused.
func Write(ctx context.Context, dir string, w io.Writer) (Result, error) {
	d, err := os.Open(dir)
	if err != nil {
		return Result{}, err
	}
	defer d.Close()
	sum := sha256.New()
	p := &packer{ctx: ctx, w: tar.NewWriter(io.MultiWriter(w, sum)), first: map[inode]string{}}
	if err := p.directory(d, "."); err != nil {
		return Result{}, fmt.Errorf("pack a layer: %w", err)
	}
	if err := p.w.Close(); err != nil {
		return Result{}, fmt.Errorf("pack a layer: %w", err)
	}
	p.result.DiffID = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return p.result, nil
}

// packer writes entries.
type packer struct {
	ctx    context.Context
	w      *tar.Writer
	first  map[inode]string // first names of files with several
	result Result
}

// inode is who a file is.
type inode struct{ on, number uint64 }

// directory writes what is in one; its own entry is written.
func (p *packer) directory(d *os.File, at string) error {
	if replaced, err := isOpaque(d); err != nil {
		return err
	} else if replaced {
		p.result.Opaque = p.result.Opaque || at == "."
		if err := p.mark(path.Join(at, opaqueName)); err != nil {
			return err
		}
	}
	names, err := d.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, n := range names {
		if err := p.entry(d, n, path.Join(at, n)); err != nil {
			return fmt.Errorf("%q: %w", path.Join(at, n), err)
		}
	}
	return nil
}

// mark writes an entry that tells something by its name only.
func (p *packer) mark(name string) error {
	p.result.Entries++
	return p.w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Format: tar.FormatPAX, ModTime: time.Unix(0, 0)})
}

func (p *packer) entry(d *os.File, name, at string) error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	st, err := linux.StatAt(d, name)
	if err != nil {
		return err
	}
	if hides, err := whiteout(d, name, st); err != nil {
		return err
	} else if hides {
		return p.mark(path.Join(path.Dir(at), whiteoutPrefix+name))
	}
	if strings.HasPrefix(name, whiteoutPrefix) {
		return errWhiteout
	}
	h, err := p.header(d, name, at, st)
	if err != nil || h == nil {
		return err
	}
	p.result.Entries++
	if err := p.write(d, name, h); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeDir {
		return nil
	}
	sub, err := linux.OpenDirAt(d, name)
	if err != nil {
		return err
	}
	defer sub.Close()
	return p.directory(sub, at)
}

// header describes a file, nil for one that is left out.
func (p *packer) header(d *os.File, name, at string, st linux.Stat) (*tar.Header, error) {
	h := &tar.Header{Name: at, Format: tar.FormatPAX, Mode: int64(st.Mode & 0o7777), Uid: int(st.UID), Gid: int(st.GID), ModTime: st.Modified}
	if st.Links > 1 && !st.IsDir() {
		id := inode{st.On, st.Inode}
		if first, ok := p.first[id]; ok {
			h.Typeflag, h.Linkname = tar.TypeLink, first
			return h, nil
		}
		p.first[id] = at
	}
	var err error
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFSOCK:
		return nil, nil
	case syscall.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, at+"/"
	case syscall.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, st.Size
	case syscall.S_IFLNK:
		h.Typeflag = tar.TypeSymlink
		h.Linkname, err = linux.ReadLinkAt(d, name)
	case syscall.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	case syscall.S_IFCHR:
		h.Typeflag = tar.TypeChar
	case syscall.S_IFBLK:
		h.Typeflag = tar.TypeBlock
	}
	if h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock {
		h.Devmajor, h.Devminor = linux.DeviceNumbers(st.Device)
	}
	if err != nil {
		return nil, err
	}
	return h, attributesOf(d, name, h)
}

// attributesOf takes the extended attributes into a header.
func attributesOf(d *os.File, name string, h *tar.Header) error {
	all, err := linux.XattrsAt(d, name)
	if err != nil {
		return err
	}
	for attr, value := range all {
		switch {
		case attr == "trusted.overlay.redirect" || attr == "trusted.overlay.metacopy":
			return fmt.Errorf("the layer is not whole by itself: it has %s", attr)
		case ofOverlay(attr):
			continue
		case h.PAXRecords == nil:
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords["SCHILY.xattr."+attr] = value
	}
	return nil
}

// write writes the header, and what is in a regular file.
func (p *packer) write(d *os.File, name string, h *tar.Header) error {
	if h.Typeflag != tar.TypeReg {
		return p.w.WriteHeader(h)
	}
	f, err := linux.OpenFileAt(d, name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := p.w.WriteHeader(h); err != nil {
		return err
	}
	p.result.Size += h.Size
	return p.content(f, h.Size)
}

// content writes as much as the header says: data as it is read, holes from memory.
func (p *packer) content(f *os.File, size int64) error {
	for at := int64(0); at < size; {
		start, end, err := linux.NextData(f, at, size)
		if err != nil {
			return err
		}
		if err := p.zeros(start - at); err != nil {
			return err
		}
		if _, err := io.CopyN(p.w, io.NewSectionReader(f, start, end-start), end-start); err != nil {
			return tooEarly(err)
		}
		at = end
	}
	return nil
}

func (p *packer) zeros(n int64) error {
	for n > 0 {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		part := min(n, int64(len(empty)))
		if _, err := p.w.Write(empty[:part]); err != nil {
			return err
		}
		n -= part
	}
	return nil
}
