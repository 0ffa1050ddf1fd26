package runtime

import (
	"cmp"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/device"
	"mydocker/runtime/namespace"
	"mydocker/runtime/process"
	"mydocker/runtime/rootfs"
	"mydocker/runtime/security"
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
	// Groups is how the process gets into its control groups; nil: by CgroupPath.
	Groups *cgroup.Steps
	// Placed are steps that put it into its groups from outside; it waits for them.
	Placed []plan.HostStep
	// Preserve is how many of the caller's descriptors the program inherits, as
	// 3 and up.
	Preserve int
	// Caller and Keyring are as for [Container]: the keyring is joined.
	Caller  *Caller
	Keyring string
}

// JoinFacts are what the plan of joining depends on besides.
type JoinFacts struct {
	Cgroups cgroup.Layout
	// Filter is the compiled seccomp profile of the container, nil for none.
	Filter *seccomp.Filter
	// LSM is as in [Facts].
	LSM security.LSM
	// InUserNamespace: the caller is in one.
	InUserNamespace bool
}

// CompileJoin returns the plan of one more process in a container. It has no
// steps of the host but Join.Placed: what the process leaves goes with the container. Like
// [Compile] it is a tour, reads its arguments and nothing else; [Launch.Target]
// names the container when the plan runs.
func CompileJoin(j Join, f JoinFacts) (*plan.Plan, error) {
	spec := *j.Spec
	spec.Process = completed(j.Process, j.Spec.Process)
	k := &compiler{joins: true, program: j.Program,
		Container: Container{Spec: &spec, Preserve: j.Preserve, Caller: j.Caller, Keyring: j.Keyring},
		Facts:     Facts{Cgroups: f.Cgroups, Filter: f.Filter, LSM: f.LSM, InUserNamespace: f.InUserNamespace}}
	groups := k.existing(j)
	before, after := k.cpus()
	if len(before) > 0 && groups.V2Dir != "" { // it is not to be born there
		groups.Join = slices.Concat([]plan.InitStep{cgroup.JoinV2{Dir: groups.V2Dir}}, groups.Join)
		groups.V2Dir = ""
	}
	p := &plan.Plan{Spawn: plan.Spawn{Cgroup: groups.V2Dir}}
	p.Init = slices.Concat(
		k.oomScore(), // while /proc is the host's
		k.labels(),   // likewise
		before,       // it is about to be in control groups
		groups.Join,  // by names of the host
		after,        // it is
		k.entered(),  // all namespaces; the host's root is gone from here on
		groups.Entered,
		k.namespaceRoot(), // before anything is opened or made there
		k.keyring(),       // of the user namespace
		k.another(),       // of the container's /dev/pts
		k.place(),
		k.session(),    // with the terminal
		k.inherited(),  // what came with the caller goes
		k.nature(),     // as root still
		k.limits(),     // likewise
		k.privileges(), // the last that needs any
		k.exec(),
	)
	if p.Placed = slices.Concat(j.Placed, k.raised()); len(p.Placed) > 0 {
		p.Init = slices.Insert(p.Init, 0, plan.InitStep(process.Wait{First: true}))
	}
	return p, k.err
}

// existing are the control groups that the process joins.
func (k *compiler) existing(j Join) cgroup.Steps {
	if j.Groups != nil {
		return *j.Groups
	}
	groups, err := cgroup.Existing(k.Cgroups, j.CgroupPath)
	if err != nil {
		k.fail(err)
	}
	return groups
}

// completed returns the process with what it does not say itself, but the
// container's first process does.
func completed(p, first *specs.Process) *specs.Process {
	if first == nil {
		return p
	}
	out := *p
	out.ApparmorProfile = cmp.Or(p.ApparmorProfile, first.ApparmorProfile)
	out.SelinuxLabel = cmp.Or(p.SelinuxLabel, first.SelinuxLabel)
	out.Capabilities = cmp.Or(p.Capabilities, first.Capabilities)
	out.Scheduler = cmp.Or(p.Scheduler, first.Scheduler)
	out.IOPriority = cmp.Or(p.IOPriority, first.IOPriority)
	out.ExecCPUAffinity = cmp.Or(p.ExecCPUAffinity, first.ExecCPUAffinity)
	out.User.Umask = cmp.Or(p.User.Umask, first.User.Umask)
	return &out
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
		return []plan.InitStep{e, rootfs.Again{Dir: k.Spec.Root.Path}}
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
