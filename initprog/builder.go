// Package initprog builds and starts the program of a container's first
// process: a flat table of system calls with their data, walked by a few
// hundred bytes of stackless machine code, the stub. Together they make an ELF
// image in a sealed memfd, which the standard library starts in new namespaces.
// No Go code runs in that process.
//
// A program is a list of operations. An operation is a system call whose
// arguments are numbers, addresses of data ([Ptr]) or values stored by earlier
// operations ([Slot]); or a jump. The first call that fails with an error that
// was not allowed ends the program: its index and errno go to the parent.
package initprog

import (
	"encoding/binary"
	"fmt"
	"syscall"
)

// A Ptr is the address that data will have in the new process.
type Ptr uint64

// A Slot is a 32-bit cell of the new process's memory. An operation may store
// its result there ([Op.Into]); a later one reads it as an argument. Where a
// tolerated error occurred the cell holds the negative errno. It starts as -1,
// which no system call takes for a descriptor.
type Slot struct{ addr Ptr }

// Ptr returns the cell's address, for calls that fill it themselves.
func (s Slot) Ptr() Ptr { return s.addr }

// A Label is a place to jump to.
type Label struct{ n int }

// Addresses of the two areas in the new process. They are fixed so that a
// program is complete when it is built.
const (
	dataBase = 0x1000_0000
	opsBase  = 0x2000_0000
)

// Descriptors that every program starts with.
const (
	// ErrorFD is the write end of the pipe that tells the parent of failures, as
	// long as the program does not move it: see [Builder.Errors].
	ErrorFD = 3
	// SyncFD is the read end of the pipe on which the program waits for its
	// parent's word.
	SyncFD = 4
	// FirstFile is the number of the first of the caller's descriptors.
	FirstFile = 5
)

// Pseudo operations, told from system calls by negative numbers. The stub
// knows the same numbers.
const (
	opEnd       = -1 // leave with status 127
	opJump      = -2 // to a1
	opJumpNZ    = -3 // to a1 if *a0 != 0
	opJumpNeg   = -4 // to a1 if *a0 < 0
	opJumpEqual = -5 // to a1 if *a0 == *a2
	opCheck     = -6 // take *a0 for the result of a system call
)

// anyErrno, as a mask, allows every error.
const anyErrno = ^uint64(0)

// An Op is one operation. Its methods refine it; they return it for chaining.
type Op struct {
	nr     int32
	dst    Ptr
	slots  uint64 // bit i: argument i is read from a slot
	args   [6]uint64
	ok     uint64 // bit e: error number e is no failure; see anyErrno
	target Label  // of jumps

	step  int
	label string
	at    int // where Finish put it
}

// Into stores the low 32 bits of the result in s.
func (o *Op) Into(s Slot) *Op { o.dst = s.addr; return o }

// Allow makes the errors count as success. Only numbers below 64 can be told apart.
func (o *Op) Allow(errnos ...syscall.Errno) *Op {
	for _, e := range errnos {
		if e >= 64 {
			panic(fmt.Sprintf("initprog: cannot allow errno %d", int(e)))
		}
		o.ok |= 1 << e
	}
	return o
}

// AllowAny makes every error count as success.
func (o *Op) AllowAny() *Op { o.ok = anyErrno; return o }

// Says replaces the label, which is otherwise made of the call and its strings.
func (o *Op) Says(label string) *Op { o.label = label; return o }

// A Builder collects a program. Its methods panic on mistakes that only a
// programmer can make, such as the name of an unknown system call.
type Builder struct {
	ops     []*Op
	block   []Op // where the next operations are: programs have some hundred
	data    []byte
	strings map[string]Ptr
	named   map[string]Slot
	labels  []int // index of the operation behind each label, -1 when not yet placed
	step    int
}

// usualData is how many bytes the data of most programs have, or fewer.
const usualData = 16 << 10

// NewBuilder returns an empty program.
func NewBuilder() *Builder {
	return &Builder{
		ops:     make([]*Op, 0, 512),
		data:    append(make([]byte, recordSize, usualData), ErrorFD, 0, 0, 0, 0, 0, 0, 0), // the stub writes its failure there
		strings: make(map[string]Ptr, 128),
		named:   map[string]Slot{},
		step:    -1,
	}
}

// Begin says that the operations that follow belong to the step with that index.
func (b *Builder) Begin(step int) { b.step = step }

// Sys appends the system call of that name (as in syscalls(2)). Arguments are
// integers, a Slot (read when the call is made), a Ptr, a string (stored as a
// C string) or nil (0); those left out are 0.
func (b *Builder) Sys(name string, args ...any) *Op {
	nr, ok := sysno(name)
	if !ok {
		panic("initprog: unknown system call " + name)
	}
	if len(args) > 6 {
		panic("initprog: too many arguments for " + name)
	}
	o := b.op(Op{nr: int32(nr), step: b.step, label: name})
	for i, a := range args {
		b.arg(o, i, a)
	}
	return o
}

