package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"mydocker/plan"
)

// Own are the groups of a process, by controller, as /proc/PID/cgroup tells
// them; that of version 2 by "".
type Own map[string]string

// OwnOf returns the groups of a process; 0 is the caller.
func OwnOf(pid int) (Own, error) {
	who := "self"
	if pid != 0 {
		who = strconv.Itoa(pid)
	}
	b, err := os.ReadFile("/proc/" + who + "/cgroup")
	if err != nil {
		return nil, fmt.Errorf("control groups of a process: %w", err)
	}
	return parseOwn(string(b)), nil
}

func parseOwn(text string) Own {
	own := Own{}
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) < 3 {
			continue
		}
		for _, c := range strings.Split(f[1], ",") {
			own[c] = f[2]
		}
	}
	return own
}

// Resolve says where the group of linux.cgroupsPath is: a path, and the layout
// in which it is to be used from then on. An absolute path begins at the mount
// points. A relative one begins in the caller's own groups, which may differ
// from hierarchy to hierarchy; under version 2 in the one above the caller's,
// because a group with processes has no controllers for its children. It does
// not leave them by "..". Without a path the ID is a relative one.
func Resolve(l Layout, cgroupsPath, id string, own Own) (Layout, string) {
	if strings.HasPrefix(cgroupsPath, "/") {
		return l, filepath.Clean(cgroupsPath)
	}
	if cgroupsPath == "" {
		cgroupsPath = id
	}
	l.Hierarchies = slices.Clone(l.Hierarchies)
	for i, h := range l.Hierarchies {
		l.Hierarchies[i].Below = within(h.Root, own[h.Controllers[0]])
	}
	l.Below = within(l.Root, own[""])
	if l.Mode == V2 {
		l.Below = strings.TrimSuffix(filepath.Dir(filepath.Join("/", l.Below)), "/")
	}
	return l, filepath.Join("/", cgroupsPath)
}

// within returns a group as a path below what is mounted, empty for that itself,
// or for one that is elsewhere.
func within(root, group string) string {
	rest, ok := strings.CutPrefix(filepath.Clean("/"+group), root)
	if !ok || rest != "" && rest[0] != '/' || strings.HasPrefix(group, "/..") {
		return ""
	}
	return strings.TrimSuffix(rest, "/")
}

// Beside returns how another process joins the very groups of one that runs,
// which may be below a container's: there it has moved itself, and under version
// 2 its first group then takes no processes (EBUSY).
func Beside(l Layout, own Own) Steps {
	var s Steps
	var dirs []string
	for _, h := range l.Hierarchies {
		dirs = append(dirs, filepath.Join(h.Mount, within(h.Root, own[h.Controllers[0]])))
	}
	if l.Unified != "" {
		s.V2Dir = filepath.Join(l.Unified, within(l.Root, own[""]))
	}
	if len(dirs) > 0 {
		s.Join = []plan.InitStep{Join{dirs}}
	}
	return s
}

// TakesProcesses tells whether a process can join the group: under version 2 it
// cannot when the group has handed controllers to its children.
func TakesProcesses(l Layout, path string) bool {
	if l.Mode != V2 || l.Unified == "" {
		return true
	}
	b, err := os.ReadFile(filepath.Join(l.dir(path), "cgroup.subtree_control"))
	return err != nil || len(strings.TrimSpace(string(b))) == 0
}
