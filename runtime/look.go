package runtime

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	securejoin "github.com/cyphar/filepath-securejoin"
	"github.com/moby/sys/mountinfo"
	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/linux"
	"mydocker/runtime/mount"
)

// Look finds out the facts about the files of a bundle that a plan depends on:
// which sources of binds are directories, and which mount points are links that
// lead to nothing in the root. The specification's paths are absolute by now:
// the root's without links, those of sources made so from the bundle's directory.
// It changes nothing. What it says of the root are only names: the first process
// opens them inside of the root whatever they lead to by then.
func Look(c Container) (Facts, error) {
	f := Facts{NotDir: map[string]bool{}}
	for _, m := range c.Spec.Mounts {
		if err := f.lookAt(m); err != nil {
			return f, fmt.Errorf("mount %s: %w", m.Destination, err)
		}
	}
	var err error
	if f.Covered, err = Covered(c.Spec, f.NotDir); err != nil {
		return f, err
	}
	if f.Places, err = places(c.Spec.Root.Path, c.Spec.Mounts); err != nil || !c.NoPivot {
		return f, err
	}
	f.HostProc, err = hostProc(c.Spec.Root.Path)
	return f, err
}

// lookAt notes whether the source of a bind is a directory. One that is not
// there is an error, and one onto /proc that is no procfs.
func (f Facts) lookAt(m specs.Mount) error {
	o, err := mount.Parse(m.Options)
	if err != nil || o.Remount || !isBind(m, o) {
		return err
	}
	st, err := os.Stat(m.Source)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	f.NotDir[m.Source] = !st.IsDir()
	if path.Clean("/"+m.Destination) != "/proc" {
		return nil
	}
	proc, err := linux.IsProc(m.Source)
	if err == nil && proc {
		_, err = os.Stat(filepath.Join(m.Source, "self")) // a directory of procfs is none
		proc = err == nil
	}
	if err == nil && !proc || errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%q cannot be mounted because it is not of type proc", m.Destination)
	}
	return err
}

// Covered finds out [Facts.Covered]; notDir is Facts.NotDir.
func Covered(s *specs.Spec, notDir map[string]bool) (map[string]bool, error) {
	real := uncovering(s, notDir)
	if len(real) == 0 {
		return nil, nil
	}
	out := map[string]bool{}
	_, err := mountinfo.GetMounts(func(i *mountinfo.Info) (skip, stop bool) {
		for source, dir := range real {
			if strings.HasPrefix(i.Mountpoint, dir) && i.Mountpoint != dir {
				out[source] = true
			}
		}
		return true, false
	})
	if err != nil {
		return nil, fmt.Errorf("mounts of the host: %w", err)
	}
	return out, nil
}

// uncovering returns the directories that are to be seen in a user namespace
// without what is mounted below, by the names that binds have for them; nothing
// where there is no such namespace.
func uncovering(s *specs.Spec, notDir map[string]bool) map[string]string {
	out := map[string]string{}
	for _, m := range s.Mounts {
		o, err := mount.Parse(m.Options)
		if err != nil || o.Remount || o.Rbind || !isBind(m, o) || notDir[m.Source] || !hasNamespace(s, specs.UserNamespace) {
			continue
		}
		if dir, err := filepath.EvalSymlinks(m.Source); err == nil {
			out[m.Source] = strings.TrimSuffix(dir, "/") + "/"
		}
	}
	return out
}

// places returns where mount points lead that are symbolic links to nothing, or
// lie behind one: what is missing is made there. Links to something need no
// place, and what lies in another mount of the container is not looked at.
func places(root string, mounts []specs.Mount) (map[string]string, error) {
	dir, err := linux.OpenDir(root)
	if err != nil {
		return nil, fmt.Errorf("root: %w", err)
	}
	defer dir.Close()
	out, before := map[string]string{}, map[string]bool{}
	for _, m := range mounts {
		target := path.Clean("/" + m.Destination)
		inside := within(target, before)
		before[target] = true
		if m.Type == "proc" || m.Type == "sysfs" || inside {
			continue
		}
		f, err := linux.OpenIn(dir, "."+target, linux.O_PATH, 0)
		if err == nil {
			f.Close()
			continue
		}
		if !errors.Is(err, syscall.ENOENT) {
			return nil, fmt.Errorf("mount %s: %w", m.Destination, err)
		}
		at, err := securejoin.SecureJoin(root, target)
		if err != nil {
			return nil, fmt.Errorf("mount %s: %w", m.Destination, err)
		}
		if p := path.Join("/", strings.TrimPrefix(at, filepath.Clean(root))); p != target {
			out[target] = p
		}
	}
	return out, nil
}

// within tells a path below one of the mount points. Below / is everything.
func within(target string, points map[string]bool) bool {
	if points["/"] {
		return true
	}
	for target != "/" {
		if target = path.Dir(target); points[target] {
			return true
		}
	}
	return false
}

// hostProc returns the mount points of whole procfs and sysfs outside of the root.
func hostProc(root string) ([]string, error) {
	all, err := mountinfo.GetMounts(func(i *mountinfo.Info) (skip, stop bool) {
		whole := i.Root == "/" && (i.FSType == "proc" || i.FSType == "sysfs")
		return !whole || i.Mountpoint == root || strings.HasPrefix(i.Mountpoint, root+"/"), false
	})
	if err != nil {
		return nil, fmt.Errorf("mounts of the host: %w", err)
	}
	var out []string
	for _, i := range all {
		out = append(out, i.Mountpoint)
	}
	return out, nil
}
