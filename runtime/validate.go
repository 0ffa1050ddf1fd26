package runtime

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/runtime/process"
	"mydocker/runtime/security"
	"mydocker/runtime/security/seccomp"
)

// Validate tells whether a container can be made of a specification, before
// anything is changed for it. It reads its argument and nothing else; what
// depends on the machine, [Compile] refuses or the kernel. Warnings are for the
// user: what they name is left out. The rules are those of the specification
// and of runc, and so are the words where tools know them.
func Validate(s *specs.Spec) (warnings []string, err error) {
	for _, check := range []func(*specs.Spec) error{
		checkVersion, checkPlatform, checkRoot, checkSpecProcess, checkNamespaces, checkMappings, checkUTS, checkTime,
		checkSysctls, checkNetDevices, checkDevices, checkLinux, checkHooks,
	} {
		if err := check(s); err != nil {
			return nil, err
		}
	}
	warnings = Warnings(s.Process)
	if p := linuxOf(s).Personality; p != nil && len(p.Flags) > 0 {
		warnings = append(warnings, fmt.Sprintf("ignoring unsupported personality flags: %v", p.Flags))
	}
	return warnings, nil
}

// Warnings names what is ignored of a process.
func Warnings(p *specs.Process) []string {
	if p == nil || p.Capabilities == nil {
		return nil
	}
	c := p.Capabilities
	var unknown []string
	for _, name := range slices.Concat(c.Bounding, c.Effective, c.Inheritable, c.Permitted, c.Ambient) {
		if len(security.Known([]string{name})) == 0 && !slices.Contains(unknown, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return []string{fmt.Sprintf("ignoring unknown or unavailable capabilities: %v", unknown)}
}

func linuxOf(s *specs.Spec) *specs.Linux {
	if s.Linux == nil {
		return &specs.Linux{}
	}
	return s.Linux
}

// checkVersion accepts every 1.x, a prerelease too, written as in semver.
func checkVersion(s *specs.Spec) error {
	core, _, _ := strings.Cut(s.Version, "+")
	core, _, _ = strings.Cut(core, "-")
	words := strings.Split(core, ".")
	for _, w := range words {
		if n, err := strconv.ParseUint(w, 10, 32); err != nil || strconv.FormatUint(n, 10) != w {
			return fmt.Errorf("ociVersion %q is no version", s.Version)
		}
	}
	if len(words) != 3 {
		return fmt.Errorf("ociVersion %q is no version", s.Version)
	}
	if words[0] != "1" {
		return fmt.Errorf("ociVersion %q is not supported: %s is", s.Version, specs.Version)
	}
	return nil
}

func checkPlatform(s *specs.Spec) error {
	for name, there := range map[string]bool{
		"solaris": s.Solaris != nil, "windows": s.Windows != nil, "vm": s.VM != nil, "zos": s.ZOS != nil, "freebsd": s.FreeBSD != nil,
	} {
		if there {
			return fmt.Errorf("the section %q is for another platform", name)
		}
	}
	return nil
}

func checkRoot(s *specs.Spec) error {
	if s.Root == nil {
		return errors.New("root must be specified")
	}
	if s.Root.Path == "" || path.Clean(s.Root.Path) == "/" {
		return fmt.Errorf("invalid rootfs: %q", s.Root.Path)
	}
	return nil
}

func checkSpecProcess(s *specs.Spec) error { return ValidateProcess(s.Process) }

// maxID is the last user and group: other runtimes' limit, and the one number
// above that means "no change" to setresuid(2) is no one's.
const maxID = 1<<31 - 1

// ValidateProcess is [Validate] for a process by itself, as exec has one.
func ValidateProcess(p *specs.Process) error {
	switch {
	case p == nil:
		return errors.New("process property must not be empty")
	case p.Cwd == "":
		return errors.New("Cwd property must not be empty")
	case !path.IsAbs(p.Cwd):
		return errors.New("Cwd must be an absolute path")
	case len(p.Args) == 0:
		return errors.New("args must not be empty")
	}
	for _, a := range append([]string{p.Cwd}, p.Args...) {
		if strings.Contains(a, "\x00") {
			return errors.New("args and cwd must not contain nul bytes")
		}
	}
	for _, id := range append([]uint32{p.User.UID, p.User.GID}, p.User.AdditionalGids...) {
		if id > maxID {
			return fmt.Errorf("uids and gids must be in range 0-%d: %d is not", maxID, id)
		}
	}
	if err := process.CheckEnvironment(p.Env); err != nil {
		return err
	}
	if err := checkRlimits(p.Rlimits); err != nil {
		return err
	}
	return checkTreatment(p)
}

func checkRlimits(limits []specs.POSIXRlimit) error {
	seen := map[string]bool{}
	for _, r := range limits {
		name, ok := strings.CutPrefix(r.Type, "RLIMIT_")
		switch {
		case !ok || name != strings.ToUpper(name) || !slices.Contains(rlimits, strings.ToLower(name)):
			return fmt.Errorf("wrong rlimit value: %s", r.Type)
		case seen[r.Type]:
			return fmt.Errorf("rlimit %s is there twice", r.Type)
		case r.Soft > r.Hard:
			return fmt.Errorf("rlimit %s: the soft limit %d is above the hard one, %d", r.Type, r.Soft, r.Hard)
		}
		seen[r.Type] = true
	}
	return nil
}

// checkTreatment makes the steps of [compiler.nature] and throws them away.
func checkTreatment(p *specs.Process) error {
	if v := p.OOMScoreAdj; v != nil && (*v < -1000 || *v > 1000) {
		return fmt.Errorf("oomScoreAdj %d is not between -1000 and 1000", *v)
	}
	k := &compiler{Container: Container{Spec: &specs.Spec{Process: p}}}
	k.nature()
	k.cpus()
	return k.err
}

func checkLinux(s *specs.Spec) error {
	l := linuxOf(s)
	if l.IntelRdt != nil {
		return errors.New("intelRdt is specified in config, but Intel RDT is not supported")
	}
	if !slices.Contains([]string{"", "private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable"}, l.RootfsPropagation) {
		return fmt.Errorf("rootfsPropagation=%v is not supported", l.RootfsPropagation)
	}
	for _, p := range slices.Concat(l.MaskedPaths, l.ReadonlyPaths) {
		if !path.IsAbs(p) {
			return fmt.Errorf("masked and read-only paths are absolute, %q is not", p)
		}
		if !hasKind(l.Namespaces, specs.MountNamespace) { // they would be the host's
			return errors.New("unable to restrict sys entries without a private MNT namespace: maskedPaths and readonlyPaths need one")
		}
	}
	k := &compiler{Container: Container{Spec: &specs.Spec{Process: &specs.Process{}, Linux: l}}}
	k.nature()
	if k.err != nil || seccomp.Empty(l.Seccomp) {
		return k.err
	}
	_, err := seccomp.Compile(l.Seccomp)
	return err
}

func hasKind(list []specs.LinuxNamespace, kind specs.LinuxNamespaceType) bool {
	return slices.ContainsFunc(list, func(n specs.LinuxNamespace) bool { return n.Type == kind })
}

func checkHooks(s *specs.Spec) error {
	h := s.Hooks
	if h == nil {
		return nil
	}
	all := slices.Concat(h.CreateRuntime, h.CreateContainer, h.StartContainer, h.Poststart, h.Poststop)
	//lint:ignore SA1019 deprecated, and still in use
	for _, hook := range append(all, h.Prestart...) {
		if !path.IsAbs(hook.Path) {
			return fmt.Errorf("hook %q: its path must be absolute", hook.Path)
		}
		if hook.Timeout != nil && *hook.Timeout <= 0 {
			return fmt.Errorf("hook %s: its timeout must be above zero", hook.Path)
		}
		if err := process.CheckEnvironment(hook.Env); err != nil {
			return fmt.Errorf("hook %s: %w", hook.Path, err)
		}
	}
	return nil
}
