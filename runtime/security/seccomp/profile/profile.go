// Package profile has Docker's default seccomp profile, and reads profiles in
// Docker's format, from which it makes the specification's.
package profile

import (
	"slices"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Default returns Docker's default profile for a container with the
// capabilities of s, less socketcall(2): its arguments lie behind a pointer, so
// that 32-bit programs could open the sockets that the profile refuses by
// family (AF_ALG, AF_VSOCK; CVE-2026-31431). They have socket(2) since Linux 4.3.
func Default(s *specs.Spec) (*specs.LinuxSeccomp, error) {
	p, err := seccomp.GetDefaultProfile(s)
	if err != nil {
		return nil, err
	}
	for i, c := range p.Syscalls {
		p.Syscalls[i].Names = slices.DeleteFunc(slices.Clone(c.Names), func(n string) bool { return n == "socketcall" })
	}
	return p, nil
}

// Load reads a profile in Docker's JSON format. It is the user's, and used as
// it is.
func Load(text []byte, s *specs.Spec) (*specs.LinuxSeccomp, error) {
	return seccomp.LoadProfile(string(text), s)
}
