package linux

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A DeviceRule allows or denies the use of devices, for [AttachDeviceFilter].
type DeviceRule struct {
	Allow        bool
	Type         string // "a", "b" or "c"
	Major, Minor int64  // -1: any
	Access       string // of "rwm"
}

// String returns the rule as the devices controller of version 1 has it.
func (r DeviceRule) String() string {
	verb := "deny"
	if r.Allow {
		verb = "allow"
	}
	n := func(v int64) string {
		if v < 0 {
			return "*"
		}
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("%s %s %s:%s %s", verb, r.Type, n(r.Major), n(r.Minor), r.Access)
}

// An insn is an instruction of eBPF; see bpf-helpers(7) and instruction-set.rst.
type insn struct {
	op   uint8
	regs uint8 // destination in the low half, source in the high one
	off  int16
	imm  int32
}

// Operations of the program. Registers: 2 type, 3 access, 4 major, 5 minor.
const (
	loadW    = 0x61 // *(u32 *)(src + off)
	and32    = 0x54
	rsh32    = 0x74
	mov32Reg = 0xbc
	mov64    = 0xb7
	jneImm   = 0x55
	jeqImm   = 0x15
	exit     = 0x95
)

// deviceProgram compiles rules. Of each use that is asked for (r, w, m) the last
// rule about it decides, and all of them must be allowed; without a rule: no.
// Register 3 holds what is not yet decided.
func deviceProgram(rules []DeviceRule) []insn {
	p := []insn{ // r1 points to struct bpf_cgroup_dev_ctx
		{loadW, 0x12, 0, 0}, {and32, 0x02, 0, 0xffff}, // device type
		{loadW, 0x13, 0, 0}, {rsh32, 0x03, 0, 16}, // access
		{loadW, 0x14, 4, 0}, {loadW, 0x15, 8, 0},
	}
	for i := len(rules) - 1; i >= 0; i-- {
		c := ruleProgram(rules[i])
		p = append(p, c...)
		if len(c) == 2 { // it fits always: the verifier takes nothing unreachable
			return p
		}
	}
	return append(p, insn{mov64, 0, 0, 0}, insn{exit, 0, 0, 0})
}

// ruleProgram returns the answer if the rule decides, and else goes on behind it.
func ruleProgram(r DeviceRule) (c []insn) {
	const next = -1 // to be patched
	switch r.Type {
	case "b":
		c = append(c, insn{jneImm, 0x02, next, 1})
	case "c":
		c = append(c, insn{jneImm, 0x02, next, 2})
	}
	if r.Major >= 0 {
		c = append(c, insn{jneImm, 0x04, next, int32(r.Major)})
	}
	if r.Minor >= 0 {
		c = append(c, insn{jneImm, 0x05, next, int32(r.Minor)})
	}
	mask, answer := accessMask(r.Access), int32(0)
	switch {
	case r.Allow:
		answer = 1
		if mask != 7 {
			c = append(c, insn{and32, 0x03, 0, 7 &^ mask}, insn{jneImm, 0x03, next, 0}) // more is asked
		}
	case mask != 7:
		c = append(c, insn{mov32Reg, 0x31, 0, 0}, insn{and32, 0x01, 0, mask}, insn{jeqImm, 0x01, next, 0}) // none of it is asked
	}
	c = append(c, insn{mov64, 0, 0, answer}, insn{exit, 0, 0, 0})
	for i := range c {
		if c[i].off == next {
			c[i].off = int16(len(c) - i - 1)
		}
	}
	return c
}

// accessMask has 1 for mknod, 2 for read, 4 for write.
func accessMask(access string) (m int32) {
	for i, c := range "mrw" {
		if strings.ContainsRune(access, c) {
			m |= 1 << i
		}
	}
	return m
}

// AttachDeviceFilter loads a program of type BPF_PROG_TYPE_CGROUP_DEVICE and
// attaches it to a control group of version 2; see bpf(2).
func AttachDeviceFilter(cgroup string, rules []DeviceRule) error {
	dir, err := unix.Open(cgroup, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: cgroup, Err: err}
	}
	defer unix.Close(dir)
	prog, err := loadDeviceProgram(deviceProgram(rules))
	if err != nil {
		return os.NewSyscallError("bpf BPF_PROG_LOAD", err)
	}
	defer unix.Close(prog)
	attr := make([]byte, 32)
	binary.NativeEndian.PutUint32(attr, uint32(dir))
	binary.NativeEndian.PutUint32(attr[4:], uint32(prog))
	binary.NativeEndian.PutUint32(attr[8:], unix.BPF_CGROUP_DEVICE)
	binary.NativeEndian.PutUint32(attr[12:], unix.BPF_F_ALLOW_MULTI)
	_, err = bpf(unix.BPF_PROG_ATTACH, attr)
	return os.NewSyscallError("bpf BPF_PROG_ATTACH", err)
}

func loadDeviceProgram(prog []insn) (int, error) {
	license := []byte("Apache-2.0\x00")
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&prog[0])
	pin.Pin(&license[0])
	attr := make([]byte, 128)
	binary.NativeEndian.PutUint32(attr, unix.BPF_PROG_TYPE_CGROUP_DEVICE)
	binary.NativeEndian.PutUint32(attr[4:], uint32(len(prog)))
	binary.NativeEndian.PutUint64(attr[8:], uint64(uintptr(unsafe.Pointer(&prog[0]))))
	binary.NativeEndian.PutUint64(attr[16:], uint64(uintptr(unsafe.Pointer(&license[0]))))
	binary.NativeEndian.PutUint32(attr[68:], unix.BPF_CGROUP_DEVICE) // expected_attach_type
	return bpf(unix.BPF_PROG_LOAD, attr)
}

// bpf makes the system call. EAGAIN is the verifier interrupted by a signal,
// such as the Go runtime's preemption.
func bpf(cmd uintptr, attr []byte) (int, error) {
	for {
		r, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(unsafe.Pointer(&attr[0])), uintptr(len(attr)))
		if errno == unix.EAGAIN || errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return -1, errno
		}
		return int(r), nil
	}
}
