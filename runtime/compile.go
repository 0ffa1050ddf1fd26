// Package runtime makes one container: it compiles an OCI runtime
// specification into a plan, and runs the plan.
package runtime

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/initprog"
	"mydocker/plan"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/mount"
	"mydocker/runtime/namespace"
	"mydocker/runtime/process"
	"mydocker/runtime/rootfs"
	"mydocker/runtime/security"
	"mydocker/runtime/security/seccomp"
)

// A Container is what is to be compiled.
type Container struct {
	// Spec is the specification; root.path is absolute.
	Spec *specs.Spec

	// Overlay mounts the root at root.path; nil: the directory is the root as it is.
	Overlay *rootfs.Overlay

	// Create and Host are steps of the engine's own that come first:
	// directories, generated files, networks.
	Create, Host []plan.HostStep

	// Attach are steps that need the first process: its network interface.
	// Interface are the first process's own, before (Early) and after them.
	Attach           []plan.HostStep
	Early, Interface []plan.InitStep

	// Hold keeps the first process from its execve(2) until it is told; see
	// [Launch.Hold].
	Hold bool
	// Preserve is how many of the caller's descriptors the program inherits, as
	// 3 and up.
	Preserve int
	// Ready are meetings when everything is prepared but the root not yet
	// entered: hooks.
	Ready []plan.InitStep

	// Groups say who else has to do with the control groups; Scope, where it is
	// there, is systemd's part of making them.
	Groups cgroup.Options
	Scope  plan.HostStep

	// Caller is set where the container is another's engine's, which started us.
	Caller *Caller
	// Keyring names the session keyring that the first process makes, empty:
	// the caller's stays.
	Keyring string

	// Reaper keeps a process of ours as the first of the PID namespace.
	Reaper bool
	// Tied ends the container when its parent is killed.
	Tied bool

	// NoPivot enters the root without pivot_root(2), which does not work on
	// the first file system of a machine (ramfs, initramfs).
	NoPivot bool
}

// Facts are what a plan depends on besides the specification, found out
// beforehand.
type Facts struct {
	Cgroups cgroup.Layout
	// OwnCgroups: the parents of the container's control group are not there, or
	// are the engine's.
	OwnCgroups bool
	// NotDir tells the sources of binds that are no directories.
	NotDir map[string]bool
	// Covered tells the sources of binds below which something is mounted; it is
	// asked for containers with a user namespace.
	Covered map[string]bool
	// Places tells where mount points lead that are symbolic links in the image,
	// also such that lead to nothing.
	Places map[string]string
	// Kinds tells the masked and read-only paths that are known to be there.
	// Those of procfs and sysfs that it lacks are not there; nil: nothing is known.
	Kinds map[string]mount.Kind
	// OneByOne: overlayfs takes lower directories one by one (Linux 6.8).
	OneByOne bool
	// HostProc are the mount points of whole procfs and sysfs on the host, for
	// [Container.NoPivot].
	HostProc []string
	// Filter is the compiled seccomp profile, nil for none.
	Filter *seccomp.Filter
	// InUserNamespace: the caller is in one, where nobody makes device nodes.
	InUserNamespace bool
	// Unprivileged: the caller may map no identities but its own.
	Unprivileged bool
	// LSM tells which modules there are that know the specification's labels.
	LSM security.LSM
}

// Descriptors of a first process, in the order of [initprog.Attr.Files].
const (
	statusFD  = initprog.FirstFile     // of the reaper
	startFD   = initprog.FirstFile + 1 // what a held process waits for
	resultFD  = initprog.FirstFile + 2 // where it tells how its execve(2) failed
	consoleFD = initprog.FirstFile + 3 // the socket for the terminal
	targetFD  = initprog.FirstFile + 4 // the process that is joined
)

// Compile returns the plan of the container. It reads its arguments and
// nothing else, and changes nothing. Read it as a tour of the house: each line
// is a room, in the order in which a container passes through them.
func Compile(c Container, f Facts) (*plan.Plan, error) {
	k := &compiler{Container: c, Facts: f}
	p := &plan.Plan{
		Create: c.Create,
		Host:   slices.Concat(c.Host, k.mountedOnHost(), k.groupsBefore()),
		Beside: k.groupsBeside(),
		Spawn:  k.spawn(),
		Placed: slices.Concat(k.identities(), k.groupsAfter(), k.raised()),
		Attach: slices.Concat(k.mapped(), k.netDevices(), c.Attach),
	}
	p.Init = slices.Concat(
		k.placed(),          // who it is, and where, is the host's to say
		k.joined(),          // other containers' namespaces, while their names still resolve
		k.oomScore(),        // while /proc is the host's
		k.labels(),          // likewise; they count from execve on
		k.cgroups().Join,    // before anything uses resources
		k.affinity(),        // of the control group's CPUs
		k.mountJoined(),     // no name is the host's from here on
		k.userMade(),        // after all that only the caller may join
		k.userRoot(),        // after the last that the host's root may do
		k.keyring(),         // the user namespace has names of its own for them
		k.innerNamespaces(), // cgroup: its root is where the process is by now
		k.isolation(),       // before the first mount, or the host would see it
		k.root(),
		k.mounts(),     // in the order of the specification
		k.devices(),    // on the /dev that was just mounted
		k.terminal(),   // of the /dev/pts that was just mounted
		k.workdir(),    // while the root is writable
		k.network(),    // waits for the host's side
		k.names(),      // needs no root
		k.sysctls(),    // before /proc/sys is read-only
		k.protect(),    // after all mounts that it covers
		k.Ready,        // hooks see the container before its root is entered
		k.enter(),      // the host's root is gone from here on
		k.session(),    // with the terminal
		k.inherited(),  // what came with the caller goes
		k.nature(),     // as root still
		k.limits(),     // likewise
		k.privileges(), // the last that needs any
		k.exec(),
	)
	k.asks(p.Init)
	return p, k.err
}

