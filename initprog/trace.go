package initprog

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// stampBase is where the memory for time stamps is mapped in the process: 16
// bytes (struct timespec) for each operation.
const stampBase = 0x3000_0000

// stamped returns the program with a stamp after every operation, and how many
// stamps there are. It begins with the mapping of the shared memory.
func (b *Builder) stamped() ([]*Op, int) {
	size := 16 * (len(b.ops) + 2)
	shared := *b // appends to its own list
	shared.ops, shared.block = nil, nil
	shared.step = -1
	shared.Sys("mmap", stampBase, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED, traceFD, 0).Says("mmap trace")
	shared.stamp(0)
	n := 1
	on := true
	for _, o := range b.ops {
		shared.ops = append(shared.ops, o)
		if o.nr >= 0 && o.label == "seccomp" {
			on = false
		}
		if on {
			shared.stamp(n)
		}
		n++
	}
	shared.ops = append(shared.ops, &Op{nr: opEnd, step: -1, label: "end"})
	return shared.ops, n
}

func (b *Builder) stamp(n int) {
	b.Sys("clock_gettime", unix.CLOCK_MONOTONIC, stampBase+16*n).Says("")
}

// A Stamp tells when an operation ended.
type Stamp struct {
	Op   int // index in the program
	Step int
	Call string
	End  time.Duration // on CLOCK_MONOTONIC
}

// sharedMemory returns the file that holds the stamps.
func (p *Program) sharedMemory() (*os.File, error) {
	fd, err := unix.MemfdCreate("mydocker-trace", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "mydocker-trace")
	if err := f.Truncate(int64(16 * (p.stamps + 2))); err != nil {
		f.Close()
		return nil, fmt.Errorf("trace memory: %w", err)
	}
	return f, nil
}

// stampsOf reads the stamps from the shared memory, in the order of the
// program; operations that did not run have none.
func (p *Program) stampsOf(f *os.File) ([]Stamp, error) {
	buf := make([]byte, 16*(p.stamps+2))
	if _, err := f.ReadAt(buf, 0); err != nil {
		return nil, fmt.Errorf("trace memory: %w", err)
	}
	var out []Stamp
	n := -1 // of the stamp
	for i, o := range p.ops {
		if o.label == "" || o.nr == opEnd {
			continue // a stamp itself
		}
		n++
		sec := binary.NativeEndian.Uint64(buf[16*n:])
		nsec := binary.NativeEndian.Uint64(buf[16*n+8:])
		if sec == 0 && nsec == 0 {
			continue
		}
		out = append(out, Stamp{i, o.step, o.label, time.Duration(sec)*time.Second + time.Duration(nsec)})
	}
	return out, nil
}

// Now returns the time on the clock of the stamps.
func Now() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
