package seccomp

import (
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// numbers is how many a system call table of ours has at most.
const numbers = 1024

// A behaviour is what happens to one system call: an answer, or conditions that
// are tried in order.
type behaviour struct {
	answer uint32
	rules  []rule
}

// A rule answers if all of its conditions hold.
type rule struct {
	answer uint32
	conds  []specs.LinuxSeccompArg
}

// compiler collects behaviours by machine and number, then writes the program.
type compiler struct {
	fallback uint32 // for calls without a rule
	beyond   uint32 // for calls newer than the profile
	calls    [machines][numbers]*behaviour
	newest   [machines]int // the largest number that the profile names
	narrow   bool          // the machine at hand has arguments of 32 bits
	out      []Insn
}

// rules reads the profile. As in libseccomp, a rule without conditions decides
// alone, and a rule that answers what the default does changes nothing.
func (c *compiler) rules(list []specs.LinuxSyscall) error {
	for _, s := range list {
		answer, err := action(s.Action, s.ErrnoRet)
		if err != nil {
			return err
		}
		conds, err := alternatives(s.Args)
		if err != nil {
			return err
		}
		for _, name := range s.Names {
			if at := lookup(name); at != nil {
				c.add(at, answer, conds)
			}
			c.multiplexed(name, answer)
		}
	}
	return nil
}

// multiplexed extends a refusal to the old calls of 32-bit machines that do the
// same: socketcall(2) and ipc(2), by the number of the function in their first
// argument. Else a list of what is refused would have a way around it. What a
// profile allows is not extended, and a refusal under conditions holds for the
// whole: such calls hide their arguments.
func (c *compiler) multiplexed(name string, answer uint32) {
	call, fn := old(name)
	at := lookup(call)
	if call == "" || at == nil || answer >= retTrace || c.fallback < retTrace {
		return
	}
	arg := []specs.LinuxSeccompArg{{Index: 0, Value: fn, Op: specs.OpEqualTo}}
	c.add(at, answer, [][]specs.LinuxSeccompArg{arg})
}

// old returns the call that did what name does, and the number of its function;
// see <linux/net.h> and <linux/ipc.h>.
func old(name string) (call string, fn uint64) {
	sockets := []string{"socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send", "recv", "sendto",
		"recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg", "sendmmsg"}
	if i := slices.Index(sockets, name); i >= 0 {
		return "socketcall", uint64(i) + 1
	}
	switch name {
	case "semop":
		return "ipc", 1
	case "semget":
		return "ipc", 2
	case "semctl":
		return "ipc", 3
	case "semtimedop":
		return "ipc", 4
	case "msgsnd":
		return "ipc", 11
	case "msgrcv":
		return "ipc", 12
	case "msgget":
		return "ipc", 13
	case "msgctl":
		return "ipc", 14
	case "shmat":
		return "ipc", 21
	case "shmdt":
		return "ipc", 22
	case "shmget":
		return "ipc", 23
	case "shmctl":
		return "ipc", 24
	}
	return "", 0
}

func (c *compiler) add(at *[machines]int16, answer uint32, conds [][]specs.LinuxSeccompArg) {
	for m, nr := range at {
		if nr < 0 || nr >= numbers {
			continue
		}
		c.newest[m] = max(c.newest[m], int(nr))
		if answer == c.fallback {
			continue
		}
		b := c.calls[m][nr]
		if b == nil {
			b = &behaviour{answer: c.fallback}
			c.calls[m][nr] = b
		}
		switch {
		case len(conds) == 0 && (b.rules != nil || b.answer == c.fallback):
			b.answer, b.rules = answer, nil
		case len(conds) > 0 && b.answer == c.fallback:
			for _, cs := range conds {
				b.rules = append(b.rules, rule{answer, cs})
			}
		}
	}
}

// alternatives returns the conditions of a rule. Several for one argument are
// alternatives, as in other runtimes; several arguments must all fit.
func alternatives(args []specs.LinuxSeccompArg) ([][]specs.LinuxSeccompArg, error) {
	seen := [6]int{}
	several := false
	for _, a := range args {
		if a.Index > 5 {
			return nil, fmt.Errorf("seccomp: argument %d: a system call has six", a.Index)
		}
		switch a.Op {
		case specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpEqualTo, specs.OpGreaterEqual, specs.OpGreaterThan, specs.OpMaskedEqual:
		default:
			return nil, fmt.Errorf("seccomp: unknown operator %q", a.Op)
		}
		seen[a.Index]++
		several = several || seen[a.Index] > 1
	}
	if len(args) == 0 {
		return nil, nil
	}
	if !several {
		return [][]specs.LinuxSeccompArg{args}, nil
	}
	var out [][]specs.LinuxSeccompArg
	for _, a := range args {
		out = append(out, []specs.LinuxSeccompArg{a})
	}
	return out, nil
}

// Operations of classic BPF.
const (
	loadAbs = 0x20 // BPF_LD|BPF_W|BPF_ABS
	andK    = 0x54
	jump    = 0x05
	jeq     = 0x15
	jgt     = 0x25
	jge     = 0x35
	ret     = 0x06
)

// Offsets in struct seccomp_data.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
)

