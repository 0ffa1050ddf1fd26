package seccomp

import "encoding/binary"

// data is struct seccomp_data.
type data struct {
	nr, arch uint32
	ip       uint64
	args     [6]uint64
}

func (d data) bytes() []byte {
	b := binary.NativeEndian.AppendUint32(nil, d.nr)
	b = binary.NativeEndian.AppendUint32(b, d.arch)
	b = binary.NativeEndian.AppendUint64(b, d.ip)
	for _, a := range d.args {
		b = binary.NativeEndian.AppendUint64(b, a)
	}
	return b
}

// run walks a program over the data, as the kernel does. It knows what
// libseccomp emits as well.
func run(prog []Insn, d data) uint32 {
	mem := d.bytes()
	var a uint32
	for pc := 0; ; pc++ {
		i := prog[pc]
		taken := func(yes bool) {
			if yes {
				pc += int(i.Jt)
			} else {
				pc += int(i.Jf)
			}
		}
		switch i.Code {
		case loadAbs:
			a = binary.NativeEndian.Uint32(mem[i.K:])
		case andK:
			a &= i.K
		case jump:
			pc += int(i.K)
		case jeq:
			taken(a == i.K)
		case jgt:
			taken(a > i.K)
		case jge:
			taken(a >= i.K)
		case ret:
			return i.K
		default:
			panic("unknown instruction")
		}
	}
}
