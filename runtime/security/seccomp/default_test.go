package seccomp

import (
	"testing"

	mobyseccomp "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestDockersProfileAgreesWithLibseccomp compares the verdicts on every system
// call, for containers with few and with all of what the profile asks about.
func TestDockersProfileAgreesWithLibseccomp(t *testing.T) {
	for name, caps := range map[string][]string{"default": {"CAP_CHOWN", "CAP_SYS_CHROOT"}, "admin": {"CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_BPF", "CAP_SYS_TIME"}} {
		t.Run(name, func(t *testing.T) {
			p, err := mobyseccomp.GetDefaultProfile(&specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: caps}}})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, p)
		})
	}
}
