package security

import (
	"mydocker/initprog"
	"mydocker/linux"
)

// Notes of a first process that loads a filter with a listener; see
// [Seccomp] and [initprog.Builder.Note].
const (
	NotePipe     = 64 // this descriptor of it is a pipe: take it and write a byte
	NoteListener = 65 // this one is the listener: take it, see to it, and write a byte
)

// hold makes a pipe to the parent for the time when the filter is loaded, and
// nothing but write(2) and read(2) may be relied on. It returns the end to read
// from. The parent takes the other by pidfd_getfd(2), and is the only one who
// has it then: that the parent died is the end of the file.
func hold(b *initprog.Builder) initprog.Slot {
	const pollin, pollerr = 1, 8
	ends, polled := b.Words(0), b.Words(pollin<<32, 0)
	r, w := b.SlotAt(ends, 0), b.SlotAt(ends, 4)
	b.Sys("pipe2", ends, linux.O_CLOEXEC)
	b.Copy(r, b.SlotAt(polled, 0))
	b.Copy(b.Errors(), b.SlotAt(polled, 8))
	b.Note(NotePipe, w)
	orphan, on := b.NewLabel(), b.NewLabel()
	b.Sys("ppoll", polled, 2, nil, nil, 8).Says("wait for the parent")
	b.JumpEqual(b.SlotAt(polled, 12), b.Cell(pollerr<<16), orphan)
	b.Jump(on)
	b.Place(orphan)
	b.Sys("exit_group", 125)
	b.Place(on)
	b.Sys("close", w)
	b.Sys("read", r, b.Words(0), 1).Says("wait for the parent")
	return r
}

// load calls seccomp(2). With a listener it tells the parent, by one write(2)
// of a note that was prepared, and waits until that has passed the listener on:
// execve(2) would close it.
func (s Seccomp) load(b *initprog.Builder, prog initprog.Ptr) {
	const setModeFilter, noteSize = 1, 16
	if !s.Filter.Listens() {
		b.Sys("seccomp", setModeFilter, uint64(s.Filter.Flags), prog).Says("seccomp")
		return
	}
	r, note := hold(b), b.Words(NoteListener, 0)
	n, on := b.Slot(), b.NewLabel()
	b.Sys("seccomp", setModeFilter, uint64(s.Filter.Flags), prog).Into(b.SlotAt(note, 8)).Says("seccomp")
	b.Sys("write", b.Errors(), note, noteSize).Says("tell the parent of the seccomp listener")
	b.Sys("read", r, b.Words(0), 1).Into(n).Says("wait for the seccomp listener")
	b.JumpNonZero(n, on)
	b.Sys("exit_group", 125)
	b.Place(on)
	// With this end open nobody would answer an execve(2) that waits for a
	// listener who went away.
	b.Sys("close", b.SlotAt(note, 8)).AllowAny().Says("close the seccomp listener")
}
