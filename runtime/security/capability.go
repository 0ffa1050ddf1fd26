// Package security plans what a container's process may no longer do:
// capabilities, no_new_privs, system calls.
package security

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"mydocker/initprog"
)

// AllCaps are the capabilities in the kernel's order: the index is the number.
// See capabilities(7).
func AllCaps() []string {
	return []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
		"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
		"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
		"CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
		"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
		"CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
		"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"}
}

// CapMask returns the set of capabilities as the kernel has it: bit n is
// capability n.
func CapMask(names []string) (mask uint64, err error) {
	all := AllCaps()
	for _, n := range names {
		i := slices.Index(all, n)
		if i < 0 {
			return 0, fmt.Errorf("unknown capability %q", n)
		}
		mask |= 1 << i
	}
	return mask, nil
}

// Known returns those of the capabilities that are known, in the given order. As
// by runc the others are left out; see runtime.Validate, which names them.
func Known(names []string) (out []string) {
	for _, n := range names {
		if slices.Contains(AllCaps(), n) {
			out = append(out, n)
		}
	}
	return out
}

// mask is CapMask for sets that were checked when the plan was compiled.
func mask(names []string) uint64 {
	m, err := CapMask(names)
	if err != nil {
		panic(err)
	}
	return m
}

const (
	prSetKeepCaps     = 8
	prCapBSetDrop     = 24
	prSetNoNewPrivs   = 38
	prCapAmbient      = 47
	ambientRaise      = 2
	ambientClearAll   = 4
	capabilityVersion = 0x20080522 // _LINUX_CAPABILITY_VERSION_3
)

// Bounding takes everything but Keep from the bounding set: what is not in it
// cannot be regained by execve(2).
type Bounding struct{ Keep []string }

// Keeps tells whether a capability stays.
func (c Bounding) Keeps(capability string) bool { return slices.Contains(c.Keep, capability) }

// Emit drops one capability after the other. EINVAL is one that the kernel
// does not know.
func (c Bounding) Emit(b *initprog.Builder) {
	keep := mask(c.Keep)
	for i := range 64 {
		if keep>>i&1 == 0 && i < len(AllCaps())+4 {
			b.Sys("prctl", prCapBSetDrop, i, 0, 0, 0).Allow(syscall.EINVAL).Says(fmt.Sprintf("drop %s from the bounding set", capName(i)))
		}
	}
}

func capName(i int) string {
	if all := AllCaps(); i < len(all) {
		return all[i]
	}
	return fmt.Sprintf("capability %d", i)
}

// Shell says that the last command does it.
func (c Bounding) Shell() string { return "# bounding set: " + short(c.Keep) + ": see setpriv, below" }

// Setpriv returns the words for setpriv(1).
func (c Bounding) Setpriv() []string { return []string{"--bounding-set=" + setprivList(c.Keep)} }

// setprivList names a set as setpriv takes it.
func setprivList(names []string) string {
	out := "-all"
	for _, n := range names {
		out += ",+" + strings.ToLower(strings.TrimPrefix(n, "CAP_"))
	}
	return out
}

// short names a set for people.
func short(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.ToLower(strings.ReplaceAll(strings.Join(names, " "), "CAP_", ""))
}

// KeepCaps keeps the permitted set over the change of user that follows; see
// PR_SET_KEEPCAPS(2const).
type KeepCaps struct{}

// Emit calls prctl(2).
func (KeepCaps) Emit(b *initprog.Builder) {
	b.Sys("prctl", prSetKeepCaps, 1, 0, 0, 0).Says("prctl PR_SET_KEEPCAPS")
}

// Shell says that the last command does it.
func (KeepCaps) Shell() string { return "# capabilities are kept over the change of user" }

// MayFilter gives the process back what it lost with its user, for as long as it
// takes to load a filter: CAP_SYS_ADMIN, without which seccomp(2) wants
// no_new_privs; and CAP_SETPCAP, so that the sets that follow are all allowed.
type MayFilter struct{}

// Emit makes what is permitted effective.
func (MayFilter) Emit(b *initprog.Builder) {
	header := make([]byte, 8)
	binary.NativeEndian.PutUint32(header, capabilityVersion)
	data := b.Bytes(make([]byte, 24))
	h := b.Bytes(header)
	b.Sys("capget", h, data)
	for _, half := range []int{0, 12} { // permitted, to effective
		b.Copy(b.SlotAt(data, half+4), b.SlotAt(data, half))
	}
	b.Sys("capset", h, data)
}

// Shell says what the script has no need for.
func (MayFilter) Shell() string { return "# what is permitted is effective until the filter is loaded" }

// Capabilities sets the process's own sets; see capset(2).
type Capabilities struct{ Effective, Permitted, Inheritable, Ambient []string }

// Emit calls capset, then raises the ambient set. One that is not both permitted
// and inheritable cannot be ambient, and is left out, as by runc.
func (c Capabilities) Emit(b *initprog.Builder) {
	header := make([]byte, 8)
	binary.NativeEndian.PutUint32(header, capabilityVersion)
	data := make([]byte, 24)
	for i, set := range []uint64{mask(c.Effective), mask(c.Permitted), mask(c.Inheritable)} {
		binary.NativeEndian.PutUint32(data[4*i:], uint32(set))
		binary.NativeEndian.PutUint32(data[12+4*i:], uint32(set>>32))
	}
	b.Sys("prctl", prCapAmbient, ambientClearAll, 0, 0, 0).Allow(syscall.EINVAL).Says("clear the ambient set")
	b.Sys("capset", b.Bytes(header), b.Bytes(data)).Says("capset " + short(c.Permitted))
	for _, n := range c.Ambient {
		i := slices.Index(AllCaps(), n)
		b.Sys("prctl", prCapAmbient, ambientRaise, i, 0, 0).Allow(syscall.EPERM).Says("raise ambient " + n)
	}
}

// Shell says that the last command does it.
func (c Capabilities) Shell() string {
	return "# capabilities: " + short(c.Permitted) + ": execve(2) gives them, from the bounding set"
}

// Setpriv returns the words for setpriv(1).
func (c Capabilities) Setpriv() []string {
	return []string{"--inh-caps=" + setprivList(c.Inheritable), "--ambient-caps=" + setprivList(c.Ambient)}
}
