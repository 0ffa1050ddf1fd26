package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Permitted returns the layout without the hierarchies in which this user may
// not make a group of that path, or not move a process there from the groups
// own; nil: somebody else moves it. A container without limits goes without them; limits that need them are
// refused by [Compile]. For root nothing is left out.
func Permitted(l Layout, path string, own Own) Layout {
	if os.Geteuid() == 0 && writable(l, path) {
		return l
	}
	all := l.Hierarchies
	l.Hierarchies = nil
	for _, h := range all {
		if mayMake(h.dir(path)) {
			l.Hierarchies = append(l.Hierarchies, h)
		} else {
			l.Partial = true
		}
	}
	if l.Unified != "" && !(mayMake(l.dir(path)) && (own == nil || MayMove(l, path, own))) {
		l.Unified, l.Controllers, l.Partial = "", nil, true
	}
	return l
}

// writable tells whether root is such that may write to the groups: not in a
// user namespace, or with hierarchies mounted read-only.
func writable(l Layout, path string) bool {
	for _, dir := range l.groups(path) {
		if !mayMake(dir) {
			return false
		}
	}
	return true
}

// mayMake tells whether the user may make a directory, with its parents, or use
// the one that is there.
func mayMake(dir string) bool {
	for {
		err := syscall.Access(dir, 2|1) // W_OK, X_OK
		if !errors.Is(err, fs.ErrNotExist) || dir == "/" {
			return err == nil
		}
		dir = filepath.Dir(dir)
	}
}

// MayMove tells whether the user may move a process from its group of version 2
// to that of a path: that needs the group in which both are.
func MayMove(l Layout, path string, own Own) bool {
	from, to := filepath.Join(l.Unified, within(l.Root, own[""])), l.dir(path)
	for !strings.HasPrefix(to+"/", strings.TrimSuffix(from, "/")+"/") {
		from = filepath.Dir(from)
	}
	return syscall.Access(filepath.Join(from, "cgroup.procs"), 2) == nil
}
