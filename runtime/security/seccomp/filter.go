// Package seccomp compiles the system call filter of a runtime specification
// into a program of classic BPF: a binary search over ranges of numbers, which
// loads several times faster than a list of comparisons. See seccomp(2), and
// linux.seccomp in config-linux.md of the specification. libseccomp's meaning
// of a profile is kept, and checked against it by a test.
package seccomp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// An Insn is an instruction: struct sock_filter.
type Insn struct {
	Code   uint16
	Jt, Jf uint8
	K      uint32
}

// A Filter is a program and the flags it is loaded with.
type Filter struct {
	Insns []Insn
	Flags uint // of SECCOMP_SET_MODE_FILTER
}

// Bytes returns the program as the kernel takes it.
func (f *Filter) Bytes() []byte {
	out := make([]byte, 0, 8*len(f.Insns))
	for _, i := range f.Insns {
		out = binary.NativeEndian.AppendUint16(out, i.Code)
		out = append(out, i.Jt, i.Jf)
		out = binary.NativeEndian.AppendUint32(out, i.K)
	}
	return out
}

// maxInsns is BPF_MAXINSNS, the most that the kernel takes.
const maxInsns = 4096

// entry is one line of the table: a system call and its number on each of the
// machines that this one can run, -1 for none.
type entry struct {
	name    string
	numbers [machines]int16
}

// A machine is one that programs can be for, as the kernel tells filters.
type machine struct {
	arch  specs.Arch
	audit uint32 // AUDIT_ARCH_*
	bit   uint32 // set in the numbers of x32
	// narrow machines have arguments of 32 bits; libseccomp counts x32 as one.
	narrow bool
}

// flagBit returns a flag of seccomp(2), or 0.
func flagBit(f specs.LinuxSeccompFlag) uint {
	switch f {
	case "SECCOMP_FILTER_FLAG_TSYNC":
		return flagTsync
	case specs.LinuxSeccompFlagLog:
		return 2
	case specs.LinuxSeccompFlagSpecAllow:
		return 4
	case specs.LinuxSeccompFlagWaitKillableRecv:
		return flagWaitKill
	}
	return 0
}

// Flags of seccomp(2) that go together.
const (
	flagTsync       = 1
	flagNewListener = 8
	flagWaitKill    = 32
)

// Listens tells whether loading the filter gives a descriptor on which another
// process answers system calls; see seccomp_unotify(2).
func (f *Filter) Listens() bool { return f.Flags&flagNewListener != 0 }

// Empty tells a profile that asks for nothing: there is no filter then.
func Empty(p *specs.LinuxSeccomp) bool {
	return p == nil || p.DefaultAction == "" && len(p.Syscalls) == 0
}

// Defaults completes a profile as runc does: one without flags, not even an
// empty list, leaves the mitigation of speculative store bypass off.
func Defaults(p specs.LinuxSeccomp) *specs.LinuxSeccomp {
	if p.Flags == nil {
		p.Flags = []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagSpecAllow}
	}
	return &p
}

// listener returns the flags with those that a profile with notifications
// needs, and without those that do not fit. What is never answered from outside
// needs no flag for it; one thread needs no synchronization, which the kernel
// does not let go with a listener.
func listener(p *specs.LinuxSeccomp, flags uint) (uint, error) {
	if p.DefaultAction == specs.ActNotify {
		return 0, errors.New("seccomp: SCMP_ACT_NOTIFY cannot be used as default action")
	}
	listens := false
	for _, s := range p.Syscalls {
		if s.Action == specs.ActNotify && slices.Contains(s.Names, "write") {
			return 0, errors.New("seccomp: SCMP_ACT_NOTIFY cannot be used for the write syscall")
		}
		listens = listens || s.Action == specs.ActNotify
	}
	switch {
	case listens && p.ListenerPath == "":
		return 0, errors.New("seccomp: SCMP_ACT_NOTIFY needs a listenerPath")
	case listens:
		return flags&^flagTsync | flagNewListener, nil
	case p.ListenerPath == "" && p.ListenerMetadata != "":
		return 0, errors.New("seccomp: listenerMetadata needs a listenerPath")
	}
	return flags &^ flagWaitKill, nil
}

