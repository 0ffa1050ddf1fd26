package process

import (
	"fmt"
	"math/bits"
	"strings"

	"mydocker/initprog"
	"mydocker/linux"
)

// DefaultSignals undoes that signals are ignored: execve(2) would hand that on
// to the container's program.
type DefaultSignals struct{ Ignored uint64 } // bit n-1: signal n, as SigIgn of proc_pid_status(5)

// Emit calls rt_sigaction(2) for each.
func (s DefaultSignals) Emit(b *initprog.Builder) {
	act := b.Words(0, 0, 0, 0) // SIG_DFL, no flags, an empty mask
	for left := s.Ignored; left != 0; left &= left - 1 {
		n := bits.TrailingZeros64(left) + 1
		b.Sys("rt_sigaction", n, act, nil, 8).Says(fmt.Sprintf("default signal %d", n))
	}
}

// Shell returns the commands, which a shell heeds only for what it did not
// find ignored.
func (s DefaultSignals) Shell() string {
	var n []string
	for left := s.Ignored; left != 0; left &= left - 1 {
		n = append(n, fmt.Sprint(bits.TrailingZeros64(left)+1))
	}
	return "trap - " + strings.Join(n, " ")
}

// OwnStdio gives standard input, output and error to the user, so that the
// program can open them by name, as /dev/stdout. /dev/null stays as it is, and
// so does what cannot be given.
type OwnStdio struct{ UID uint32 }

// Fields of struct statx.
const (
	statxSize  = 256
	statxUID   = 20
	statxMajor = 128
	statxMinor = 132
	statxBasic = 0x7ff
)

// Emit looks at each, then calls fchownat(2).
func (o OwnStdio) Emit(b *initprog.Builder) {
	uid, one, three := b.Cell(int32(o.UID)), b.Cell(1), b.Cell(3)
	for fd := range 3 {
		st, got := b.Bytes(make([]byte, statxSize)), b.Slot()
		own, next := b.NewLabel(), b.NewLabel()
		b.Sys("statx", fd, "", linux.AT_EMPTY_PATH, statxBasic, st).Into(got).AllowAny()
		b.JumpNegative(got, next)
		b.JumpEqual(b.SlotAt(st, statxUID), uid, next)
		minor := b.NewLabel()
		b.JumpEqual(b.SlotAt(st, statxMajor), one, minor)
		b.Jump(own)
		b.Place(minor)
		b.JumpEqual(b.SlotAt(st, statxMinor), three, next) // /dev/null
		b.Place(own)
		b.Sys("fchownat", fd, "", o.UID, -1, linux.AT_EMPTY_PATH).AllowAny().Says("chown standard input and output")
		b.Place(next)
	}
}

// Shell returns the chown(1) command.
func (o OwnStdio) Shell() string {
	return fmt.Sprintf(`for f in 0 1 2; do [ /proc/self/fd/$f -ef /dev/null ] || chown %d /proc/self/fd/$f; done`, o.UID)
}