// asks has the process tell for what it waits where that is several things.
func (k *compiler) asks(steps []plan.InitStep) {
	met := false
	for i, s := range steps {
		switch s := s.(type) {
		case plan.Meeting:
			met = true
		case process.Wait:
			s.Asks = met
			steps[i] = s
		}
	}
}

// compiler carries what several rooms need.
type compiler struct {
	Container
	Facts
	joins    bool // it is one more process of the container
	cg       *cgroup.Steps
	mounted  []specs.Mount // see listed
	program  string        // what is executed where it is not the first argument
	isolated bool          // in a user namespace it comes earlier
	err      error
}

// fail keeps the first error; compiling goes on, so that the tour stays flat.
func (k *compiler) fail(err error) {
	if k.err == nil {
		k.err = err
	}
}

func (k *compiler) linux() *specs.Linux {
	if k.Spec.Linux == nil {
		return &specs.Linux{}
	}
	return k.Spec.Linux
}

func (k *compiler) cgroups() *cgroup.Steps {
	if k.cg == nil {
		r := k.linux().Resources
		if r == nil {
			r = &specs.LinuxResources{}
		}
		o := k.Groups
		o.Own = k.OwnCgroups
		s, err := cgroup.CompileWith(k.Cgroups, k.linux().CgroupsPath, o, r, r.Devices)
		if err != nil {
			k.fail(err)
		}
		k.cg = &s
	}
	return k.cg
}

// isolation keeps mounts from travelling to the host; the specification may
// let those of the host travel in (slave), or both ways (shared): then those of
// the root's own still do not.
func (k *compiler) isolation() []plan.InitStep {
	if k.isolated {
		return nil
	}
	if k.hostMounts() {
		k.refuseHostMounts()
		return nil
	}
	k.isolated = k.userNamespace()
	name := k.linux().RootfsPropagation
	switch name {
	case "slave", "rslave":
		name = "rslave"
	case "shared", "rshared":
		name = "rshared"
		if k.NoPivot {
			k.fail(errors.New("rootfsPropagation shared needs pivot_root"))
		}
	case "", "private", "rprivate", "unbindable", "runbindable":
		name = "rprivate"
	}
	flags, err := mount.Propagate(name)
	if err != nil {
		k.fail(fmt.Errorf("rootfsPropagation: %w", err))
	}
	steps := append([]plan.InitStep{rootfs.Propagation{Flags: flags, Name: name}}, k.fetches()...)
	if name == "rshared" {
		steps = append(steps, rootfs.Apart{Dir: k.Spec.Root.Path})
	}
	return steps
}

func (k *compiler) root() []plan.InitStep {
	if k.userNamespace() {
		return nil // userRoot
	}
	return k.rootAt()
}

func (k *compiler) rootAt() []plan.InitStep {
	dir := k.Spec.Root.Path
	var first plan.InitStep = rootfs.Bind{Dir: dir}
	if k.Overlay != nil {
		o := *k.Overlay
		o.OneByOne = k.OneByOne
		first = o
	}
	steps := []plan.InitStep{first, rootfs.OpenRoot{Dir: dir}}
	if k.hostMounts() {
		steps = append(steps, rootfs.Alone{})
	}
	return steps
}

// network prepares the interface. Without host steps there is nothing to wait for.
func (k *compiler) network() []plan.InitStep {
	steps := slices.Clone(k.Early)
	if len(k.Attach)+len(k.mapped())+len(k.netDevices()) > 0 {
		steps = append(steps, process.Wait{})
	}
	return slices.Concat(steps, k.metDevices(), k.Interface)
}

func (k *compiler) names() (steps []plan.InitStep) {
	if _, ok := k.namespace("uts"); !ok {
		return nil
	}
	if k.Spec.Hostname != "" {
		steps = append(steps, namespace.Hostname{Name: k.Spec.Hostname})
	}
	if k.Spec.Domainname != "" {
		steps = append(steps, namespace.Domainname{Name: k.Spec.Domainname})
	}
	return steps
}

func (k *compiler) protect() (steps []plan.InitStep) {
	steps = k.seals()
	for _, p := range k.there(k.linux().MaskedPaths) {
		steps = append(steps, mount.Mask{Path: p, Kind: k.Kinds[p], Mount: k.kernelMount(p), Label: k.mountLabel()})
	}
	for _, p := range k.there(k.linux().ReadonlyPaths) {
		steps = append(steps, mount.ReadOnly{Path: p, Mount: k.kernelMount(p)})
	}
	if k.Spec.Root.Readonly {
		steps = append(steps, rootfs.ReadOnly{})
	}
	return steps
}

// there leaves out the paths that are known not to be there, and doubles.
func (k *compiler) there(paths []string) (out []string) {
	seen := map[string]bool{}
	for _, p := range paths {
		if _, ok := k.Kinds[p]; (ok || k.Kinds == nil || !kernelMade(p)) && !seen[path.Clean(p)] {
			out = append(out, p)
		}
		seen[path.Clean(p)] = true
	}
	return out
}

// kernelMade tells paths of procfs and sysfs: what the host lacks there every
// container lacks.
func kernelMade(p string) bool {
	return strings.HasPrefix(p, "/proc/") || strings.HasPrefix(p, "/sys/")
}

// kernelMount returns the mount point of a procfs or sysfs of the container's
// in which a path lies.
func (k *compiler) kernelMount(p string) string {
	for _, m := range k.listed() {
		if (m.Type == "proc" || m.Type == "sysfs") && strings.HasPrefix(path.Clean(p), m.Destination+"/") {
			return m.Destination
		}
	}
	return ""
}