// Compile returns the filter. Names of system calls that this machine does not
// have are left out; unknown actions, operators, architectures and flags are
// errors. Calls newer than every call that the profile names fail with ENOSYS,
// so that programs fall back to older ones, where the default is to refuse.
func Compile(p *specs.LinuxSeccomp) (*Filter, error) {
	c := &compiler{}
	var err error
	if c.fallback, err = action(p.DefaultAction, p.DefaultErrnoRet); err != nil {
		return nil, err
	}
	f := &Filter{}
	for _, flag := range p.Flags {
		bit := flagBit(flag)
		if bit == 0 {
			return nil, fmt.Errorf("seccomp: unknown flag %q", flag)
		}
		f.Flags |= bit
	}
	if f.Flags, err = listener(p, f.Flags); err != nil {
		return nil, err
	}
	which, err := chosen(p.Architectures)
	if err != nil {
		return nil, err
	}
	if err := c.rules(p.Syscalls); err != nil {
		return nil, err
	}
	c.beyond = c.fallback
	if refuses(p.DefaultAction) && c.fallback != retErrno|enosys {
		c.beyond = retErrno | enosys
	}
	f.Insns = c.program(which)
	if len(f.Insns) > maxInsns {
		return nil, fmt.Errorf("seccomp: the profile makes %d instructions, the kernel takes %d", len(f.Insns), maxInsns)
	}
	return f, nil
}

// chosen returns the machines that the profile is for: the native one always.
func chosen(archs []specs.Arch) (out [machines]bool, err error) {
	out[0] = true
	for _, a := range archs {
		i := slices.IndexFunc(known[:], func(m machine) bool { return m.arch == a })
		if i >= 0 {
			out[i] = true
		} else if !slices.Contains(foreign, a) {
			return out, fmt.Errorf("seccomp: unknown architecture %q", a)
		}
	}
	return out, nil
}

// foreign are architectures that this machine cannot run: they change nothing.
var foreign = []specs.Arch{specs.ArchX86, specs.ArchX86_64, specs.ArchX32, specs.ArchARM, specs.ArchAARCH64, specs.ArchMIPS, specs.ArchMIPS64,
	specs.ArchMIPS64N32, specs.ArchMIPSEL, specs.ArchMIPSEL64, specs.ArchMIPSEL64N32, specs.ArchPPC, specs.ArchPPC64, specs.ArchPPC64LE,
	specs.ArchS390, specs.ArchS390X, specs.ArchPARISC, specs.ArchPARISC64, specs.ArchRISCV64, specs.ArchLOONGARCH64, specs.ArchM68K, specs.ArchSH, specs.ArchSHEB}

// Answers of a filter: SECCOMP_RET_*.
const (
	retKillProcess = 0x80000000
	retKillThread  = 0x00000000
	retTrap        = 0x00030000
	retErrno       = 0x00050000
	retNotify      = 0x7fc00000
	retTrace       = 0x7ff00000
	retLog         = 0x7ffc0000
	retAllow       = 0x7fff0000
	enosys         = 38
	eperm          = 1
)

// action returns the answer for an action of the specification.
func action(a specs.LinuxSeccompAction, errno *uint) (uint32, error) {
	data := uint32(eperm)
	if errno != nil {
		data = uint32(*errno)
		most := uint(0xffff) // SECCOMP_RET_DATA, for a tracer
		if a == specs.ActErrno {
			most = 4095 // MAX_ERRNO: the kernel would make that of any more
		}
		if *errno > most {
			return 0, fmt.Errorf("seccomp: errnoRet %d is above %d", *errno, most)
		}
		if a != specs.ActErrno && a != specs.ActTrace {
			return 0, fmt.Errorf("seccomp: action %s takes no errnoRet", a)
		}
	}
	switch a {
	case specs.ActKill, specs.ActKillThread:
		return retKillThread, nil
	case specs.ActKillProcess:
		return retKillProcess, nil
	case specs.ActTrap:
		return retTrap, nil
	case specs.ActErrno:
		return retErrno | data, nil
	case specs.ActTrace:
		return retTrace | data, nil
	case specs.ActAllow:
		return retAllow, nil
	case specs.ActLog:
		return retLog, nil
	case specs.ActNotify:
		return retNotify, nil
	}
	return 0, fmt.Errorf("seccomp: unknown action %q", a)
}

// refuses tells actions that do not let a call happen.
func refuses(a specs.LinuxSeccompAction) bool {
	return !slices.Contains([]specs.LinuxSeccompAction{specs.ActAllow, specs.ActLog, specs.ActTrace, specs.ActNotify}, a)
}

// lookup returns the numbers of a system call, or nil.
func lookup(name string) *[machines]int16 {
	i, ok := slices.BinarySearchFunc(table[:], name, func(e entry, n string) int {
		switch {
		case e.name < n:
			return -1
		case e.name > n:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return &table[i].numbers
}

// cacheName says for which machine a cached program is.
const cacheName = runtime.GOARCH
