package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/linux"
	"mydocker/oci"
	"mydocker/runtime"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/mount"
	"mydocker/runtime/security/seccomp"
	"mydocker/runtime/security/seccomp/profile"
)

// minKernel is the oldest kernel that has all that a container needs:
// mount_setattr(2).
var minKernel = [2]int{5, 12}

// runtimeFacts finds out what the plan of a container with this specification
// depends on.
// With only a look nothing is written, not even a cache.
func (e *Engine) runtimeFacts(s *specs.Spec, v view, made map[string]bool, look bool) (f runtime.Facts, err error) {
	major, minor, err := kernelVersion()
	if err != nil {
		return f, err
	}
	if major < minKernel[0] || major == minKernel[0] && minor < minKernel[1] {
		return f, &StartError{What: fmt.Sprintf("this kernel is Linux %d.%d", major, minor), Code: 125,
			Why: "mount_setattr(2) is missing", Hint: "use Linux 5.12 or newer"}
	}
	f.OneByOne = major > 6 || major == 6 && minor >= 8
	if f.Cgroups, err = e.layout(); err != nil {
		return f, err
	}
	f.OwnCgroups = e.ownsCgroups(s.Linux.CgroupsPath, f.Cgroups)
	f.Kinds = kinds(s.Linux, v)
	f.Places = v.places(s.Mounts)
	if err := v.checkTypes(s.Mounts); err != nil {
		return f, err
	}
	if f.NotDir, err = notDirs(s.Mounts, made); err != nil {
		return f, err
	}
	if f.Covered, err = runtime.Covered(s, f.NotDir); err != nil {
		return f, err
	}
	switch {
	case s.Linux == nil || s.Linux.Seccomp == nil:
	case look:
		f.Filter, err = seccomp.Compile(s.Linux.Seccomp)
	default:
		f.Filter, err = seccomp.Cached(filepath.Join(e.Root, "cache", "seccomp"), s.Linux.Seccomp)
	}
	return f, err
}

// kernelVersion returns the first two numbers of the kernel's version.
func kernelVersion() (major, minor int, err error) {
	r, err := linux.Release()
	if err != nil {
		return 0, 0, err
	}
	a, rest, _ := strings.Cut(r, ".")
	b := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if b < 0 {
		b = len(rest)
	}
	major, err1 := strconv.Atoi(a)
	minor, err2 := strconv.Atoi(rest[:b])
	if err := errors.Join(err1, err2); err != nil {
		return 0, 0, fmt.Errorf("kernel version %q: %w", r, err)
	}
	return major, minor, nil
}

// ociFacts finds out what the specification depends on.
func (e *Engine) ociFacts(d *draft) (oci.Facts, error) {
	f, err := oci.HostFacts(d.req)
	if err != nil {
		return f, err
	}
	layout, err := e.layout()
	if err != nil {
		return f, err
	}
	f.Cgroups, f.MissingLimits = layout.Mode, layout.Missing()
	f.Seccomp = seccompProfile
	if d.mode.Bridged() {
		f.HostGateway = e.network().Gateway
	}
	return f, nil
}

// seccompProfile returns the filter of a profile's JSON text, or Docker's default.
func seccompProfile(text string, s *specs.Spec) (*specs.LinuxSeccomp, error) {
	if text == "" {
		return profile.Default(s)
	}
	return profile.Load([]byte(text), s)
}

// ownsCgroups tells whether the parents of a control group are the engine's, or
// are yet to be made.
func (e *Engine) ownsCgroups(path string, l cgroup.Layout) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first == e.network().CgroupParent || !l.Exists("/"+first)
}

// kinds looks at the paths that are to be masked or read-only: those that the
// kernel makes on the host, which has the same, and the others in the image.
func kinds(l *specs.Linux, v view) map[string]mount.Kind {
	out := map[string]mount.Kind{}
	for _, p := range slices.Concat(l.MaskedPaths, l.ReadonlyPaths) {
		stat := v.stat
		if strings.HasPrefix(p, "/proc/") || strings.HasPrefix(p, "/sys/") {
			stat = os.Lstat
		}
		if st, err := stat(p); err == nil && st.IsDir() {
			out[p] = mount.Directory
		} else if err == nil {
			out[p] = mount.File
		}
	}
	return out
}

// notDirs looks at the sources of binds. Files that the engine generates are
// not there yet; they are no directories.
func notDirs(mounts []specs.Mount, made map[string]bool) (map[string]bool, error) {
	out := map[string]bool{}
	for _, m := range mounts {
		if m.Type != "bind" {
			continue
		}
		st, err := os.Stat(m.Source)
		switch {
		case made[m.Source]:
		case m.Destination == "/dev/shm" && errors.Is(err, fs.ErrNotExist): // about to be mounted
		case err != nil && generated(m.Destination): // not made yet, or not for this user to see
			out[m.Source] = true
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("invalid mount config for type \"bind\": bind source path does not exist: %s", m.Source)
		case err != nil:
			return nil, fmt.Errorf("bind mount: %w", err)
		default:
			out[m.Source] = !st.IsDir()
		}
	}
	return out, nil
}

// generated tells the files that the engine makes for each container.
func generated(destination string) bool {
	switch destination {
	case "/etc/hosts", "/etc/hostname", "/etc/resolv.conf":
		return true
	}
	return false
}
