// Package runtime makes one container: it compiles an OCI runtime
// specification into a plan, and runs the plan.
package runtime

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/initprog"
	"mydocker/plan"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/device"
	"mydocker/runtime/mount"
	"mydocker/runtime/namespace"
	"mydocker/runtime/process"
	"mydocker/runtime/rootfs"
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

	// Reaper keeps a process of ours as the first of the PID namespace.
	Reaper bool
	// Tied ends the container when its parent is killed.
	Tied bool
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
	// Places tells where mount points lead that are symbolic links in the image,
	// also such that lead to nothing.
	Places map[string]string
	// Kinds tells the masked and read-only paths that are known to be there.
	// Those of procfs and sysfs that it lacks are not there.
	Kinds map[string]mount.Kind
	// OneByOne: overlayfs takes lower directories one by one (Linux 6.8).
	OneByOne bool
	// Filter is the compiled seccomp profile, nil for none.
	Filter *seccomp.Filter
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
		Host:   slices.Concat(c.Host, k.cgroups().Host),
		Spawn:  k.spawn(),
		Attach: append(k.mapped(), c.Attach...),
	}
	p.Init = slices.Concat(
		k.joined(),          // other containers' namespaces, while their names still resolve
		k.oomScore(),        // while /proc is the host's
		k.cgroups().Join,    // before anything uses resources
		k.userRoot(),        // after the last that the host's root may do
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
		k.limits(),     // as root still
		k.privileges(), // the last that needs any
		k.hold(),       // until it is started
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
	cg       *cgroup.Steps
	program  string // what is executed where it is not the first argument
	isolated bool   // in a user namespace it comes earlier
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
		s, err := cgroup.Compile(k.Cgroups, k.linux().CgroupsPath, k.OwnCgroups, r, r.Devices)
		if err != nil {
			k.fail(err)
		}
		k.cg = &s
	}
	return k.cg
}

// kinds are the specification's names for namespaces, and the kernel's.
var kinds = []struct{ spec, kernel string }{
	{"user", "user"}, {"mount", "mnt"}, {"uts", "uts"}, {"ipc", "ipc"}, {"network", "net"}, {"pid", "pid"},
}

func (k *compiler) namespace(kind string) (path string, ok bool) {
	for _, n := range k.linux().Namespaces {
		if string(n.Type) == kind {
			return n.Path, true
		}
	}
	return "", false
}

func (k *compiler) spawn() plan.Spawn {
	s := plan.Spawn{Cgroup: k.cgroups().V2Dir}
	for _, n := range kinds {
		if path, ok := k.namespace(n.spec); ok && path == "" {
			s.New = append(s.New, n.kernel)
		}
	}
	for _, m := range k.linux().UIDMappings {
		s.UIDs = append(s.UIDs, plan.IDMap{Inside: int(m.ContainerID), Outside: int(m.HostID), Count: int(m.Size)})
	}
	for _, m := range k.linux().GIDMappings {
		s.GIDs = append(s.GIDs, plan.IDMap{Inside: int(m.ContainerID), Outside: int(m.HostID), Count: int(m.Size)})
	}
	if path, ok := k.namespace("mount"); !ok || path != "" {
		k.fail(fmt.Errorf("a container needs a new mount namespace"))
	}
	return s
}

// joined enters the namespaces that are named by path; the PID namespace last,
// because the process is born anew there.
func (k *compiler) joined() (steps []plan.InitStep) {
	for _, n := range kinds {
		if path, ok := k.namespace(n.spec); ok && path != "" {
			steps = append(steps, namespace.Join{Kind: n.kernel, Path: path})
		}
	}
	return steps
}

