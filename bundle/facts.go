package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/runtime"
	"mydocker/runtime/security"
	"mydocker/runtime/security/seccomp"
)

// facts finds out what the plan of a container depends on besides its
// specification. It changes nothing but the cache of compiled filters.
func (r *Runtime) facts(c runtime.Container, profile []byte) (runtime.Facts, error) {
	f, err := runtime.Look(c)
	if err != nil {
		return f, err
	}
	f.LSM = modules(c.Spec.Process, c.Spec)
	if f.InUserNamespace, err = inUserNamespace(); err != nil {
		return f, err
	}
	f.Unprivileged = os.Geteuid() != 0
	f.Filter, err = seccomp.Given(r.cache(), profile)
	return f, err
}

// listener says who answers for a filter that asks another process, nil for
// others.
func listener(f *seccomp.Filter, profile []byte, state func() specs.State) (*runtime.Listener, error) {
	if f == nil || !f.Listens() {
		return nil, nil
	}
	var p specs.LinuxSeccomp
	if err := json.Unmarshal(profile, &p); err != nil {
		return nil, fmt.Errorf("seccomp profile: %w", err)
	}
	return runtime.NewListener(&p, f, state), nil
}

// modules finds out which security modules are on, if that matters.
func modules(p *specs.Process, s *specs.Spec) (l security.LSM) {
	if p.ApparmorProfile+p.SelinuxLabel+s.Linux.MountLabel == "" {
		return l
	}
	return security.ProbeLSM()
}

// Rootless tells whether the caller is root on the host no more than it has been
// made by somebody else.
func Rootless() bool {
	in, err := inUserNamespace()
	return os.Geteuid() != 0 || err == nil && in
}

// inUserNamespace tells whether the caller is in a user namespace that is not
// the first: that one maps every user to itself.
func inUserNamespace() (bool, error) {
	b, err := os.ReadFile("/proc/self/uid_map")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // a kernel without them
	}
	return strings.Join(strings.Fields(string(b)), " ") != "0 0 4294967295", err
}

// cache is where compiled filters are kept; its name is no container's.
func (r *Runtime) cache() string { return filepath.Join(r.Root, "~seccomp") }
