package runtime

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime/namespace"
	"mydocker/runtime/process"
	"mydocker/runtime/rootfs"
)

// Program builds the program of the plan's init steps.
func Program(p *plan.Plan, trace bool, breakInit int) (*initprog.Program, error) {
	b := initprog.NewBuilder()
	for i, s := range p.Init {
		b.Begin(i)
		if breakInit == i+1 {
			b.Sys("openat", -1, "fault", 0, 0)
		}
		s.Emit(b)
	}
	return b.Finish(trace)
}

// held returns the caller's files with those of Launch.Hold among them.
func (l Launch) held(files []*os.File) []*os.File {
	all := append(slices.Clone(files), l.Target)
	all[startFD-initprog.FirstFile], all[resultFD-initprog.FirstFile] = l.Hold[0], l.Hold[1]
	return all
}

func (l Launch) spawn() (*starting, error) {
	prog, err := Program(l.Plan, l.Traced, l.BreakInit)
	if err != nil {
		return nil, err
	}
	if l.Parent == nil {
		l.Parent = self{}
	}
	s := &starting{Launch: l, running: &Running{}, born: initprog.Now()}
	files, err := s.files()
	defer closeFiles(files)
	if err != nil {
		return nil, err
	}
	sys := &syscall.SysProcAttr{Cloneflags: namespace.CloneFlags(l.Plan.Spawn.New)}
	identities(sys, l.Plan.Spawn)
	if dir := l.Plan.Spawn.Cgroup; dir != "" {
		f, err := os.Open(dir)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		sys.UseCgroupFD, sys.CgroupFD = true, int(f.Fd())
	}
	fork := func(p initprog.Start) (int, error) { return s.Parent.Fork(p, s.running.status) }
	s.proc, err = initprog.Spawn(prog, initprog.Attr{Stdio: l.Stdio, Files: l.held(files), Preserved: l.Preserved, Sys: sys, Fork: fork})
	if err != nil {
		closeFiles([]*os.File{s.console, s.running.status})
		return nil, l.unborn(err)
	}
	s.running.Pid = s.proc.Pid
	return s, nil
}

// unborn says of a process that the kernel did not make what it was to have.
func (l Launch) unborn(err error) error {
	if len(l.Plan.Spawn.New) == 0 {
		return fmt.Errorf("error starting a process: %w", err)
	}
	return fmt.Errorf("error starting a process in new namespaces (%s): %w", strings.Join(l.Plan.Spawn.New, ", "), err)
}

func identities(sys *syscall.SysProcAttr, p plan.Spawn) {
	if p.Later {
		ambient(sys)
		return
	}
	for _, m := range p.UIDs {
		sys.UidMappings = append(sys.UidMappings, syscall.SysProcIDMap{ContainerID: m.Inside, HostID: m.Outside, Size: m.Count})
	}
	for _, m := range p.GIDs {
		sys.GidMappings = append(sys.GidMappings, syscall.SysProcIDMap{ContainerID: m.Inside, HostID: m.Outside, Size: m.Count})
	}
	sys.GidMappingsEnableSetgroups = len(p.GIDs) > 0
	if len(p.UIDs) > 0 {
		ambient(sys)
	}
}

// ambient keeps the capabilities of a process in a new user namespace: it is not
// root there before it becomes it, so execve(2) of the stub would take them.
func ambient(sys *syscall.SysProcAttr) {
	for c := uintptr(0); c <= linux.LastCap(); c++ {
		sys.AmbientCaps = append(sys.AmbientCaps, c)
	}
}

// files returns what the program gets at statusFD and consoleFD, for the
// caller to close.
func (s *starting) files() ([]*os.File, error) {
	files := make([]*os.File, consoleFD-initprog.FirstFile+1)
	if slices.ContainsFunc(s.Plan.Init, isReaper) {
		r, w, err := os.Pipe()
		if err != nil {
			return files, err
		}
		s.running.status, files[statusFD-initprog.FirstFile] = r, w
	}
	if s.Terminal || slices.ContainsFunc(s.Plan.Attach, sends) {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return files, os.NewSyscallError("socketpair", err)
		}
		s.console = os.NewFile(uintptr(fds[0]), "console")
		files[consoleFD-initprog.FirstFile] = os.NewFile(uintptr(fds[1]), "console")
	}
	return files, nil
}

func sends(s plan.HostStep) bool { _, ok := s.(rootfs.Sender); return ok }

func isReaper(s plan.InitStep) bool { _, ok := s.(process.Reaper); return ok }