func (k *compiler) innerNamespaces() (steps []plan.InitStep) {
	if path, ok := k.namespace("cgroup"); ok && path == "" {
		steps = append(steps, namespace.Cgroup{})
	}
	if _, ok := k.namespace("time"); ok {
		t := namespace.Time{Offsets: map[string]int64{}}
		for clock, o := range k.linux().TimeOffsets {
			t.Offsets[clock] = o.Secs*1e9 + int64(o.Nanosecs)
		}
		steps = append(steps, t)
	}
	return steps
}

// isolation keeps mounts from travelling to the host; the specification may
// let those of the host travel in.
func (k *compiler) isolation() []plan.InitStep {
	name := "rprivate"
	switch k.linux().RootfsPropagation {
	case "slave", "rslave", "shared", "rshared":
		name = "rslave"
	}
	if k.isolated {
		return nil
	}
	k.isolated = k.userNamespace()
	flags, err := mount.Propagate(name)
	if err != nil {
		k.fail(err)
	}
	return []plan.InitStep{rootfs.Propagation{Flags: flags, Name: name}}
}

func (k *compiler) root() []plan.InitStep {
	dir := k.Spec.Root.Path
	if k.userNamespace() && k.Overlay != nil {
		return nil // userRoot
	}
	var first plan.InitStep = rootfs.Bind{Dir: dir}
	if k.Overlay != nil {
		o := *k.Overlay
		o.OneByOne = k.OneByOne
		first = o
	}
	return []plan.InitStep{first, rootfs.OpenRoot{Dir: dir}}
}

func (k *compiler) devices() (steps []plan.InitStep) {
	if k.devIsBound() {
		return nil // it is somebody's: its nodes are not ours to replace
	}
	named := map[string]bool{}
	nodes := []device.Node{}
	for _, d := range k.linux().Devices {
		named[d.Path] = true
		nodes = append(nodes, nodeOf(d))
	}
	for _, d := range device.Defaults() {
		if !named[d.Path] {
			nodes = append(nodes, d)
		}
	}
	for _, n := range nodes {
		if k.userNamespace() {
			steps = append(steps, device.Bound{Path: n.Path, Host: n.Path})
		} else {
			steps = append(steps, n)
		}
	}
	return append(steps, device.Links()...)
}

// devIsBound tells whether /dev is a directory of the host.
func (k *compiler) devIsBound() bool {
	return slices.ContainsFunc(k.Spec.Mounts, func(m specs.Mount) bool {
		return path.Clean(m.Destination) == "/dev" && (m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind"))
	})
}

func nodeOf(d specs.LinuxDevice) device.Node {
	n := device.Node{Path: d.Path, Type: d.Type, Major: d.Major, Minor: d.Minor, Mode: 0o666}
	if d.FileMode != nil {
		n.Mode = uint32(d.FileMode.Perm())
	}
	if d.UID != nil {
		n.UID = *d.UID
	}
	if d.GID != nil {
		n.GID = *d.GID
	}
	return n
}

// network prepares the interface. Without host steps there is nothing to wait for.
func (k *compiler) network() []plan.InitStep {
	steps := slices.Clone(k.Early)
	if len(k.Attach) > 0 || len(k.mapped()) > 0 {
		steps = append(steps, process.Wait{})
	}
	return append(steps, k.Interface...)
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
	for _, p := range k.linux().MaskedPaths {
		if kind, ok := k.Kinds[p]; ok || !kernelMade(p) {
			steps = append(steps, mount.Mask{Path: p, Kind: kind})
		}
	}
	for _, p := range k.linux().ReadonlyPaths {
		if _, ok := k.Kinds[p]; ok || !kernelMade(p) {
			steps = append(steps, mount.ReadOnly{Path: p})
		}
	}
	if k.Spec.Root.Readonly {
		steps = append(steps, rootfs.ReadOnly{})
	}
	return steps
}

// kernelMade tells paths of procfs and sysfs: what the host lacks there every
// container lacks.
func kernelMade(p string) bool {
	return strings.HasPrefix(p, "/proc/") || strings.HasPrefix(p, "/sys/")
}
