package runtime

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime/mount"
	"mydocker/runtime/namespace"
)

// mounts returns a step for each mount of the specification.
func (k *compiler) mounts() (steps []plan.InitStep) {
	for _, m := range k.listed() {
		o, err := mount.Parse(m.Options)
		if err == nil {
			err = k.checkMount(m, o)
		}
		if err != nil {
			k.fail(fmt.Errorf("mount %s: %w", m.Destination, err))
			continue
		}
		steps = append(steps, k.mount(m, o))
	}
	return steps
}

// listed are the mounts of the specification with destinations that are
// absolute and clean: a relative one is relative to the root.
func (k *compiler) listed() []specs.Mount {
	if k.mounted != nil {
		return k.mounted
	}
	all := slices.Clone(k.Spec.Mounts)
	for i, m := range all {
		if m.Destination != "" {
			all[i].Destination = path.Clean("/" + m.Destination)
		}
	}
	k.mounted = all
	return all
}

func isBind(m specs.Mount, o mount.Options) bool { return o.Bind || m.Type == "bind" }

// checkMount refuses what cannot be had.
func (k *compiler) checkMount(m specs.Mount, o mount.Options) error {
	bind := isBind(m, o)
	switch target := m.Destination; {
	case m.Destination == "":
		return errors.New("a mount needs a destination")
	case strings.ContainsRune(m.Source+m.Destination+m.Type, 0):
		return errors.New("mount field contains null byte")
	case bind && !o.Remount && m.Source == "":
		return errors.New("a bind needs a source")
	case bind && !o.Remount && !path.IsAbs(m.Source):
		return fmt.Errorf("the source of a bind is absolute, or relative to the bundle: %q is neither here", m.Source)
	case !bind && !o.Remount && m.Type == "":
		return errors.New("a mount needs a type, or the option bind")
	case o.Remount && (o.Map || o.CopyUp):
		return errors.New("remount goes with neither idmap nor tmpcopyup")
	case o.CopyUp && (bind || m.Type != "tmpfs"):
		return errors.New("tmpcopyup is for tmpfs")
	case mount.InsideProc(target):
		return fmt.Errorf("%q cannot be mounted because it is inside /proc", target)
	case target == "/proc" && !bind && !o.Remount && m.Type != "proc":
		return fmt.Errorf("%q cannot be mounted because it is not of type proc", target)
	case target == "/" && !bind && !o.Remount:
		return errors.New("only a bind can take the place of the root")
	}
	return k.checkMapping(m, o)
}

// checkMapping follows the specification's rules of idmap and ridmap.
func (k *compiler) checkMapping(m specs.Mount, o mount.Options) error {
	given := len(m.UIDMappings)+len(m.GIDMappings) > 0
	_, users := k.namespace("user")
	switch {
	case !given && !o.Map:
	case !isBind(m, o):
		return errors.New("id-mapped mounts are only supported for bind-mounts")
	case given && (len(m.UIDMappings) == 0 || len(m.GIDMappings) == 0):
		return errors.New("id-mapped mounts must have both uid and gid mappings specified")
	case !given && !users:
		return errors.New("an id-mapped mount needs uidMappings and gidMappings, or a user namespace of the container")
	}
	return nil
}

func (k *compiler) mount(m specs.Mount, o mount.Options) plan.InitStep {
	place := k.Places[m.Destination]
	switch {
	case o.Remount:
		o.Bind = isBind(m, o)
		return mount.Remount{Target: m.Destination, Place: place, Options: o}
	case isBind(m, o):
		b := mount.Bind{Source: m.Source, Target: m.Destination, Place: place, File: k.NotDir[m.Source], Options: bindOptions(o)}
		if k.handed(m, o) {
			b.Handed = consoleFD
		} else {
			b.Fetched = k.fetched()
		}
		return b
	case m.Type == "cgroup" && k.Cgroups.Mode != "v2" && len(k.Cgroups.Hierarchies) == 0 && k.Cgroups.Unified == "":
		// No group is the container's: it may look at the host's.
		return mount.Bind{Source: "/sys/fs/cgroup", Target: m.Destination, Place: place, Options: bindOptions(all(o))}
	case m.Type == "cgroup" && k.Cgroups.Mode != "v2":
		return k.cgroupV1(m, o)
	case m.Type == "cgroup":
		return k.cgroupV2(m, o)
	}
	f := mount.Filesystem{Type: m.Type, Source: m.Source, Target: m.Destination, Place: place, Else: k.instead(m.Type), Options: writable(m, o)}
	if m.Type != "proc" && m.Type != "sysfs" && m.Type != "mqueue" {
		f.Options.Label = k.mountLabel()
	}
	if o.CopyUp {
		f.Copied = consoleFD
	}
	return f
}

// mountLabel is that of new file systems, where SELinux is on: those of the
// kernel that are everywhere the same file system keep theirs.
func (k *compiler) mountLabel() string {
	if !k.LSM.SELinux {
		return ""
	}
	return k.linux().MountLabel
}

// all makes a bind of options, with what is mounted below.
func all(o mount.Options) mount.Options {
	o.Bind, o.Rbind, o.AllSet, o.Data = true, true, o.AllSet|o.Set, nil
	return o
}

// writable leaves out the read-only attribute of a file system in which mount
// points and nodes are made first; see seals.
func writable(m specs.Mount, o mount.Options) mount.Options {
	if m.Type == "tmpfs" {
		o.Set &^= linux.MOUNT_ATTR_RDONLY
		o.AllSet &^= linux.MOUNT_ATTR_RDONLY
	}
	return o
}

