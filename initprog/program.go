package initprog

import (
	"encoding/binary"
	"fmt"
	"os"
	"syscall"
)

// The stub reads operations of this form, all words in native order:
//
//	 0  number of the system call, or of the pseudo operation (int32)
//	 8  address that takes the result, or 0
//	16  bit i: argument i is the address of a 32-bit value
//	24  six arguments
//	72  bit e: errno e is no failure; all bits: none is
const opSize = 80

// recordSize is the size of what the program tells its parent: the address of
// the failed operation and the errno, or a note. It lies at the beginning of the
// data; behind it is the cell of [Builder.Errors].
const recordSize = 16

// A Program is complete: code, operations and data.
type Program struct {
	ops    []*Op
	image  []byte
	stamps int // operations that are stamped; 0 without tracing
}

// Ops returns the number of operations.
func (p *Program) Ops() int { return len(p.ops) }

// Step returns the index of the step that operation i belongs to, or -1.
func (p *Program) Step(i int) int { return p.ops[i].step }

// Label returns the system call of operation i with its strings.
func (p *Program) Label(i int) string { return p.ops[i].label }

// Image returns the ELF executable that walks the program.
func (p *Program) Image() []byte { return p.image }

// Finish completes the program. With trace, a clock_gettime(CLOCK_MONOTONIC)
// follows every operation up to the first seccomp(2), which might forbid it;
// the stamps land in the memory that [Spawn] shares with the process.
func (b *Builder) Finish(trace bool) (*Program, error) {
	p := &Program{ops: b.ops}
	if trace {
		p.ops, p.stamps = b.stamped()
	} else {
		p.ops = append(b.ops, &Op{nr: opEnd, step: -1, label: "end"})
	}
	for i, l := range b.labels {
		if l < 0 {
			return nil, fmt.Errorf("initprog: label %d was never placed", i+1)
		}
	}
	image, ops := elfImage(b.data, opSize*len(p.ops))
	b.encode(ops, p.ops)
	p.image = image
	return p, nil
}

// encode lays the operations out for the stub. Jumps go to the position that
// their target has in ops.
func (b *Builder) encode(out []byte, ops []*Op) {
	for i, o := range ops {
		o.at = i
	}
	for i, o := range ops {
		w := out[opSize*i:]
		args := o.args
		if o.target.n > 0 {
			args[1] = opsBase + opSize*uint64(b.position(o.target, len(ops)-1))
		}
		binary.NativeEndian.PutUint32(w, uint32(o.nr))
		binary.NativeEndian.PutUint64(w[8:], uint64(o.dst))
		binary.NativeEndian.PutUint64(w[16:], o.slots)
		for k, a := range args {
			binary.NativeEndian.PutUint64(w[24+8*k:], a)
		}
		binary.NativeEndian.PutUint64(w[72:], o.ok)
	}
}

// position returns where the operation behind l is; end if none follows it.
func (b *Builder) position(l Label, end int) int {
	n := b.labels[l.n-1]
	if n >= len(b.ops) {
		return end
	}
	return b.ops[n].at
}

// failedOp returns the index of the operation at that address.
func (p *Program) failedOp(addr uint64) (int, bool) {
	i := int(addr-opsBase) / opSize
	return i, addr >= opsBase && i < len(p.ops)
}

// An Error is a system call of the program that failed.
type Error struct {
	Step  int    // index of its step, or -1
	Label string // the call and its strings
	Errno syscall.Errno
}

func (e *Error) Error() string { return e.Label + ": " + e.Errno.Error() }
func (e *Error) Unwrap() error { return e.Errno }

// elfImage returns a static executable of three segments: the stub, the data
// (read and write) and the operations (read only), of which it has the place,
// of opsLen bytes, for the caller to fill. See elf(5).
func elfImage(data []byte, opsLen int) (img, ops []byte) {
	const page = 4096
	code := stubCode()
	codeOff := 64 + 3*56
	if codeOff+len(code) > page {
		panic("initprog: the stub does not fit its page")
	}
	up := func(n int) int { return (n + page - 1) &^ (page - 1) }
	dataOff := page
	opsOff := dataOff + up(len(data))
	img = make([]byte, opsOff+opsLen)
	copy(img[codeOff:], code)
	copy(img[dataOff:], data)

	w := binary.NativeEndian
	copy(img, "\x7fELF\x02\x01\x01")
	w.PutUint16(img[16:], 2) // ET_EXEC
	w.PutUint16(img[18:], elfMachine)
	w.PutUint32(img[20:], 1)
	w.PutUint64(img[24:], codeBase+uint64(codeOff))
	w.PutUint64(img[32:], 64)
	w.PutUint16(img[52:], 64)
	w.PutUint16(img[54:], 56)
	w.PutUint16(img[56:], 3)
	segment := func(i int, flags uint32, off, n int, addr uint64) {
		h := img[64+56*i:]
		w.PutUint32(h, 1) // PT_LOAD
		w.PutUint32(h[4:], flags)
		w.PutUint64(h[8:], uint64(off))
		w.PutUint64(h[16:], addr)
		w.PutUint64(h[24:], addr)
		w.PutUint64(h[32:], uint64(n))
		w.PutUint64(h[40:], uint64(n))
		w.PutUint64(h[48:], page)
	}
	segment(0, 5, 0, codeOff+len(code), codeBase) // R X
	segment(1, 6, dataOff, len(data), dataBase)   // RW
	segment(2, 4, opsOff, opsLen, opsBase)        // R
	return img, img[opsOff:]
}

const codeBase = 0x40_0000

// Sealed returns the image in a sealed memfd (memfd_create(2)).
func (p *Program) Sealed() (*os.File, error) {
	fd, err := memfd("mydocker-init", p.image)
	if err != nil {
		return nil, fmt.Errorf("init program: %w", err)
	}
	return os.NewFile(uintptr(fd), "mydocker-init"), nil
}
