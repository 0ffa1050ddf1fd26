package seccomp

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestKnown: what is listed is understood.
func TestKnown(t *testing.T) {
	actions, operators, archs := Known()
	for _, a := range actions {
		if _, err := action(specs.LinuxSeccompAction(a), nil); err != nil {
			t.Error(err)
		}
	}
	for _, f := range Flags() {
		if flagBit(specs.LinuxSeccompFlag(f)) == 0 {
			t.Errorf("flag %s is not known", f)
		}
	}
	for _, o := range operators {
		_, err := Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"},
			Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Op: specs.LinuxSeccompOperator(o), Value: 1, ValueTwo: 1}}}}})
		if err != nil {
			t.Errorf("operator %s: %v", o, err)
		}
	}
	if len(archs) != machines || len(actions) < 9 || len(operators) != 7 {
		t.Error(actions, operators, archs)
	}
}
