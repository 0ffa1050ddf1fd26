package runtime

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
	"mydocker/runtime/process"
)

// untelling are steps whose errors are others' to word: the program's, by name,
// and those for which a process merely waits.
func untelling(s plan.Step) bool {
	switch s.(type) {
	case process.Exec, process.Hold, process.Wait, process.DieWithParent:
		return true
	}
	return false
}

// TestTells has every call of a plan with something of every room fail, and
// compares what is said: which field of the specification it was, which call, and
// why.
func TestTells(t *testing.T) {
	s := spec()
	s.Process.Terminal = true
	s.Process.Capabilities.Ambient = []string{"CAP_KILL"}
	s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 3}
	s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 3}
	s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
	s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 7}}
	s.Linux.RootfsPropagation = "slave"
	s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Access: "rwm"}}
	p, err := Compile(Container{Spec: s, Keyring: "_ses.ID"}, facts())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	say := func(e *plan.Error) {
		if _, ok := e.Step.(plan.Telling); !ok && !untelling(e.Step) {
			t.Errorf("%T does not tell what it is for: %v", e.Step, e)
		}
		if line := e.Part + ": " + e.Error(); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	for _, part := range []struct {
		name  string
		steps []plan.HostStep
	}{{plan.PartHost, p.Host}, {plan.PartHost, p.Beside}, {plan.PartAttach, slices.Concat(p.Placed, p.Attach)}} {
		for _, h := range part.steps {
			say(&plan.Error{Part: part.name, Step: h, Err: errors.New("what the kernel says")})
		}
	}
	prog, err := Program(p, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range prog.Ops() {
		pseudo := prog.Label(i) == "jump" || prog.Label(i) == "copy"
		if n := prog.Step(i); n >= 0 && !pseudo && !(strings.HasPrefix(prog.Label(i), "drop ") && i%10 > 0) {
			say(&plan.Error{Part: plan.PartInit, Step: p.Init[n], Call: prog.Label(i), Err: syscall.EPERM})
		}
	}
	golden(t, "tells.txt", strings.Join(lines, "\n")+"\n")
}
