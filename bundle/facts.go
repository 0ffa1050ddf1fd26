package bundle

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/runtime"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/security/seccomp"
)

// facts finds out what the plan of a container depends on besides its
// specification. It changes nothing but the cache of compiled filters.
func (r *Runtime) facts(s *specs.Spec) (f runtime.Facts, err error) {
	if f.Cgroups, err = cgroup.Probe(); err != nil {
		return f, err
	}
	f.NotDir = map[string]bool{}
	for _, m := range s.Mounts {
		if !isBind(m) {
			continue
		}
		st, err := os.Stat(m.Source)
		if err != nil {
			return f, fmt.Errorf("mount %s: %w", m.Destination, err)
		}
		f.NotDir[m.Source] = !st.IsDir()
	}
	if s.Linux.Seccomp != nil {
		f.Filter, err = seccomp.Cached(r.cache(), s.Linux.Seccomp)
	}
	return f, err
}

// cache is where compiled filters are kept; its name is no container's.
func (r *Runtime) cache() string { return filepath.Join(r.Root, "~seccomp") }
