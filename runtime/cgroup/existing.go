package cgroup

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"mydocker/plan"
)

// Existing returns how another process joins a container that runs: the groups
// are there, and have their limits. Path is where the container's processes
// are, below each hierarchy's mount point; it does no I/O.
func Existing(l Layout, path string) (Steps, error) {
	path = filepath.Join("/", path)
	if path == "/" {
		return Steps{}, fmt.Errorf("control group: the path %q names the root", path)
	}
	var s Steps
	if l.Unified != "" {
		s.V2Dir = l.dir(path)
	}
	var dirs []string
	for _, h := range l.Hierarchies {
		dirs = append(dirs, h.dir(path))
	}
	if len(dirs) > 0 {
		s.Join = []plan.InitStep{Join{dirs}}
	}
	return s, nil
}

// Sub returns how another process joins groups below a container's, in some
// hierarchies, and the container's own in the others. A choice is a path, below
// the group of version 2; or "CONTROLLER[,CONTROLLER...]:PATH", below those of
// version 1. It does no I/O.
func Sub(l Layout, path string, choices []string) (Steps, error) {
	below, err := subPaths(l, choices)
	if err != nil {
		return Steps{}, err
	}
	s, err := Existing(l, path)
	if err != nil {
		return s, err
	}
	if s.V2Dir != "" {
		s.V2Dir = filepath.Join(s.V2Dir, below[""])
	}
	var dirs []string
	for _, h := range l.Hierarchies {
		dir := h.dir(path)
		for _, c := range h.Controllers {
			dir = filepath.Join(dir, below[c])
		}
		dirs = append(dirs, dir)
	}
	if len(dirs) > 0 {
		s.Join = []plan.InitStep{Join{dirs}}
	}
	return s, nil
}

// subPaths returns paths by controller.
func subPaths(l Layout, choices []string) (map[string]string, error) {
	below := map[string]string{}
	for _, c := range choices {
		names, path, ok := strings.Cut(c, ":")
		if !ok {
			names, path = "", c
			if len(choices) != 1 {
				return nil, fmt.Errorf("invalid --cgroup argument: %s (missing <controller>: prefix)", c)
			}
		}
		if slices.Contains(strings.Split(path, "/"), "..") {
			return nil, fmt.Errorf("bad sub cgroup path: %s", path)
		}
		for _, name := range strings.Split(names, ",") {
			if _, twice := below[name]; twice {
				return nil, fmt.Errorf("invalid --cgroup argument(s): controller %s specified multiple times", name)
			}
			if ok && name == "" {
				return nil, fmt.Errorf("invalid --cgroup argument: %s (empty <controller> prefix)", c)
			}
			if l.GroupDir(name, "") == "" {
				return nil, fmt.Errorf("invalid --cgroup argument: %s (the host has no hierarchy of that controller)", c)
			}
			below[name] = path
		}
	}
	return below, nil
}
