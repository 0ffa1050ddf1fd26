package seccomp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func compile(t *testing.T, p *specs.LinuxSeccomp) *Filter {
	t.Helper()
	f, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// holds is what an operator means.
func holds(a specs.LinuxSeccompArg, v uint64) bool {
	switch a.Op {
	case specs.OpEqualTo:
		return v == a.Value
	case specs.OpNotEqual:
		return v != a.Value
	case specs.OpLessThan:
		return v < a.Value
	case specs.OpLessEqual:
		return v <= a.Value
	case specs.OpGreaterThan:
		return v > a.Value
	case specs.OpGreaterEqual:
		return v >= a.Value
	}
	return v&a.Value == a.ValueTwo&a.Value
}

var operators = []specs.LinuxSeccompOperator{specs.OpEqualTo, specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpGreaterThan, specs.OpGreaterEqual, specs.OpMaskedEqual}

// values lie around the borders of 32 bits.
var values = []uint64{0, 1, 7, 8, 9, 1<<32 - 1, 1 << 32, 1<<32 + 8, 8 << 32, 8<<32 + 8, 9 << 32, 1<<64 - 1}

func TestOperators(t *testing.T) {
	for _, op := range operators {
		for _, want := range values {
			arg := specs.LinuxSeccompArg{Index: 2, Value: want, ValueTwo: want&8 | 0xf00000004, Op: op} // bits beside the mask do not count
			f := compile(t, &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{
				{Names: []string{"read"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{arg}}}})
			for _, v := range values {
				d := data{nr: uint32(lookup("read")[0]), arch: known[0].audit}
				d.args[2] = v
				if got := run(f.Insns, d) == retAllow; got != holds(arg, v) {
					t.Errorf("%s %#x of %#x: %v", op, want, v, got)
				}
			}
		}
	}
}

func TestActions(t *testing.T) {
	errno := uint(99)
	for action, want := range map[specs.LinuxSeccompAction]uint32{
		specs.ActKill: retKillThread, specs.ActKillThread: retKillThread, specs.ActKillProcess: retKillProcess, specs.ActTrap: retTrap,
		specs.ActErrno: retErrno | 99, specs.ActTrace: retTrace | 99, specs.ActAllow: retAllow, specs.ActLog: retLog, specs.ActNotify: retNotify,
	} {
		s := specs.LinuxSyscall{Names: []string{"read"}, Action: action}
		if action == specs.ActErrno || action == specs.ActTrace {
			s.ErrnoRet = &errno
		}
		f := compile(t, &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{s}, ListenerPath: "/agent"})
		if f.Listens() != (action == specs.ActNotify) {
			t.Errorf("%s has a listener: %v", action, f.Listens())
		}
		if got := run(f.Insns, data{nr: uint32(lookup("read")[0]), arch: known[0].audit}); got != want {
			t.Errorf("%s answers %#x, want %#x", action, got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, p := range map[string]*specs.LinuxSeccomp{
		"action":           {DefaultAction: "SCMP_ACT_MAYBE"},
		"operator":         {DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Op: "SCMP_CMP_LIKE"}}}}},
		"argument":         {DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Index: 6, Op: specs.OpEqualTo}}}}},
		"architecture":     {DefaultAction: specs.ActAllow, Architectures: []specs.Arch{"SCMP_ARCH_VAX"}},
		"default action":   {DefaultAction: specs.ActNotify, ListenerPath: "/agent"},
		"write syscall":    {DefaultAction: specs.ActAllow, ListenerPath: "/agent", Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActNotify}, {Names: []string{"write"}, Action: specs.ActNotify}}},
		"a listenerPath":   {DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActNotify}}},
		"listenerMetadata": {DefaultAction: specs.ActAllow, ListenerMetadata: "x"},
		"flag":             {DefaultAction: specs.ActAllow, Flags: []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_HOPE"}},
	} {
		if _, err := Compile(p); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("unknown %s: %v", name, err)
		}
	}
}

func TestCallsBeyondTheProfileAreMissing(t *testing.T) {
	f := compile(t, &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{{Names: []string{"read", "write", "close"}, Action: specs.ActAllow}}})
	newest := max(lookup("read")[0], lookup("write")[0], lookup("close")[0])
	if got := run(f.Insns, data{nr: uint32(newest) + 1, arch: known[0].audit}); got != retErrno|enosys {
		t.Errorf("a newer call answers %#x", got)
	}
	if got := run(f.Insns, data{nr: uint32(lookup("read")[0]), arch: 0x1234}); got != retKillThread {
		t.Errorf("a foreign architecture answers %#x", got)
	}
}

