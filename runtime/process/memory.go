package process

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/initprog"
	"mydocker/plan"
)

// MemoryPolicy is from which NUMA nodes the process gets its memory; see
// set_mempolicy(2).
type MemoryPolicy struct {
	Mode  uint32 // with its flags
	Nodes []byte // bit n: node n
	Name  string // as numactl(8) has it, for the script
	List  string
}

// memoryModes numbers the modes, and names them as numactl(8) does.
var memoryModes = []struct {
	mode specs.MemoryPolicyModeType
	name string
}{
	{specs.MpolDefault, "default"}, {specs.MpolPreferred, "preferred"}, {specs.MpolBind, "membind"}, {specs.MpolInterleave, "interleave"},
	{specs.MpolLocal, "localalloc"}, {specs.MpolPreferredMany, "preferred-many"}, {specs.MpolWeightedInterleave, "weighted-interleave"},
}

// memoryFlag returns the bit of a flag, or 0; see <linux/mempolicy.h>.
func memoryFlag(f specs.MemoryPolicyFlagType) uint32 {
	switch f {
	case specs.MpolFStaticNodes:
		return 1 << 15
	case specs.MpolFRelativeNodes:
		return 1 << 14
	case specs.MpolFNumaBalancing:
		return 1 << 13
	}
	return 0
}

// NewMemoryPolicy returns the step for a policy of the specification.
func NewMemoryPolicy(p *specs.LinuxMemoryPolicy) (MemoryPolicy, error) {
	out := MemoryPolicy{List: p.Nodes}
	mode := -1
	for i, m := range memoryModes {
		if m.mode == p.Mode {
			mode, out.Name = i, m.name
		}
	}
	if mode < 0 {
		return out, fmt.Errorf("unknown memoryPolicy.mode %q", p.Mode)
	}
	out.Mode = uint32(mode)
	for _, f := range p.Flags {
		bit := memoryFlag(f)
		if bit == 0 {
			return out, fmt.Errorf("unknown memoryPolicy flag %q", f)
		}
		out.Mode |= bit
	}
	var err error
	if out.Nodes, err = ParseList(p.Nodes); err != nil {
		return out, fmt.Errorf("memoryPolicy.nodes: %w", err)
	}
	return out, checkNodes(p.Mode, len(out.Nodes) > 0)
}

func checkNodes(mode specs.MemoryPolicyModeType, some bool) error {
	switch mode {
	case specs.MpolPreferred:
		return nil
	case specs.MpolDefault, specs.MpolLocal:
		if some {
			return fmt.Errorf("memoryPolicy %s takes no nodes", mode)
		}
	default:
		if !some {
			return fmt.Errorf("memoryPolicy %s needs nodes", mode)
		}
	}
	return nil
}

// Emit calls set_mempolicy(2); the kernel counts one node less than told.
func (m MemoryPolicy) Emit(b *initprog.Builder) {
	o := []any{m.Mode, nil, 0}
	if len(m.Nodes) > 0 {
		mask := append(slices.Clone(m.Nodes), make([]byte, -len(m.Nodes)&7)...)
		o = []any{m.Mode, b.Bytes(mask), 8*len(mask) + 1}
	}
	b.Sys("set_mempolicy", o...).Says("set_mempolicy " + m.Name)
}

// Shell says which program would start the container's with that policy.
func (m MemoryPolicy) Shell() string {
	return "# memory policy: " + plan.Cmd("numactl", strings.TrimSuffix("--"+m.Name+"="+m.List, "="))
}

// Personality is what the process takes the machine for; see personality(2).
type Personality struct{ Domain specs.LinuxPersonalityDomain }

// NewPersonality returns the step for a personality of the specification, which
// knows two and no flags.
func NewPersonality(p *specs.LinuxPersonality) (Personality, error) {
	if p.Domain != specs.PerLinux && p.Domain != specs.PerLinux32 {
		return Personality{}, fmt.Errorf("unknown personality.domain %q", p.Domain)
	}
	return Personality{p.Domain}, nil
}

// Emit calls personality(2).
func (p Personality) Emit(b *initprog.Builder) {
	persona := 0
	if p.Domain == specs.PerLinux32 {
		persona = 8
	}
	b.Sys("personality", persona).Says("personality " + string(p.Domain))
}

// Shell says which program would start the container's so.
func (p Personality) Shell() string {
	if p.Domain == specs.PerLinux32 {
		return "# personality: setarch linux32"
	}
	return "# personality: setarch linux64"
}

// MemoryPolicies returns the names of all modes and flags.
func MemoryPolicies() (modes, flags []string) {
	for _, m := range memoryModes {
		modes = append(modes, string(m.mode))
	}
	for _, f := range []specs.MemoryPolicyFlagType{specs.MpolFNumaBalancing, specs.MpolFRelativeNodes, specs.MpolFStaticNodes} {
		flags = append(flags, string(f))
	}
	return modes, flags
}