// seals makes the file systems read-only that were not yet.
func (k *compiler) seals() (steps []plan.InitStep) {
	for _, m := range k.listed() {
		o, err := mount.Parse(m.Options)
		if err != nil || o.Remount || isBind(m, o) || m.Type != "tmpfs" || (o.Set|o.AllSet)&linux.MOUNT_ATTR_RDONLY == 0 {
			continue
		}
		steps = append(steps, mount.Seal{Target: m.Destination, Place: k.Places[m.Destination]})
	}
	return steps
}

// instead tells what the host has of a kind of which the kernel may refuse
// another to a user namespace.
func (k *compiler) instead(kind string) string {
	if _, users := k.namespace("user"); !users {
		return ""
	}
	if at, ok := k.namespace("pid"); kind == "proc" && (!ok || at != "") {
		return "/proc"
	}
	return map[string]string{"sysfs": "/sys", "mqueue": "/dev/mqueue"}[kind]
}

// bindOptions completes a bind's: private unless asked otherwise.
func bindOptions(o mount.Options) mount.Options {
	if len(o.Propagation) == 0 {
		o.Propagation = []string{"rprivate"}
	}
	return o
}

// handed tells whether the host's side clones the source of a bind: to map its
// owners, because the name means one of the caller's descriptors, or to leave
// out what is mounted below.
func (k *compiler) handed(m specs.Mount, o mount.Options) bool {
	if k.uncovers(m, o) || o.Map || len(m.UIDMappings) > 0 {
		return true
	}
	for _, dir := range []string{"/proc/self/", "/proc/thread-self/", "/dev/fd/"} {
		if strings.HasPrefix(path.Clean(m.Source)+"/", dir) {
			return true
		}
	}
	return false
}

// uncovers tells a bind that leaves out what is mounted below its source. A
// user namespace may not: mounts that it got as a whole are locked together,
// see mount_namespaces(7).
func (k *compiler) uncovers(m specs.Mount, o mount.Options) bool {
	return k.userNamespace() && !o.Rbind && k.Covered[m.Source]
}

// senders are the host's steps for mounts, in the order in which the first
// process waits for them.
func (k *compiler) senders() (steps []plan.HostStep) {
	for _, m := range k.listed() {
		o, err := mount.Parse(m.Options)
		switch {
		case err != nil || o.Remount:
		case isBind(m, o) && k.handed(m, o):
			steps = append(steps, k.hand(m, o))
		case o.CopyUp:
			steps = append(steps, mount.CopyUp{Target: m.Destination, Mode: !o.Has("mode"), Owner: !o.Has("uid") && !o.Has("gid")})
		}
	}
	return steps
}

func (k *compiler) hand(m specs.Mount, o mount.Options) mount.Handed {
	h := mount.Handed{Source: m.Source, Recursive: o.Rbind, All: o.MapAll, Uncovers: k.uncovers(m, o)}
	if h.Uncovers && k.Unprivileged {
		k.fail(fmt.Errorf("mount %s: only root may leave out what is mounted below %s: rbind shows it", m.Destination, m.Source))
	}
	at, _ := k.namespace("user")
	switch {
	case len(m.UIDMappings) > 0:
		h.UIDs, h.GIDs = idMaps(m.UIDMappings), idMaps(m.GIDMappings)
	case o.Map && at != "":
		h.Namespace = at
	case o.Map:
		h.Own = true
	}
	return h
}

func (k *compiler) cgroupV1(m specs.Mount, o mount.Options) plan.InitStep {
	o.Label = k.mountLabel()
	c := mount.CgroupV1{Target: m.Destination, Place: k.Places[m.Destination], Options: o}
	for _, d := range k.Cgroups.Inside(k.linux().CgroupsPath) {
		c.Mounts = append(c.Mounts, mount.CgroupDir{Name: d.Name, Dir: d.Dir})
		for _, alias := range d.Links {
			c.Links = append(c.Links, [2]string{alias, d.Name})
		}
	}
	return c
}

// cgroupV2 shows the one hierarchy: from the container's own group on where it
// has a namespace for that, which a user namespace may not be allowed to mount;
// else as the host has it.
func (k *compiler) cgroupV2(m specs.Mount, o mount.Options) plan.InitStep {
	place := k.Places[m.Destination]
	if _, own := k.namespace("cgroup"); !own {
		return mount.Bind{Source: k.Cgroups.V2Mount(), Target: m.Destination, Place: place, Options: o}
	}
	f := mount.Filesystem{Type: "cgroup2", Source: "cgroup", Target: m.Destination, Place: place, Options: o}
	if _, users := k.namespace("user"); users {
		f.Else = k.cgroups().V2Dir
	}
	return f
}

func (k *compiler) sysctls() (steps []plan.InitStep) {
	if len(k.linux().Sysctl) > 0 && !k.mountsProc() {
		steps = append(steps, namespace.Procfs{})
	}
	for _, key := range slices.Sorted(maps.Keys(k.linux().Sysctl)) {
		steps = append(steps, namespace.Sysctl{Key: key, Value: k.linux().Sysctl[key]})
	}
	return steps
}

// mountsProc tells whether there is a procfs of the container's at its place.
func (k *compiler) mountsProc() bool {
	return slices.ContainsFunc(k.Spec.Mounts, func(m specs.Mount) bool {
		return m.Type == "proc" && m.Destination == "/proc"
	})
}
