package runtime

import (
	"errors"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/device"
	"mydocker/runtime/namespace"
	"mydocker/runtime/process"
	"mydocker/runtime/security/seccomp"
)

// A Join is a process that is to run in a container that runs already.
type Join struct {
	// Spec is the container's specification: it tells which namespaces the
	// container has of its own, or shares with another container.
	Spec *specs.Spec
	// Process is what is to run there, instead of the specification's.
	Process *specs.Process
	// Program is what is executed, where it is not the process's first argument.
	Program string
	// CgroupPath is where the container's processes are, below the mount point
	// of each hierarchy. Whether they are frozen is for the caller to find out:
	// the process would be, too.
	CgroupPath string
	// Preserve is how many of the caller's descriptors the program inherits, as
	// 3 and up.
	Preserve int
}

// JoinFacts are what the plan of joining depends on besides.
type JoinFacts struct {
	Cgroups cgroup.Layout
	// Filter is the compiled seccomp profile of the container, nil for none.
	Filter *seccomp.Filter
}

// CompileJoin returns the plan of one more process in a container. It has no
// steps of the host: what the process leaves goes with the container. Like
// [Compile] it is a tour, reads its arguments and nothing else; [Launch.Target]
// names the container when the plan runs.
func CompileJoin(j Join, f JoinFacts) (*plan.Plan, error) {
	spec := *j.Spec
	spec.Process = j.Process
	k := &compiler{Container: Container{Spec: &spec, Preserve: j.Preserve}, program: j.Program, Facts: Facts{Cgroups: f.Cgroups, Filter: f.Filter}}
	groups, err := cgroup.Existing(f.Cgroups, j.CgroupPath)
	if err != nil {
		k.fail(err)
	}
	p := &plan.Plan{Spawn: plan.Spawn{Cgroup: groups.V2Dir}}
	p.Init = slices.Concat(
		k.oomScore(),      // while /proc is the host's
		groups.Join,       // by names of the host
		k.entered(),       // all namespaces; the host's root is gone from here on
		k.namespaceRoot(), // before anything is opened or made there
		k.another(),       // of the container's /dev/pts
		k.place(),
		k.session(),    // with the terminal
		k.limits(),     // as root still
		k.privileges(), // the last that needs any
		k.exec(),
	)
	return p, k.err
}

// innerKinds are the namespaces that a first process makes later than the
// others, and that are entered with them.
var innerKinds = []struct{ spec, kernel string }{{"cgroup", "cgroup"}, {"time", "time"}}

// entered lists the namespaces that the container does not share with the host.
// The kernel refuses only to enter the user namespace one is in.
func (k *compiler) entered() []plan.InitStep {
	e := namespace.Enter{Target: targetFD}
	for _, n := range slices.Concat(kinds, innerKinds) {
		if _, ok := k.namespace(n.spec); ok {
			e.Kinds = append(e.Kinds, n.kernel)
		}
	}
	if !slices.Contains(e.Kinds, "mnt") {
		k.fail(errors.New("a container has a mount namespace of its own: its specification names none"))
	}
	return []plan.InitStep{e}
}

// namespaceRoot makes the process root of the user namespace that it came into
// as nobody.
func (k *compiler) namespaceRoot() []plan.InitStep {
	if _, ok := k.namespace("user"); !ok {
		return nil
	}
	return []plan.InitStep{process.Become{}}
}

func (k *compiler) another() []plan.InitStep {
	p := k.Spec.Process
	if !p.Terminal {
		return nil
	}
	t := device.Another{Terminal: device.Terminal{Socket: consoleFD}, UID: p.User.UID}
	if s := p.ConsoleSize; s != nil {
		t.Width, t.Height = uint16(s.Width), uint16(s.Height)
	}
	return []plan.InitStep{t}
}

// place is where the process begins, and with which descriptors. A working
// directory is not made.
func (k *compiler) place() []plan.InitStep {
	return []plan.InitStep{
		process.Chdir{Dir: k.Spec.Process.Cwd},
		process.CloseFiles{Preserve: k.Preserve, Terminal: k.Spec.Process.Terminal},
	}
}
