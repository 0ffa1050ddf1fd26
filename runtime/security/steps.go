package security

import (
	"encoding/binary"
	"fmt"

	"mydocker/initprog"
	"mydocker/runtime/security/seccomp"
)

// NoNewPrivileges keeps execve(2) from granting privileges; see
// PR_SET_NO_NEW_PRIVS(2const).
type NoNewPrivileges struct{}

// Emit calls prctl(2).
func (NoNewPrivileges) Emit(b *initprog.Builder) {
	b.Sys("prctl", prSetNoNewPrivs, 1, 0, 0, 0).Says("prctl PR_SET_NO_NEW_PRIVS")
}

// Shell says that the last command does it.
func (NoNewPrivileges) Shell() string { return "# no_new_privs: see setpriv, below" }

// Setpriv returns the word for setpriv(1).
func (NoNewPrivileges) Setpriv() []string { return []string{"--no-new-privs"} }

// Seccomp filters the process's system calls; see seccomp(2). Where the filter
// asks another process, the parent gets the descriptor for that; see
// [NoteListener].
type Seccomp struct{ Filter *seccomp.Filter }

// Emit loads the filter.
func (s Seccomp) Emit(b *initprog.Builder) {
	code := b.Bytes(s.Filter.Bytes())
	prog := make([]byte, 16) // struct sock_fprog
	binary.NativeEndian.PutUint16(prog, uint16(len(s.Filter.Insns)))
	binary.NativeEndian.PutUint64(prog[8:], uint64(code))
	s.load(b, b.Bytes(prog))
}

// Shell says what has no command.
func (s Seccomp) Shell() string {
	return fmt.Sprintf("# seccomp(2), no command: a filter of %d instructions; this script's container goes without", len(s.Filter.Insns))
}
