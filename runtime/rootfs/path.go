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
func how(b *initprog.Builder, flags, mode uint64) initprog.Ptr {
	return b.Words(flags|linux.O_CLOEXEC, mode, linux.RESOLVE_IN_ROOT|linux.RESOLVE_NO_MAGICLINKS)
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
	return b.Sys("openat2", Root(b), rel(p), how(b, linux.O_PATH|flags, 0), howSize).Into(into)
}

// OpenDir returns a descriptor of the directory p, which is made, with its
// parents, where it is missing.
func OpenDir(b *initprog.Builder, p string, mode int) initprog.Slot {
	dir, done := b.Slot(), b.NewLabel()
	Open(b, p, dir, linux.O_DIRECTORY).Allow(syscall.ENOENT)
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
		Open(b, strings.Join(words[:i+1], "/"), next, linux.O_DIRECTORY)
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