// op appends an operation.
func (b *Builder) op(o Op) *Op {
	if len(b.block) == cap(b.block) {
		b.block = make([]Op, 0, 64)
	}
	b.block = append(b.block, o)
	at := &b.block[len(b.block)-1]
	b.ops = append(b.ops, at)
	return at
}

func (b *Builder) arg(o *Op, i int, a any) {
	switch v := a.(type) {
	case nil:
	case int:
		o.args[i] = uint64(v)
	case uint32:
		o.args[i] = uint64(v)
	case uint64:
		o.args[i] = v
	case uintptr:
		o.args[i] = uint64(v)
	case Ptr:
		o.args[i] = uint64(v)
	case Slot:
		o.args[i] = uint64(v.addr)
		o.slots |= 1 << i
	case string:
		o.args[i] = uint64(b.String(v))
		if v != "" {
			o.label += " " + v
		}
	default:
		panic(fmt.Sprintf("initprog: argument %d of %s is a %T", i, o.label, a))
	}
}

// Errors returns the cell that holds the descriptor to which failures and
// notes are written: a program may move it to another number.
func (b *Builder) Errors() Slot { return Slot{dataBase + recordSize} }

// Slot returns a new cell.
func (b *Builder) Slot() Slot { return Slot{b.Words(^uint64(0))} }

// Cell returns a new cell with that value.
func (b *Builder) Cell(v int32) Slot { return Slot{b.Words(uint64(uint32(v)))} }

// Named returns the cell of that name, the same for every caller: steps that
// are emitted apart meet there.
func (b *Builder) Named(name string) Slot {
	s, ok := b.named[name]
	if !ok {
		s = b.Slot()
		b.named[name] = s
	}
	return s
}

// Bytes stores p, aligned to 8 bytes.
func (b *Builder) Bytes(p []byte) Ptr {
	for len(b.data)%8 != 0 {
		b.data = append(b.data, 0)
	}
	a := Ptr(dataBase + len(b.data))
	b.data = append(b.data, p...)
	return a
}

// Words stores 64-bit words.
func (b *Builder) Words(words ...uint64) Ptr {
	p := make([]byte, 8*len(words))
	for i, w := range words {
		binary.NativeEndian.PutUint64(p[8*i:], w)
	}
	return b.Bytes(p)
}

// String stores s as a C string. Equal strings share their place.
func (b *Builder) String(s string) Ptr {
	if a, ok := b.strings[s]; ok {
		return a
	}
	a := Ptr(dataBase + len(b.data))
	b.data = append(append(b.data, s...), 0)
	b.strings[s] = a
	return a
}

// Strings stores a vector of C strings that ends in a null pointer, as
// execve(2) wants it.
func (b *Builder) Strings(v []string) Ptr {
	words := make([]uint64, len(v)+1)
	for i, s := range v {
		words[i] = uint64(b.String(s))
	}
	return b.Words(words...)
}

// SlotAt returns the cell that lies off bytes behind p, so that a result lands
// inside of a structure.
func (b *Builder) SlotAt(p Ptr, off int) Slot { return Slot{p + Ptr(off)} }

// NewLabel returns a label that is not yet placed.
func (b *Builder) NewLabel() Label {
	b.labels = append(b.labels, -1)
	return Label{len(b.labels)} // the zero Label is none
}

// Place puts l in front of the next operation.
func (b *Builder) Place(l Label) { b.labels[l.n-1] = len(b.ops) }

// Jump goes to l.
func (b *Builder) Jump(l Label) { b.pseudo(opJump, "jump", l) }

// JumpNonZero goes to l if s is not zero.
func (b *Builder) JumpNonZero(s Slot, l Label) { b.pseudo(opJumpNZ, "jump", l, s.addr) }

// JumpNegative goes to l if s is negative: a descriptor that was not opened, a
// call whose error was allowed.
func (b *Builder) JumpNegative(s Slot, l Label) { b.pseudo(opJumpNeg, "jump", l, s.addr) }

// JumpEqual goes to l if s and t are the same.
func (b *Builder) JumpEqual(s, t Slot, l Label) { b.pseudo(opJumpEqual, "jump", l, s.addr, t.addr) }

// Check fails as a system call would if s holds a negative errno, as the
// answer of a netlink(7) socket does.
func (b *Builder) Check(s Slot, label string) *Op { return b.pseudo(opCheck, label, Label{}, s.addr) }

// Copy stores the value of from in to.
func (b *Builder) Copy(from, to Slot) {
	b.pseudo(opCheck, "copy", Label{}, from.addr).Into(to).AllowAny()
}

func (b *Builder) pseudo(nr int32, label string, l Label, slots ...Ptr) *Op {
	o := b.op(Op{nr: nr, step: b.step, label: label, target: l})
	if len(slots) > 0 {
		o.args[0] = uint64(slots[0])
	}
	if len(slots) > 1 {
		o.args[2] = uint64(slots[1])
	}
	return o
}

// Once returns the named cell, and whether this is the first call for it: then
// the caller appends what fills it.
func (b *Builder) Once(name string) (s Slot, first bool) {
	_, ok := b.named[name]
	return b.Named(name), !ok
}
