package profile_test

import (
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/runtime/security/seccomp/profile"
)

func TestDefaultLeavesOut(t *testing.T) {
	p, err := profile.Default(&specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN"}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Syscalls {
		for _, never := range []string{"socketcall", "io_uring_setup", "io_uring_enter", "io_uring_register", "mount", "bpf", "kexec_load", "ptrace_never"} {
			if s.Action == specs.ActAllow && slices.Contains(s.Names, never) {
				t.Errorf("%s is allowed", never)
			}
		}
	}
}
