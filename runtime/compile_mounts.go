package runtime

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
	"mydocker/runtime/mount"
	"mydocker/runtime/namespace"
	"mydocker/runtime/process"
)

// mounts returns a step for each mount of the specification.
func (k *compiler) mounts() (steps []plan.InitStep) {
	for _, m := range k.Spec.Mounts {
		o, err := mount.Parse(m.Options)
		if err != nil {
			k.fail(fmt.Errorf("mount %s: %w", m.Destination, err))
			continue
		}
		if o.CopyUp {
			k.fail(fmt.Errorf("mount %s: tmpcopyup is not supported", m.Destination))
		}
		steps = append(steps, k.mount(m, o))
	}
	return steps
}

func (k *compiler) mount(m specs.Mount, o mount.Options) plan.InitStep {
	switch {
	case o.Bind || m.Type == "bind":
		return mount.Bind{Source: m.Source, Target: m.Destination, Place: k.Places[m.Destination], File: k.NotDir[m.Source], Fetched: k.userNamespace(), Options: bindOptions(o)}
	case m.Type == "cgroup" && k.Cgroups.Mode != "v2":
		return k.cgroupV1(m, o)
	case m.Type == "cgroup":
		if _, own := k.namespace("cgroup"); !own {
			return mount.Bind{Source: k.Cgroups.V2Mount(), Target: m.Destination, Options: o}
		}
		return mount.Filesystem{Type: "cgroup2", Source: "cgroup", Target: m.Destination, Options: o}
	}
	return mount.Filesystem{Type: m.Type, Source: m.Source, Target: m.Destination, Place: k.Places[m.Destination], Options: o}
}

// bindOptions completes a bind's: private unless asked otherwise.
func bindOptions(o mount.Options) mount.Options {
	if o.Propagation == "" {
		o.Propagation = "rprivate"
	}
	return o
}

func (k *compiler) cgroupV1(m specs.Mount, o mount.Options) plan.InitStep {
	c := mount.CgroupV1{Target: m.Destination, Options: o}
	for _, d := range k.Cgroups.Inside(k.linux().CgroupsPath) {
		c.Mounts = append(c.Mounts, mount.CgroupDir{Name: d.Name, Dir: d.Dir})
		for _, alias := range d.Links {
			c.Links = append(c.Links, [2]string{alias, d.Name})
		}
	}
	return c
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

// rlimits numbers the resources of setrlimit(2).
var rlimits = []string{"cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile",
	"memlock", "as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"}

func (k *compiler) limits() (steps []plan.InitStep) {
	for _, r := range k.Spec.Process.Rlimits {
		name := strings.ToLower(strings.TrimPrefix(r.Type, "RLIMIT_"))
		n := slices.Index(rlimits, name)
		if n < 0 {
			k.fail(fmt.Errorf("unknown resource limit %q", r.Type))
			continue
		}
		steps = append(steps, process.Rlimit{Name: name, Resource: n, Soft: r.Soft, Hard: r.Hard})
	}
	return steps
}
