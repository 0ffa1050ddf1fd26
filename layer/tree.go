package layer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"syscall"

	"mydocker/linux"
)

// Tree is what a walk through a directory found.
type Tree struct {
	Digest string // "sha256:<hex>" of names and what is said about them, in order of names
	Disk   int64  // bytes on the disk with the directory itself, as du(1) counts: a file of several names once
}

// Digest walks through a directory that nobody changes, without following links or
// leaving its file system. The digest is of every path with type, mode, owner,
// size, time of modification, device, link target and extended attributes, and of
// which names are one file; with content, of what is in regular files, too. The size
// of a directory is the file system's own, and the time of the first directory
// not the layer's.
func Digest(ctx context.Context, dir string, content bool) (Tree, error) {
	d, err := os.Open(dir)
	if err != nil {
		return Tree{}, err
	}
	defer d.Close()
	st, err := linux.StatAt(d, ".")
	if err != nil {
		return Tree{}, err
	}
	t := &treeDigest{ctx: ctx, hash: sha256.New(), content: content, on: st.On, first: map[uint64]string{}}
	t.Disk = st.Blocks * 512
	if err := t.describe(d, ".", ".", st); err != nil {
		return Tree{}, err
	}
	if err := t.below(d, "."); err != nil {
		return Tree{}, err
	}
	t.Digest = "sha256:" + hex.EncodeToString(t.hash.Sum(nil))
	return t.Tree, nil
}

type treeDigest struct {
	Tree
	ctx     context.Context
	hash    hash.Hash
	content bool
	on      uint64            // the file system
	first   map[uint64]string // the first names of files with several
}

func (t *treeDigest) below(dir *os.File, at string) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, n := range names {
		if err := t.entry(dir, n, path.Join(at, n)); err != nil {
			return err
		}
	}
	return nil
}

func (t *treeDigest) entry(dir *os.File, name, at string) error {
	st, err := linux.StatAt(dir, name)
	if err != nil {
		return err
	}
	if st.On != t.on {
		return fmt.Errorf("%s is on another file system", at)
	}
	if st.IsWhiteout() { // nothing else of it means anything, overlayfs links them
		t.Disk += st.Blocks * 512
		fmt.Fprintf(t.hash, "%q hidden\n", at)
		return nil
	}
	if st.Links > 1 && !st.IsDir() {
		if first, ok := t.first[st.Inode]; ok {
			fmt.Fprintf(t.hash, "%q = %q\n", at, first)
			return nil
		}
		t.first[st.Inode] = at
	}
	t.Disk += st.Blocks * 512
	if err := t.describe(dir, name, at, st); err != nil || !st.IsDir() {
		return err
	}
	sub, err := linux.OpenDirAt(dir, name)
	if err != nil {
		return err
	}
	defer sub.Close()
	return t.below(sub, at)
}

// describe writes a line into the digest; quoting keeps lines apart.
func (t *treeDigest) describe(dir *os.File, name, at string, st linux.Stat) error {
	fmt.Fprintf(t.hash, "%q %o %d:%d", at, st.Mode, st.UID, st.GID)
	if !st.IsDir() {
		fmt.Fprintf(t.hash, " %d %d", st.Size, st.Device)
	}
	if at != "." {
		fmt.Fprintf(t.hash, " %d.%d", st.Modified.Unix(), st.Modified.Nanosecond())
	}
	attributes, err := linux.XattrsAt(dir, name)
	if err != nil {
		return err
	}
	for _, attr := range slices.Sorted(maps.Keys(attributes)) {
		fmt.Fprintf(t.hash, " %q=%q", attr, attributes[attr])
	}
	switch {
	case st.Mode&syscall.S_IFMT == syscall.S_IFLNK:
		target, err := linux.ReadLinkAt(dir, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.hash, " -> %q", target)
	case t.content && st.IsRegular():
		if err := t.file(dir, name); err != nil {
			return err
		}
	}
	_, err = io.WriteString(t.hash, "\n")
	return err
}

func (t *treeDigest) file(dir *os.File, name string) error {
	f, err := linux.OpenFileAt(dir, name)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	fmt.Fprintf(t.hash, " %x", sum.Sum(nil))
	return nil
}
