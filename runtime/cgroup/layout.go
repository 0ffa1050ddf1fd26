// Package cgroup plans a container's control groups, on hierarchies of version
// 1, version 2, or both at once: cgroups(7), and cgroup-v2.rst and cgroup-v1/
// of the kernel's documentation.
package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Modes of a host.
const (
	V1     = "v1"     // controllers in hierarchies of version 1
	Hybrid = "hybrid" // the same, and a hierarchy of version 2 without controllers
	V2     = "v2"     // one hierarchy
)

// A Layout is how a host's hierarchies are mounted.
type Layout struct {
	Mode        string      `json:"mode"`
	Hierarchies []Hierarchy `json:"hierarchies,omitempty"` // of version 1
	Unified     string      `json:"unified,omitempty"`     // mount point of version 2
	Controllers []string    `json:"controllers,omitempty"` // of version 2, at its root
	// Files are the optional ones that this kernel has: see optional.
	Files []string `json:"files,omitempty"`
	// Root and Below of the hierarchy of version 2, as in Hierarchy.
	Root  string `json:"root,omitempty"`
	Below string `json:"below,omitempty"`
	// Partial says that hierarchies are left out, in which this user may make no
	// groups: see Permitted.
	Partial bool `json:"partial,omitempty"`
}

// A Hierarchy is one of version 1.
type Hierarchy struct {
	Mount       string   `json:"mount"`
	Controllers []string `json:"controllers"` // "cpu", "name=systemd"
	Links       []string `json:"links,omitempty"`
	// Root is the group that is mounted, if it is not the topmost one.
	Root string `json:"root,omitempty"`
	// Below is the group in which a path begins, below the mount point, or
	// empty: see Resolve.
	Below string `json:"below,omitempty"`
}

// dir returns the directory of a group.
func (h Hierarchy) dir(path string) string { return filepath.Join(h.Mount, h.Below, path) }

// dir returns the directory of a group of version 2.
func (l Layout) dir(path string) string { return filepath.Join(l.Unified, l.Below, path) }

// GroupDir returns the directory of a group in the hierarchy of version 1 with
// that controller, or, with the controller "", in that of version 2. It is empty
// where there is no such hierarchy.
func (l Layout) GroupDir(controller, path string) string {
	if controller == "" && l.Unified != "" {
		return l.dir(path)
	}
	if h := l.hierarchy(controller); h != nil {
		return h.dir(path)
	}
	return ""
}

// optional files of version 1; kernels are built with and without them. Each is
// in the hierarchy of the controller that it begins with.
var optional = []string{"memory.memsw.limit_in_bytes", "memory.swappiness", "cpu.rt_runtime_us", "cpu.cfs_quota_us", "blkio.weight", bfqMark}

// bfqMark is there at the root where blkio.bfq.weight is in other groups.
const bfqMark = "blkio.bfq.io_service_bytes"

// bfqWeight is the file of version 2 where the BFQ scheduler is; else the weight
// is in io.weight, on another scale.
const bfqWeight = "io.bfq.weight"

// Probe finds out how this host's hierarchies are mounted.
func Probe() (Layout, error) {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Layout{}, fmt.Errorf("control groups: %w", err)
	}
	l := parse(string(info))
	if l.Mode == "" {
		return l, fmt.Errorf("control groups: no hierarchy is mounted: mount cgroup2 on /sys/fs/cgroup")
	}
	names := links("/sys/fs/cgroup")
	for i, h := range l.Hierarchies {
		l.Hierarchies[i].Links = names[filepath.Base(h.Mount)]
		for _, f := range optional {
			if controller, _, _ := strings.Cut(f, "."); !slices.Contains(h.Controllers, controller) {
				continue
			}
			if _, err := os.Stat(filepath.Join(h.Mount, f)); err == nil {
				l.Files = append(l.Files, f)
			}
		}
	}
	if l.Unified != "" {
		b, err := os.ReadFile(filepath.Join(l.Unified, "cgroup.controllers"))
		if err != nil {
			return l, fmt.Errorf("control groups: %w", err)
		}
		l.Controllers = strings.Fields(string(b))
		if slices.Contains(l.Controllers, "io") {
			if bfq, err := filepath.Glob(filepath.Join(l.Unified, "*", bfqWeight)); err == nil && len(bfq) > 0 {
				l.Files = append(l.Files, bfqWeight)
			}
		}
	}
	return l, nil
}

// links returns the symbolic links in a directory by what they lead to: cpu,
// for cpu,cpuacct.
func links(dir string) map[string][]string {
	out := map[string][]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return out
	}
	for _, e := range entries {
		if e.Type()&os.ModeSymlink == 0 {
			continue
		}
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			out[to] = append(out[to], e.Name())
		}
	}
	return out
}

