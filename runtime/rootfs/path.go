// Package rootfs plans a container's root: an overlay of its image's layers
// under a writable directory or a directory as it is, the safe way to paths
// inside of it, and the step into it.
package rootfs

import (
	"path"
	"strings"
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
)

// Root is the cell that holds the descriptor of the container's root while its
// first process prepares it. Every path inside is opened from it with
// openat2(2), RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS: no symbolic link of
// an image leads out, whatever the mounts that lie on the way
// (CVE-2026-41579, CVE-2026-47766).
func Root(b *initprog.Builder) initprog.Slot { return b.Named("root") }

// how stores a struct open_how.
func how(b *initprog.Builder, flags, mode, resolve uint64) initprog.Ptr {
	return b.Words(flags|linux.O_CLOEXEC, mode, resolve|linux.RESOLVE_IN_ROOT|linux.RESOLVE_NO_MAGICLINKS)
}

const howSize = 24

// rel returns p as openat2 wants it, relative to the root.
func rel(p string) string {
	p = strings.TrimPrefix(path.Clean("/"+p), "/")
	if p == "" {
		return "."
	}
	return p
}

// Open appends the opening of p, an absolute path inside the root, as O_PATH
// descriptor. The operation is returned so that the caller may allow errors.
func Open(b *initprog.Builder, p string, into initprog.Slot, flags uint64) *initprog.Op {
	return open(b, Root(b), p, into, flags, 0)
}

// OpenBelow is Open for a path below a directory that is open, which is taken
// for the root.
func OpenBelow(b *initprog.Builder, dir initprog.Slot, p string, into initprog.Slot) *initprog.Op {
	return open(b, dir, p, into, 0, 0)
}

// open repeats the call for as long as the kernel cannot tell whether ".." left
// the root, because something was renamed or mounted meanwhile: EAGAIN of
// openat2(2).
func open(b *initprog.Builder, dir initprog.Slot, p string, into initprog.Slot, flags, resolve uint64) *initprog.Op {
	again := b.NewLabel()
	b.Place(again)
	op := b.Sys("openat2", dir, rel(p), how(b, linux.O_PATH|flags, 0, resolve), howSize).Into(into).Allow(syscall.EAGAIN)
	b.JumpEqual(into, b.Cell(-int32(syscall.EAGAIN)), again)
	return op
}

// OpenDir returns a descriptor of the directory p, which is made, with its
// parents, where it is missing.
func OpenDir(b *initprog.Builder, p string, mode int) initprog.Slot { return openDir(b, p, mode, 0) }

// OpenRealDir is OpenDir for a path in which nothing may be a symbolic link:
// that is ELOOP.
func OpenRealDir(b *initprog.Builder, p string, mode int) initprog.Slot {
	return openDir(b, p, mode, linux.RESOLVE_NO_SYMLINKS)
}

func openDir(b *initprog.Builder, p string, mode int, resolve uint64) initprog.Slot {
	dir, done := b.Slot(), b.NewLabel()
	open(b, Root(b), p, dir, linux.O_DIRECTORY, resolve).Allow(syscall.ENOENT)
	missing := b.NewLabel()
	b.JumpNegative(dir, missing)
	b.Jump(done)
	b.Place(missing)
	parent := Root(b)
	words := strings.Split(rel(p), "/")
	for i, name := range words {
		b.Sys("mkdirat", parent, name, mode).Allow(syscall.EEXIST)
		next := b.Slot()
		if i == len(words)-1 {
			next = dir
		}
		open(b, Root(b), strings.Join(words[:i+1], "/"), next, linux.O_DIRECTORY, resolve)
		parent = next
	}
	b.Place(done)
	return dir
}

// OpenFile returns a descriptor of the file p, which is made empty, with its
// parent directories, where it is missing.
func OpenFile(b *initprog.Builder, p string) initprog.Slot {
	file, done, missing := b.Slot(), b.NewLabel(), b.NewLabel()
	Open(b, p, file, 0).Allow(syscall.ENOENT)
	b.JumpNegative(file, missing)
	b.Jump(done)
	b.Place(missing)
	parent := Parent(b, p)
	made := b.Slot()
	b.Sys("openat2", parent, path.Base(p), b.Words(linux.O_WRONLY|linux.O_CREAT|linux.O_EXCL|linux.O_CLOEXEC, 0o644, 0), howSize).Into(made)
	b.Sys("close", made)
	Open(b, p, file, 0)
	b.Place(done)
	return file
}

// Parent returns a descriptor of the directory that p lies in, made where it
// is missing.
func Parent(b *initprog.Builder, p string) initprog.Slot {
	if d := path.Dir(path.Clean("/" + p)); d != "/" {
		return OpenDir(b, d, 0o755)
	}
	return Root(b)
}

// Shell returns p as a word of the script, in which $root is the container's root.
func Shell(p string) string {
	if p = path.Clean("/" + p); p == "/" {
		return `"$root"`
	}
	return `"$root"` + quote(p)
}
