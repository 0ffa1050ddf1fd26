package bundle

import (
	"path/filepath"

	"mydocker/runtime"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/security/seccomp"
)

// facts finds out what the plan of a container depends on besides its
// specification. It changes nothing but the cache of compiled filters.
func (r *Runtime) facts(c runtime.Container) (runtime.Facts, error) {
	f, err := runtime.Look(c)
	if err != nil {
		return f, err
	}
	if f.Cgroups, err = cgroup.Probe(); err != nil {
		return f, err
	}
	if s := c.Spec.Linux.Seccomp; s != nil {
		f.Filter, err = seccomp.Cached(r.cache(), s)
	}
	return f, err
}

// cache is where compiled filters are kept; its name is no container's.
func (r *Runtime) cache() string { return filepath.Join(r.Root, "~seccomp") }
