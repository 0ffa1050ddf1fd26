package runtime

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
	"mydocker/runtime/namespace"
)

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

// userAt returns the path of a user namespace that is joined.
func (k *compiler) userAt() string {
	path, _ := k.namespace("user")
	return path
}

// userLate tells whether the first process enters its user namespace, or makes
// it, some time after it was born: a new one has no rights in namespaces that
// are there already, so those are entered before.
func (k *compiler) userLate() bool {
	path, ok := k.namespace("user")
	return ok && (path != "" || slices.ContainsFunc(k.linux().Namespaces, func(n specs.LinuxNamespace) bool { return n.Path != "" }))
}

// fresh are the namespaces that are made before the first mount, but for those
// that the process is to make when it is where they belong: cgroup and time.
func (k *compiler) fresh() (kernel []string) {
	for _, n := range kinds {
		if path, ok := k.namespace(n.spec); ok && path == "" {
			kernel = append(kernel, n.kernel)
		}
	}
	return kernel
}

// spawn has the process begin in its new namespaces, unless they are to belong
// to a user namespace that comes later.
func (k *compiler) spawn() plan.Spawn {
	s := plan.Spawn{Cgroup: k.cgroups().V2Dir}
	if k.userLate() {
		return s
	}
	s.New, s.UIDs, s.GIDs = k.fresh(), idMaps(k.linux().UIDMappings), idMaps(k.linux().GIDMappings)
	s.Later = k.Unprivileged && len(s.UIDs) > 0
	return s
}

func idMaps(maps []specs.LinuxIDMapping) (out []plan.IDMap) {
	for _, m := range maps {
		out = append(out, plan.IDMap{Inside: int(m.ContainerID), Outside: int(m.HostID), Count: int(m.Size)})
	}
	return out
}

// others are the namespaces that are named by path but for user and mount; the
// PID namespace last, because the process is born anew there.
func (k *compiler) others() (others []namespace.Join) {
	for _, n := range slices.Concat(kinds[2:5], innerKinds, kinds[5:]) {
		if path, ok := k.namespace(n.spec); ok && path != "" {
			others = append(others, namespace.Join{Kind: n.kernel, Path: path})
		}
	}
	return others
}

// joined enters the namespaces that are named by path. The mount namespace is
// for later.
func (k *compiler) joined() (steps []plan.InitStep) {
	if at := k.userAt(); at != "" {
		// Its files in procfs are the host's root's, which it soon is not.
		return append([]plan.InitStep{namespace.JoinUser{Path: at, Others: k.others(), New: k.fresh()}}, k.clocks()...)
	}
	for _, j := range k.others() {
		steps = append(steps, j)
	}
	return steps
}

// userMade makes a user namespace, and what is new in it, in a process that had
// to be in other namespaces first. The clocks are set at once, as in joined.
func (k *compiler) userMade() []plan.InitStep {
	if !k.userLate() || k.userAt() != "" {
		return nil
	}
	if path, _ := k.namespace("mount"); path != "" {
		k.fail(errors.New("a new user namespace has no right to mount in a mount namespace that is there already"))
	}
	maps := namespace.Maps{UIDs: idMaps(k.linux().UIDMappings), GIDs: idMaps(k.linux().GIDMappings), Any: !k.Unprivileged}
	return append([]plan.InitStep{namespace.NewUser{New: k.fresh(), Maps: maps}}, k.clocks()...)
}

// mountJoined enters a mount namespace that is there already; the container's
// mounts are made inside of it.
func (k *compiler) mountJoined() []plan.InitStep {
	if path, _ := k.namespace("mount"); path != "" {
		return []plan.InitStep{namespace.Join{Kind: "mnt", Path: path}}
	}
	return nil
}

func (k *compiler) innerNamespaces() (steps []plan.InitStep) {
	if path, ok := k.namespace("cgroup"); ok && path == "" {
		steps = append(steps, namespace.Cgroup{})
	}
	if k.userLate() {
		return steps
	}
	return append(steps, k.clocks()...)
}

// clocks makes a new time namespace.
func (k *compiler) clocks() []plan.InitStep {
	if path, ok := k.namespace("time"); !ok || path != "" {
		return nil
	}
	t := namespace.Time{Offsets: map[string]int64{}}
	for clock, o := range k.linux().TimeOffsets {
		t.Offsets[clock] = o.Secs*1e9 + int64(o.Nanosecs)
	}
	return []plan.InitStep{t}
}

// netMoves are the host's network interfaces that the container gets.
func (k *compiler) netMoves() (moves []namespace.MoveDevice) {
	path, _ := k.namespace("network")
	for _, name := range slices.Sorted(maps.Keys(k.linux().NetDevices)) {
		moves = append(moves, namespace.MoveDevice{Name: name, As: cmp.Or(k.linux().NetDevices[name].Name, name), Path: path})
	}
	return moves
}

// netLate tells whether the first process makes its network namespace itself,
// some time after it was born.
func (k *compiler) netLate() bool {
	path, ok := k.namespace("network")
	return ok && path == "" && k.userLate()
}

// netDevices moves them while the first process waits.
func (k *compiler) netDevices() (steps []plan.HostStep) {
	if k.netLate() {
		return nil
	}
	for _, m := range k.netMoves() {
		steps = append(steps, m)
	}
	return steps
}

// metDevices moves them when the first process says so.
func (k *compiler) metDevices() (steps []plan.InitStep) {
	if !k.netLate() {
		return nil
	}
	for _, m := range k.netMoves() {
		steps = append(steps, namespace.MeetDevice{MoveDevice: m})
	}
	return steps
}
