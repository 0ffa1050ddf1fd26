package seccomp

import "github.com/opencontainers/runtime-spec/specs-go"

// rule answers if all conditions hold, and else goes on behind.
func (c *compiler) rule(r rule) {
	start := len(c.out)
	for _, a := range r.conds {
		from := len(c.out)
		c.condition(a)
		patch(c.out[from:], yes, len(c.out)-from)
	}
	c.emit(ret, 0, 0, r.answer)
	patch(c.out[start:], no, len(c.out)-start)
}

// patch replaces the jumps to a target by the distance to position end.
func patch(code []Insn, target uint8, end int) {
	for i := range code {
		if code[i].Code == ret || code[i].Code == loadAbs || code[i].Code == andK || code[i].Code == jump {
			continue
		}
		if code[i].Jt == target {
			code[i].Jt = uint8(end - i - 1)
		}
		if code[i].Jf == target {
			code[i].Jf = uint8(end - i - 1)
		}
	}
}

// condition compares an argument: the high half first, or the low one alone
// where the machine has no more.
func (c *compiler) condition(a specs.LinuxSeccompArg) {
	if c.narrow {
		c.narrowCondition(a)
		return
	}
	low := uint32(offArgs + 8*a.Index)
	hi, lo := uint32(a.Value>>32), uint32(a.Value)
	c.emit(loadAbs, 0, 0, low+4)
	switch a.Op {
	case specs.OpEqualTo:
		c.emit(jeq, here, no, hi)
		c.emit(loadAbs, 0, 0, low)
		c.emit(jeq, yes, no, lo)
	case specs.OpNotEqual:
		c.emit(jeq, here, yes, hi)
		c.emit(loadAbs, 0, 0, low)
		c.emit(jeq, no, yes, lo)
	case specs.OpGreaterThan:
		c.ordered(hi, low, jgt, lo, true)
	case specs.OpGreaterEqual:
		c.ordered(hi, low, jge, lo, true)
	case specs.OpLessThan:
		c.ordered(hi, low, jge, lo, false)
	case specs.OpLessEqual:
		c.ordered(hi, low, jgt, lo, false)
	case specs.OpMaskedEqual:
		c.emit(andK, 0, 0, hi)
		c.emit(jeq, here, no, uint32(a.ValueTwo>>32)&hi)
		c.emit(loadAbs, 0, 0, low)
		c.emit(andK, 0, 0, lo)
		c.emit(jeq, yes, no, uint32(a.ValueTwo)&lo)
	}
}

func (c *compiler) narrowCondition(a specs.LinuxSeccompArg) {
	v := uint32(a.Value)
	c.emit(loadAbs, 0, 0, uint32(offArgs+8*a.Index))
	switch a.Op {
	case specs.OpEqualTo:
		c.emit(jeq, yes, no, v)
	case specs.OpNotEqual:
		c.emit(jeq, no, yes, v)
	case specs.OpGreaterThan:
		c.emit(jgt, yes, no, v)
	case specs.OpGreaterEqual:
		c.emit(jge, yes, no, v)
	case specs.OpLessThan:
		c.emit(jge, no, yes, v)
	case specs.OpLessEqual:
		c.emit(jgt, no, yes, v)
	case specs.OpMaskedEqual:
		c.emit(andK, 0, 0, v)
		c.emit(jeq, yes, no, uint32(a.ValueTwo)&v)
	}
}

// ordered compares halves: the high one decides unless it is equal. With
// greater the comparison has to hold, without it has to fail.
func (c *compiler) ordered(hi, low uint32, op uint16, lo uint32, greater bool) {
	then, otherwise := uint8(yes), uint8(no)
	if !greater {
		then, otherwise = no, yes
	}
	c.emit(jgt, then, here, hi)
	c.emit(jeq, here, otherwise, hi)
	c.emit(loadAbs, 0, 0, low)
	c.emit(op, then, otherwise, lo)
}
