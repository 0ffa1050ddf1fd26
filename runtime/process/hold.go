package process

import (
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
)

// Hold keeps the first process from its execve(2) until it is told to go on: a
// container that was created, and not yet started. It looks for the program
// first, so that a command that is not there is known when the container is
// created.
type Hold struct {
	Exec
	// Start is the descriptor on which it waits, Result where it tells how
	// execve(2) failed; both are kept by [CloseFiles].
	Start, Result int
	// Preserve is how many descriptors the program inherits; see [CloseFiles].
	Preserve int
}

const (
	accessX = 1     // X_OK
	eaccess = 0x200 // AT_EACCESS
)

// Emit looks, tells the parent, and waits. When nobody is left who could start
// it the process ends.
func (h Hold) Emit(b *initprog.Builder) {
	h.look(b)
	b.Note(initprog.NoteReady, b.Cell(0))
	n, on := b.Slot(), b.NewLabel()
	b.Sys("read", h.descriptor(b, h.Start), b.Words(0), 1).Into(n).Says("wait for start")
	b.JumpNonZero(n, on)
	b.Sys("exit_group", 125)
	b.Place(on)
	if h.Preserve > 0 {
		b.Sys("dup3", h.descriptor(b, h.Result), b.Errors(), linux.O_CLOEXEC).Says("tell start")
		return
	}
	b.Sys("dup3", h.Result, initprog.ErrorFD, linux.O_CLOEXEC).Says("tell start")
}

// descriptor returns where a kept descriptor is by now.
func (h Hold) descriptor(b *initprog.Builder, fd int) any {
	if h.Preserve > 0 {
		return kept(b, fd-initprog.FirstFile)
	}
	return fd
}

// look tries the paths of a search as [Exec.Emit] does. EACCES for one of them
// is the answer only if no other serves, as with execvp(3).
func (h Hold) look(b *initprog.Builder) {
	candidates := h.Candidates()
	if len(candidates) == 0 {
		b.Sys("faccessat2", linux.AT_FDCWD, h.last(), accessX, eaccess).Allow(syscall.ENOSYS, syscall.EPERM).Says("execve " + h.last())
		return
	}
	denied, found := b.Cell(0), b.NewLabel()
	for _, p := range candidates {
		r, next := b.Slot(), b.NewLabel()
		b.Sys("faccessat2", linux.AT_FDCWD, p, accessX, eaccess).Into(r).Allow(syscall.ENOENT, syscall.ENOTDIR, syscall.EACCES, syscall.ENOSYS, syscall.EPERM).Says("execve " + p)
		for _, e := range []syscall.Errno{syscall.ENOENT, syscall.ENOTDIR} {
			b.JumpEqual(r, b.Cell(-int32(e)), next)
		}
		other := b.NewLabel()
		b.JumpEqual(r, b.Cell(-int32(syscall.EACCES)), other)
		b.Jump(found)
		b.Place(other)
		b.Copy(r, denied)
		b.Place(next)
	}
	b.Check(denied, "execve "+h.last())
	b.Check(b.Cell(-int32(syscall.ENOENT)), "execve "+h.last())
	b.Place(found)
}

// Shell says what the script has no need for.
func (h Hold) Shell() string { return "# it waits here until it is started" }
