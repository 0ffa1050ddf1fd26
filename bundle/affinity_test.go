package bundle_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestExecAffinity: a process begins on CPUs that the container's control group
// has not, and runs on those that it has.
func TestExecAffinity(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("needs two CPUs")
	}
	p := newPlace(t, "sleep 1000")
	p.spec.Linux.Resources.CPU = &specs.LinuxCPU{Cpus: "1", Mems: "0"}
	p.spec.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0"}
	p.running("c")
	if got := p.ok("exec", "c", "grep", "Cpus_allowed_list", "/proc/self/status"); strings.TrimSpace(got) != "Cpus_allowed_list:\t1" {
		t.Errorf("%q", got)
	}
	p.ok("delete", "--force", "c")
}