// parse reads the hierarchies from /proc/self/mountinfo, see
// proc_pid_mountinfo(5). Of several mounts of one hierarchy the first below
// /sys/fs/cgroup counts.
func parse(info string) (l Layout) {
	for line := range strings.Lines(info) {
		head, tail, ok := strings.Cut(strings.TrimSpace(line), " - ")
		front, back := strings.Fields(head), strings.Fields(tail)
		if !ok || len(front) < 5 || len(back) < 3 || !strings.HasPrefix(front[4], "/sys/fs/cgroup") {
			continue
		}
		switch mount := front[4]; back[0] {
		case "cgroup2":
			if l.Unified == "" {
				l.Unified, l.Root = mount, mountedRoot(front[3])
			}
		case "cgroup":
			l.add(Hierarchy{Mount: mount, Controllers: controllers(back[2]), Root: mountedRoot(front[3])})
		}
	}
	switch {
	case l.Unified == "/sys/fs/cgroup": // hierarchies of version 1 beside it have no controllers of ours
		l.Mode, l.Hierarchies = V2, nil
	case len(l.Hierarchies) > 0 && l.Unified != "":
		l.Mode = Hybrid
	case len(l.Hierarchies) > 0:
		l.Mode = V1
	case l.Unified != "":
		l.Mode = V2
	}
	return l
}

func mountedRoot(root string) string { return strings.TrimSuffix(root, "/") }

func (l *Layout) add(h Hierarchy) {
	for _, known := range l.Hierarchies {
		if slices.Equal(known.Controllers, h.Controllers) {
			return
		}
	}
	l.Hierarchies = append(l.Hierarchies, h)
}

// controllers are the options of a cgroup mount that name them.
func controllers(options string) (out []string) {
	for _, o := range strings.Split(options, ",") {
		switch o {
		case "rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode", "favordynmods", "seclabel":
		default:
			if !strings.HasPrefix(o, "release_agent=") {
				out = append(out, o)
			}
		}
	}
	return out
}

// hierarchy returns the one of version 1 with that controller, or nil.
func (l Layout) hierarchy(controller string) *Hierarchy {
	for i, h := range l.Hierarchies {
		if slices.Contains(h.Controllers, controller) {
			return &l.Hierarchies[i]
		}
	}
	return nil
}

func (l Layout) has(file string) bool { return slices.Contains(l.Files, file) }

// V2Mount returns the mount point of version 2.
func (l Layout) V2Mount() string { return l.Unified }

// An Inside is one directory below /sys/fs/cgroup as a container sees it.
type Inside struct {
	Name, Dir string   // below /sys/fs/cgroup; on the host
	Links     []string // names that lead to Name
}

// Inside returns the container's directories in the hierarchies of version 1,
// and in that of version 2 beside them.
func (l Layout) Inside(path string) (out []Inside) {
	for _, h := range l.Hierarchies {
		out = append(out, Inside{filepath.Base(h.Mount), h.dir(path), h.Links})
	}
	if l.Mode == Hybrid {
		out = append(out, Inside{filepath.Base(l.Unified), l.dir(path), nil})
	}
	return out
}

// Missing returns the limits that this host cannot enforce, in words of
// package oci: "memory", "swap", "cpu quota", ...
func (l Layout) Missing() (out []string) {
	need := map[string]string{"memory": "memory", "memory reservation": "memory", "cpu shares": "cpu", "cpuset": "cpuset", "pids": "pids"}
	blkio := "blkio"
	if l.Mode == V2 {
		blkio = "io"
		out = append(out, "swappiness", "oom kill disable", "cpu realtime")
		need["cpu quota"], need["blkio weight"], need["swap"] = "cpu", blkio, "memory"
	} else {
		need["oom kill disable"] = "memory"
		for limit, file := range map[string]string{"swap": "memory.memsw.limit_in_bytes", "swappiness": "memory.swappiness",
			"cpu realtime": "cpu.rt_runtime_us", "cpu quota": "cpu.cfs_quota_us"} {
			if !l.has(file) {
				out = append(out, limit)
			}
		}
		if !l.has("blkio.weight") && !l.has(bfqMark) {
			out = append(out, "blkio weight")
		}
	}
	need["blkio rate"] = blkio
	for limit, controller := range need {
		if !l.controls(controller) {
			out = append(out, limit)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// controls tells whether a controller is there, in the version that limits use.
func (l Layout) controls(controller string) bool {
	if l.Mode == V2 {
		return slices.Contains(l.Controllers, controller)
	}
	return l.hierarchy(controller) != nil
}

// Exists tells whether a group is there, in any hierarchy.
func (l Layout) Exists(path string) bool {
	return slices.ContainsFunc(l.groups(path), func(dir string) bool {
		_, err := os.Lstat(dir)
		return err == nil
	})
}
