package runtime

import (
	"errors"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/initprog"
	"mydocker/plan"
	"mydocker/runtime/device"
	"mydocker/runtime/process"
	"mydocker/runtime/security"
)

func (k *compiler) oomScore() []plan.InitStep {
	if k.Spec.Process.OOMScoreAdj == nil {
		return nil
	}
	return []plan.InitStep{process.OOMScoreAdj{Score: *k.Spec.Process.OOMScoreAdj}}
}

// labels are refused where the module that knows them is not on: a container
// that is to be confined does not run unconfined.
func (k *compiler) labels() (steps []plan.InitStep) {
	p := k.Spec.Process
	if p.ApparmorProfile != "" {
		if !k.LSM.AppArmor {
			k.fail(errors.New("apparmor: config provided but apparmor not supported"))
		}
		steps = append(steps, security.AppArmor{Profile: p.ApparmorProfile})
	}
	if p.SelinuxLabel != "" {
		steps = append(steps, security.SELinux{Label: p.SelinuxLabel})
	}
	if p.SelinuxLabel != "" && !k.LSM.SELinux {
		k.fail(errors.New("selinux label is specified in config, but selinux is disabled or not supported"))
	}
	return steps
}

func (k *compiler) keyring() []plan.InitStep {
	if k.Keyring == "" {
		return nil
	}
	return []plan.InitStep{process.Keyring{Name: k.Keyring, Made: !k.joins, Mapped: k.userNamespace()}}
}

func (k *compiler) terminal() []plan.InitStep {
	if !k.Spec.Process.Terminal {
		return nil
	}
	t := device.Terminal{Socket: consoleFD, Found: !k.hasTerminals()}
	if s := k.Spec.Process.ConsoleSize; s != nil {
		t.Width, t.Height = uint16(s.Width), uint16(s.Height)
	}
	return []plan.InitStep{t}
}

func (k *compiler) workdir() []plan.InitStep {
	if k.Spec.Process.Cwd == "/" {
		return nil
	}
	return []plan.InitStep{process.MakeWorkdir{Dir: k.Spec.Process.Cwd}}
}

func (k *compiler) enter() []plan.InitStep {
	keep := 0
	if k.Reaper {
		keep = 1
	}
	if k.Hold {
		keep = resultFD + 1 - initprog.FirstFile
	}
	return []plan.InitStep{
		k.pivot(),
		process.Chdir{Dir: k.Spec.Process.Cwd},
		process.CloseFiles{Keep: keep, Preserve: k.Preserve, Terminal: k.Spec.Process.Terminal},
	}
}

func (k *compiler) session() []plan.InitStep {
	if k.Spec.Process.Terminal {
		return []plan.InitStep{process.Session{Terminal: true}, device.Control{}}
	}
	return []plan.InitStep{process.Session{}}
}

// privileges orders what is given up, up to execve(2). Nothing but that, or what
// it takes to give up the last, follows a filter: it may forbid all else. To load
// one needs CAP_SYS_ADMIN unless no_new_privs is set.
func (k *compiler) privileges() []plan.InitStep {
	p := k.Spec.Process
	if len(p.User.AdditionalGids) > 0 && k.deniesGroups() {
		k.fail(errors.New("cannot set any additional groups in a rootless container: an ordinary user who maps one group may not call setgroups(2)"))
	}
	caps := k.capabilities()
	steps := []plan.InitStep{
		security.Bounding{Keep: caps.Bounding},
		security.KeepCaps{},
		process.User{UID: p.User.UID, GID: p.User.GID, Groups: p.User.AdditionalGids, Umask: umask(p.User), Mapped: k.inUserNamespace()},
		process.ChdirAgain{Dir: p.Cwd},
	}
	if k.Tied {
		steps = append(steps, process.DieWithParent{}) // the kernel forgets it when the user changes
	}
	sets := []plan.InitStep{security.Capabilities{Effective: caps.Effective, Permitted: caps.Permitted, Inheritable: caps.Inheritable, Ambient: caps.Ambient}}
	clean, filter := []plan.InitStep{process.Clean{Preserve: k.Preserve}}, k.seccomp()
	switch {
	case k.Reaper:
		return k.reaped(steps, sets, filter, clean)
	case p.NoNewPrivileges:
		return slices.Concat(steps, sets, []plan.InitStep{security.NoNewPrivileges{}}, clean, k.loaded(filter))
	case len(filter) > 0:
		return slices.Concat(steps, []plan.InitStep{security.MayFilter{}}, clean, k.loaded(filter), sets)
	}
	return slices.Concat(steps, sets, clean, k.hold())
}

// loaded orders the filter and the wait for the start. The caller is there to
// take the descriptor of a filter that asks another process only before.
func (k *compiler) loaded(filter []plan.InitStep) []plan.InitStep {
	if k.Filter != nil && k.Filter.Listens() {
		return append(filter, k.hold()...)
	}
	return append(k.hold(), filter...)
}

// reaped is for a first process that stays: it is filtered, too, and clones the
// program when it has given up what it does not need.
func (k *compiler) reaped(steps, sets, filter, clean []plan.InitStep) []plan.InitStep {
	reaper := []plan.InitStep{process.Reaper{Status: statusFD}}
	if k.Spec.Process.NoNewPrivileges {
		return slices.Concat(steps, sets, reaper, []plan.InitStep{security.NoNewPrivileges{}}, clean, filter)
	}
	return slices.Concat(filter, steps, sets, reaper, clean)
}

// capabilities returns the five sets as far as they are known. None given are
// none had.
func (k *compiler) capabilities() specs.LinuxCapabilities {
	c := k.Spec.Process.Capabilities
	if c == nil {
		return specs.LinuxCapabilities{}
	}
	out := specs.LinuxCapabilities{Bounding: security.Known(c.Bounding), Effective: security.Known(c.Effective), Permitted: security.Known(c.Permitted),
		Inheritable: security.Known(c.Inheritable), Ambient: security.Known(c.Ambient)}
	k.permitted(out.Permitted, out.Effective, out.Inheritable)
	return out
}

func umask(u specs.User) uint32 {
	if u.Umask != nil {
		return *u.Umask
	}
	return 0o022
}

func (k *compiler) seccomp() []plan.InitStep {
	if k.Filter == nil {
		return nil
	}
	if k.Filter.Listens() && k.Reaper {
		k.fail(errors.New("a seccomp filter with a listener is for the first process itself"))
	}
	return []plan.InitStep{security.Seccomp{Filter: k.Filter}}
}

func (k *compiler) exec() []plan.InitStep { return []plan.InitStep{k.execve()} }

func (k *compiler) execve() process.Exec {
	p := k.Spec.Process
	return process.Exec{Args: p.Args, Env: p.Env, Path: k.program, Dir: p.Cwd}
}

func (k *compiler) hold() []plan.InitStep {
	if !k.Hold {
		return nil
	}
	return []plan.InitStep{process.Hold{Exec: k.execve(), Start: startFD, Result: resultFD, Preserve: k.Preserve}}
}

// deniesGroups tells whether the user namespace is made by an ordinary user who
// maps nothing but the own group: there setgroups(2) is denied (user_namespaces(7)).
func (k *compiler) deniesGroups() bool {
	var n uint64
	for _, m := range k.linux().GIDMappings {
		n += uint64(m.Size)
	}
	return k.Unprivileged && n == 1
}