func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	p := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActAllow}}}
	first, err := Cached(dir, p)
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(dir + "/*")
	if len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	for _, damage := range []func(){func() {}, func() { os.Truncate(files[0], 40) }, func() { os.WriteFile(files[0], bytes.Repeat([]byte{1}, 100), 0o600) }} {
		damage()
		f, err := Cached(dir, p)
		if err != nil || !slices.Equal(f.Insns, first.Insns) || f.Flags != first.Flags {
			t.Errorf("from the cache: %v, %v", f, err)
		}
	}
	text, _ := json.Marshal(p)
	for _, at := range []string{dir, t.TempDir()} {
		if f, err := CachedText(at, text); err != nil || !slices.Equal(f.Insns, first.Insns) {
			t.Errorf("of the text: %v, %v", f, err)
		}
	}
	if files, _ := filepath.Glob(dir + "/*"); len(files) != 1 {
		t.Errorf("the text has a file of its own: %v", files)
	}
	if _, err := CachedText(dir, []byte("{")); err == nil {
		t.Error("half a text is a profile")
	}
}

// actions and operators as numbers of libseccomp.
var scmpActions = map[specs.LinuxSeccompAction]uint32{specs.ActAllow: 0x7fff0000, specs.ActErrno: 0x00050000, specs.ActKill: 0, specs.ActKillProcess: 0x80000000, specs.ActTrap: 0x00030000, specs.ActLog: 0x7ffc0000}
var scmpOperators = map[specs.LinuxSeccompOperator]int{specs.OpNotEqual: 1, specs.OpLessThan: 2, specs.OpLessEqual: 3, specs.OpEqualTo: 4, specs.OpGreaterEqual: 5, specs.OpGreaterThan: 6, specs.OpMaskedEqual: 7}

// reference compiles a profile by libseccomp. It returns the calls that the
// installed libseccomp is too old to know, too.
func reference(t *testing.T, p *specs.LinuxSeccomp) (prog []Insn, unknown []string) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the list of architectures is that of amd64")
	}
	bin := filepath.Join(t.TempDir(), "reference")
	if out, err := exec.Command("gcc", "-o", bin, "testdata/reference.c", "-lseccomp").CombinedOutput(); err != nil {
		t.Skipf("no libseccomp to compare with: %v\n%s", err, out)
	}
	var in bytes.Buffer
	fmt.Fprintln(&in, "default", number(p.DefaultAction, p.DefaultErrnoRet))
	for _, arch := range []uint32{0x40000003, 0x4000003e} { // x86, and x32 by libseccomp's own token
		fmt.Fprintln(&in, "arch", arch)
	}
	for _, s := range p.Syscalls {
		answer := number(s.Action, s.ErrnoRet)
		if answer == number(p.DefaultAction, p.DefaultErrnoRet) {
			continue
		}
		for _, n := range s.Names {
			fmt.Fprintf(&in, "rule %d %s %d", answer, n, len(s.Args))
			for _, a := range s.Args {
				fmt.Fprintf(&in, " %d %d %d %d", a.Index, scmpOperators[a.Op], a.Value, a.ValueTwo)
			}
			fmt.Fprintln(&in)
		}
	}
	cmd := exec.Command(bin)
	cmd.Stdin = &in
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("libseccomp: %v\n%s", err, errs.String())
	}
	f, err := decode(encodeRaw(out))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(errs.String()) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(l), "unknown "); ok {
			unknown = append(unknown, n)
		}
	}
	return f.Insns, unknown
}

// encodeRaw makes a program what decode takes.
func encodeRaw(prog []byte) []byte {
	f := &Filter{}
	for ; len(prog) >= 8; prog = prog[8:] {
		f.Insns = append(f.Insns, Insn{uint16(prog[0]) | uint16(prog[1])<<8, prog[2], prog[3],
			uint32(prog[4]) | uint32(prog[5])<<8 | uint32(prog[6])<<16 | uint32(prog[7])<<24})
	}
	return encode(f)
}

func number(a specs.LinuxSeccompAction, errno *uint) uint32 {
	n := scmpActions[a]
	if a == specs.ActErrno {
		n |= eperm
		if errno != nil {
			n = n&^0xffff | uint32(*errno)
		}
	}
	return n
}

// compare checks every call number on every machine, with values around those
// that the profile's conditions name.
func compare(t *testing.T, p *specs.LinuxSeccomp) {
	want, unknown := reference(t, p)
	f := compile(t, p)
	try := map[uint64]bool{0: true, 1<<64 - 1: true}
	for _, s := range p.Syscalls {
		for _, a := range s.Args {
			for _, v := range []uint64{a.Value, a.ValueTwo} {
				try[v], try[v+1], try[v-1], try[v|1<<40] = true, true, true, true
			}
		}
	}
	checked, differ := 0, 0
	for i, m := range known {
		c := &compiler{}
		if err := c.rules(p.Syscalls); err != nil {
			t.Fatal(err)
		}
		for nr := 0; nr <= c.newest[i]; nr++ {
			if slices.ContainsFunc(unknown, func(n string) bool { at := lookup(n); return at != nil && int(at[i]) == nr }) {
				continue
			}
			for v := range try {
				for at := range 3 {
					d := data{nr: m.bit + uint32(nr), arch: m.audit}
					d.args[at] = v
					checked++
					if a, b := run(f.Insns, d), run(want, d); a != b {
						if differ++; differ < 20 {
							t.Errorf("%s call %d argument %d %#x: %#x, libseccomp says %#x", m.arch, nr, at, v, a, b)
						}
					}
				}
			}
		}
	}
	t.Logf("libseccomp does not know %v", unknown)
	t.Logf("%d verdicts compared; %d instructions, libseccomp %d", checked, len(f.Insns), len(want))
}

