package device

import (
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
)

// Another opens one more pseudoterminal of a container that runs, for a process
// that has joined it. It is given away and used as that of [Terminal] is; there
// is no /dev/console for it.
type Another struct {
	Terminal
	UID uint32 // who is to own it, so that it can be opened by its name
}

// NoTerminals is how the kernel would say that the container's /dev/pts is no
// file system of terminals.
const NoTerminals = syscall.ENODEV

// Emit opens ptmx below a directory that is checked to be of type devpts, and
// through no link and no mount: nothing that runs in the container can put
// something else there (CVE-2025-52565).
func (t Another) Emit(b *initprog.Builder) {
	pts := b.Slot()
	b.Sys("openat2", linux.AT_FDCWD, "/dev/pts", t.how(b, linux.O_PATH|linux.O_DIRECTORY, 0), howSize).Into(pts).Says("open /dev/pts")
	onlyDevpts(b, pts)
	master, control := masterCell(b)
	b.Sys("openat2", pts, "ptmx", t.how(b, linux.O_RDWR|linux.O_NOCTTY, linux.RESOLVE_NO_XDEV), howSize).Into(master).Says("open /dev/pts/ptmx")
	t.pair(b, master, control)
	if t.UID != 0 {
		b.Sys("fchownat", slave(b), "", t.UID, -1, linux.AT_EMPTY_PATH).Says("chown the terminal")
	}
}

const (
	statfsSize = 120 // struct statfs: f_type is its first word
	howSize    = 24
)

func (Another) how(b *initprog.Builder, flags, resolve uint64) initprog.Ptr {
	return b.Words(flags|linux.O_CLOEXEC, 0, resolve|linux.RESOLVE_NO_SYMLINKS|linux.RESOLVE_NO_MAGICLINKS)
}

// Shell says what the script uses instead.
func (t Another) Shell() string {
	return "# a new pseudoterminal of the container's /dev/pts becomes its terminal; this script lends it yours"
}