func (c *compiler) emit(code uint16, jt, jf uint8, k uint32) {
	c.out = append(c.out, Insn{code, jt, jf, k})
}

// program writes the whole: a section for each audit architecture, and in that
// of amd64 one for x32. Others are killed, as by libseccomp.
func (c *compiler) program(which [machines]bool) []Insn {
	for i := 0; i < machines; i++ {
		m := known[i]
		x32 := i+1 < machines && known[i+1].audit == m.audit
		if which[i] || x32 && which[i+1] {
			c.section(m.audit, func() {
				c.emit(loadAbs, 0, 0, offNumber)
				if x32 {
					c.split(known[i+1].bit, func() { c.machine(i, which[i]) }, func() { c.machine(i+1, which[i+1]) })
				} else {
					c.machine(i, which[i])
				}
			})
		}
		if x32 {
			i++
		}
	}
	c.emit(ret, 0, 0, retKillThread)
	return c.out
}

// section writes what holds for one architecture; others go on behind it.
func (c *compiler) section(audit uint32, body func()) {
	c.emit(loadAbs, 0, 0, offArch)
	c.emit(jeq, 1, 0, audit)
	at := len(c.out)
	c.emit(jump, 0, 0, 0)
	body()
	c.out[at].K = uint32(len(c.out) - at - 1)
}

// split writes low for numbers below limit, high for the others.
func (c *compiler) split(limit uint32, low, high func()) {
	c.emit(jge, 0, 1, limit)
	at := len(c.out)
	c.emit(jump, 0, 0, 0)
	low()
	c.out[at].K = uint32(len(c.out) - at - 1)
	high()
}

// A leaf is a range of numbers, from start to the next leaf, that fare alike.
type leaf struct {
	start uint32
	does  *behaviour
}

// machine writes the search tree for the calls of one machine.
func (c *compiler) machine(m int, wanted bool) {
	if !wanted {
		c.emit(ret, 0, 0, retKillThread)
		return
	}
	c.narrow = known[m].narrow
	none, beyond := &behaviour{answer: c.fallback}, &behaviour{answer: c.beyond}
	var leaves []leaf
	for nr := 0; nr <= c.newest[m]; nr++ {
		b := c.calls[m][nr]
		if b == nil {
			b = none
		}
		if n := len(leaves); n > 0 && b.rules == nil && leaves[n-1].does.rules == nil && leaves[n-1].does.answer == b.answer {
			continue
		}
		leaves = append(leaves, leaf{known[m].bit + uint32(nr), b})
	}
	leaves = append(leaves, leaf{known[m].bit + uint32(c.newest[m]) + 1, beyond})
	c.tree(leaves)
}

// tree writes a binary search. The accumulator holds the number until an
// answer's conditions need it.
func (c *compiler) tree(l []leaf) {
	if len(l) == 1 {
		c.behaviour(l[0].does)
		return
	}
	mid := len(l) / 2
	at := len(c.out)
	c.emit(jge, 0, 1, l[mid].start) // true: over a long jump, which most do not need
	c.emit(jump, 0, 0, 0)
	c.tree(l[:mid])
	n := len(c.out) - at - 2
	if n < 255 {
		copy(c.out[at+1:], c.out[at+2:])
		c.out = c.out[:len(c.out)-1]
		c.out[at] = Insn{jge, uint8(n), 0, l[mid].start}
	} else {
		c.out[at+1].K = uint32(n)
	}
	c.tree(l[mid:])
}

func (c *compiler) behaviour(b *behaviour) {
	for _, r := range b.rules {
		c.rule(r)
	}
	c.emit(ret, 0, 0, b.answer)
}

// Targets of conditions, to be replaced by distances.
const (
	here = 0    // the next instruction
	yes  = 0xfe // behind the condition: it holds
	no   = 0xff // behind the rule
)
