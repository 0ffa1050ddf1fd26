package runtime

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/initprog"
	"mydocker/plan"
	"mydocker/runtime/device"
	"mydocker/runtime/process"
	"mydocker/runtime/rootfs"
	"mydocker/runtime/security"
)

func (k *compiler) oomScore() []plan.InitStep {
	if k.Spec.Process.OOMScoreAdj == nil {
		return nil
	}
	return []plan.InitStep{process.OOMScoreAdj{Score: *k.Spec.Process.OOMScoreAdj}}
}

func (k *compiler) terminal() []plan.InitStep {
	if !k.Spec.Process.Terminal {
		return nil
	}
	t := device.Terminal{Socket: consoleFD}
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
		rootfs.Pivot{},
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

// privileges orders what is given up. Loading a filter needs CAP_SYS_ADMIN
// unless no_new_privs is set; then it can come last and must allow least.
func (k *compiler) privileges() (steps []plan.InitStep) {
	p := k.Spec.Process
	caps := p.Capabilities
	if caps == nil {
		caps = &specs.LinuxCapabilities{}
	}
	filter := k.seccomp()
	if k.Reaper {
		defer func() {
			at := slices.IndexFunc(steps, func(s plan.InitStep) bool { _, ok := s.(security.Capabilities); return ok })
			steps = slices.Insert(steps, at+1, plan.InitStep(process.Reaper{Status: statusFD}))
		}()
	}
	if !p.NoNewPrivileges {
		steps = append(steps, filter...)
	}
	steps = append(steps,
		security.Bounding{Keep: caps.Bounding},
		security.KeepCaps{},
		process.User{UID: p.User.UID, GID: p.User.GID, Groups: p.User.AdditionalGids, Umask: umask(p.User)},
	)
	if k.Tied {
		steps = append(steps, process.DieWithParent{}) // the kernel forgets it when the user changes
	}
	steps = append(steps,
		security.Capabilities{Effective: caps.Effective, Permitted: caps.Permitted, Inheritable: caps.Inheritable, Ambient: caps.Ambient},
	)
	if p.NoNewPrivileges {
		steps = append(append(steps, security.NoNewPrivileges{}), filter...)
	}
	return steps
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
	return []plan.InitStep{security.Seccomp{Filter: k.Filter}}
}

func (k *compiler) exec() []plan.InitStep { return []plan.InitStep{k.execve()} }

func (k *compiler) execve() process.Exec {
	p := k.Spec.Process
	return process.Exec{Args: p.Args, Env: p.Env, Path: k.program, Dir: p.Cwd, Preserve: k.Preserve}
}

func (k *compiler) hold() []plan.InitStep {
	if !k.Hold {
		return nil
	}
	return []plan.InitStep{process.Hold{Exec: k.execve(), Start: startFD, Result: resultFD}}
}
