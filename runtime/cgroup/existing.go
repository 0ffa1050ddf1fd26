package cgroup

import (
	"fmt"
	"path/filepath"

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
