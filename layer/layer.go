// Package layer makes directories of tar archives that strangers wrote.
//
// An archive says where its files go, so every path is resolved by the kernel
// as if the directory were the root of all (openat2(2), RESOLVE_IN_ROOT), and
// files are made by name in the open directory found that way: no link in the
// archive leads out, in whatever order things come.
package layer

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"mydocker/linux"
)

// Limits keep an archive from filling memory or disk. A zero is the default.
type Limits struct {
	Entries int   // files, directories (also those without an entry), links
	Bytes   int64 // of the uncompressed archive, and of the files, holes included
	Path    int   // bytes of a name or of a link's target
	Depth   int   // directories in each other
}

// The limits where none are given: far above what any distribution has.
const (
	DefaultEntries = 2 << 20
	DefaultBytes   = 256 << 30
	DefaultPath    = 4096 // PATH_MAX
	DefaultDepth   = 512  // whoever removes the files holds a descriptor for each
)

// Options say how to unpack.
type Options struct {
	Limits Limits

	// Whiteouts says that the archive is a layer on top of others, in which
	// names tell what to hide of those below: ".wh.NAME" the file NAME,
	// ".wh..wh..opq" all of its directory (the OCI image specification, layer.md).
	// They become what overlayfs understands. Without it, as for the whole
	// file system that "docker export" writes, they are files like others.
	Whiteouts bool

	// NoEnd takes an archive without the empty blocks at its end: there are
	// programs that write layers so. It is for archives whose digest the caller
	// knows, so that nothing can be missing.
	NoEnd bool

	// SkipDevices leaves out device nodes, for callers that may not make
	// them. Without it they are an error then (EPERM).
	SkipDevices bool
}

// Result is what was unpacked.
type Result struct {
	DiffID  string // "sha256:<hex>" of the whole uncompressed archive
	Size    int64  // bytes of the regular files, holes included
	Entries int    // headers of the archive

	// Opaque says that the archive hides everything below it. It is for the
	// caller to leave out the layers below: overlayfs does not look for
	// the mark on a layer's root.
	Opaque bool

	// Implied are directories that the archive has files in and no entry for,
	// those above first, relative to the root. They are root's, with mode 0755:
	// in a layer it is for the caller to give them what the layers below have,
	// see Inherit.
	Implied []string
}

// What an archive is refused for.
var (
	ErrTruncated = errors.New("the archive ends too early")
	ErrEscape    = errors.New("the path leads out of the archive")
	ErrLimit     = errors.New("the archive is beyond the limit")

	// ErrLinkBelow refuses a hard link whose target is not in the same layer, as
	// overlay stores of other engines do: layers are unpacked beside each other, and
	// whoever writes a changed link count writes the file, too.
	ErrLinkBelow = errors.New("the target of the hard link is not in this archive before it")
)

// Unpack reads a tar archive to its end, plain or compressed with gzip, zstd,
// xz or bzip2, and makes its files in dir, which exists. An entry replaces what
// has its name, except that a directory keeps what is in it. Owners are taken
// as the numbers they are, so it needs root. Extended attributes (ACLs and file
// capabilities are such) are set where the file system of dir has them, and left
// out where it has not; those of overlayfs never come from an archive.
//
// After an error dir holds a part; the reader may be read from until its next
// Read returns.
func Unpack(ctx context.Context, r io.Reader, dir string, o Options) (Result, error) {
	raw, stop := interruptible(ctx, r)
	defer stop()
	plain, done, err := decompress(raw)
	if err != nil {
		return Result{}, fmt.Errorf("read archive: %w", tooEarly(err))
	}
	defer done()
	root, err := linux.OpenDir(dir)
	if err != nil {
		return Result{}, fmt.Errorf("unpack: %w", err)
	}
	defer root.Close()
	u := &unpacker{root: root, limits: o.Limits.orDefault(), options: o, stopped: ctx.Err}
	defer u.forget()
	if u.rootPath, err = linux.PathOf(root); err != nil {
		return Result{}, fmt.Errorf("unpack: %w", err)
	}
	if u.rootDepth, err = linux.Depth(root); err != nil {
		return Result{}, fmt.Errorf("unpack: %w", err)
	}
	s := &stream{r: plain, limit: u.limits.Bytes, hash: sha256.New()}
	if err := u.all(s); err != nil {
		return Result{}, err
	}
	u.result.DiffID = "sha256:" + hex.EncodeToString(s.hash.Sum(nil))
	return u.result, nil
}

func (l Limits) orDefault() Limits {
	if l.Entries == 0 {
		l.Entries = DefaultEntries
	}
	if l.Bytes == 0 {
		l.Bytes = DefaultBytes
	}
	if l.Path == 0 {
		l.Path = DefaultPath
	}
	if l.Depth == 0 {
		l.Depth = DefaultDepth
	}
	return l
}

// all unpacks every entry and reads what comes after the last.
func (u *unpacker) all(s *stream) error {
	t := tar.NewReader(s)
	for {
		const block = 512
		end := (s.n + block - 1) / block * block
		h, err := t.Next()
		if err == io.EOF {
			// Two empty blocks end an archive; the package also takes none.
			if s.n < end+2*block && !u.options.NoEnd {
				return fmt.Errorf("read archive: %w", ErrTruncated)
			}
			break
		}
		if errors.Is(err, tar.ErrHeader) && u.result.Entries == 0 {
			return errors.New("read archive: this is no tar archive")
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", tooEarly(err))
		}
		if err := u.entry(h, t); err != nil {
			return fmt.Errorf("unpack %q: %w", h.Name, err)
		}
	}
	// The digest is of all that was sent, padding included.
	if _, err := io.Copy(io.Discard, s); err != nil {
		return fmt.Errorf("read archive: %w", tooEarly(err))
	}
	return u.finish()
}

// tooEarly gives the many ways of saying so one name.
func tooEarly(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return ErrTruncated
	}
	return err
}

// stream counts and digests what is read.
type stream struct {
	r        io.Reader
	n, limit int64
	hash     hash.Hash
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	s.hash.Write(p[:n])
	if s.n > s.limit {
		return n, fmt.Errorf("%w of %d bytes", ErrLimit, s.limit)
	}
	return n, err
}

// interruptible reads ahead in a goroutine, so that ctx ends a wait for input
// that never comes. stop must be called; the goroutine ends with its Read.
func interruptible(ctx context.Context, r io.Reader) (_ io.Reader, stop func()) {
	out, in := io.Pipe()
	go func() {
		// Without the methods that would let r write into the pipe as it likes.
		_, err := io.CopyBuffer(in, struct{ io.Reader }{r}, make([]byte, 256<<10))
		in.CloseWithError(err)
	}()
	unwatch := context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	return out, func() {
		unwatch()
		out.Close()
	}
}