func TestSmallProfilesAgreeWithLibseccomp(t *testing.T) {
	eperm := uint(1)
	for _, op := range operators {
		t.Run(string(op), func(t *testing.T) {
			compare(t, &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: &eperm, Architectures: []specs.Arch{specs.ArchX86, specs.ArchX32},
				Syscalls: []specs.LinuxSyscall{
					{Names: []string{"read", "openat"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Index: 1, Op: op, Value: 8<<32 + 9, ValueTwo: 8}}},
					{Names: []string{"write", "futex"}, Action: specs.ActAllow},
					{Names: []string{"close"}, Action: specs.ActTrap},
				}})
		})
	}
}

func FuzzCompile(f *testing.F) {
	f.Add("read", uint(0), uint64(1), uint64(2), 3)
	f.Fuzz(func(t *testing.T, name string, index uint, value, two uint64, op int) {
		arg := specs.LinuxSeccompArg{Index: index, Value: value, ValueTwo: two, Op: operators[(op%len(operators)+len(operators))%len(operators)]}
		filter, err := Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{
			{Names: []string{name}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{arg}}}})
		if err != nil {
			if index <= 5 {
				t.Fatal(err)
			}
			return
		}
		at := lookup(name)
		if at == nil || at[0] < 0 {
			return
		}
		for _, v := range append(values, value, two) {
			d := data{nr: uint32(at[0]), arch: known[0].audit}
			d.args[index] = v
			if got := run(filter.Insns, d) == retAllow; got != holds(arg, v) {
				t.Errorf("%s argument %d = %#x under %+v: %v", name, index, v, arg, got)
			}
		}
	})
}

func TestRefusalsReachMultiplexedCalls(t *testing.T) {
	at := lookup("socketcall")
	m := slices.IndexFunc(known[:], func(m machine) bool { return m.arch == specs.ArchX86 })
	if at == nil || m < 0 {
		t.Skip("no machine with socketcall")
	}
	errno := uint(1)
	f := compile(t, &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{specs.ArchX86}, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"socket", "shmat"}, Action: specs.ActErrno, ErrnoRet: &errno}}})
	for call, fn := range map[string]uint64{"socketcall": 1, "ipc": 21} {
		d := data{nr: uint32(lookup(call)[m]), arch: known[m].audit}
		d.args[0] = fn
		if got := run(f.Insns, d); got != retErrno|1 {
			t.Errorf("%s(%d) answers %#x", call, fn, got)
		}
		d.args[0] = fn + 1
		if got := run(f.Insns, d); got != retAllow {
			t.Errorf("%s(%d) answers %#x", call, fn+1, got)
		}
	}
}

// TestListenerFlags: some flags go with a listener only, others never.
func TestListenerFlags(t *testing.T) {
	all := []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow, specs.LinuxSeccompFlagWaitKillableRecv}
	without := compile(t, &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: all})
	with := compile(t, &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: all, ListenerPath: "/agent",
		Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActNotify}}})
	if without.Flags != 1|2|4 || with.Flags != 2|4|8|32 {
		t.Errorf("flags %#x without, %#x with a listener", without.Flags, with.Flags)
	}
	if Defaults(specs.LinuxSeccomp{}).Flags[0] != specs.LinuxSeccompFlagSpecAllow || len(Defaults(specs.LinuxSeccomp{Flags: all[:0]}).Flags) != 0 {
		t.Error("the default is for a profile that says nothing of flags")
	}
	if !Empty(&specs.LinuxSeccomp{}) || !Empty(nil) || Empty(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow}) {
		t.Error("a profile is empty if it says nothing")
	}
}

// TestCacheShrinks: of too many programs the young ones stay.
func TestCacheShrinks(t *testing.T) {
	dir := t.TempDir()
	for i := range cacheSize {
		old := filepath.Join(dir, fmt.Sprintf("%064d", i))
		if err := os.WriteFile(old, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(i), 0)
		if err := os.Chtimes(old, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := CachedText(dir, []byte(`{"defaultAction":"SCMP_ACT_ALLOW"}`)); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != cacheSize*3/4 {
		t.Fatalf("%d programs, %v", len(left), err)
	}
	if got, want := left[0].Name(), fmt.Sprintf("%064d", cacheSize-len(left)+1); got != want {
		t.Errorf("the oldest that stayed is %s, want %s", got, want)
	}
}
