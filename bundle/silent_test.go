package bundle_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestFilterForbidsTheStart: filters under which the init program can neither go
// on nor say so. A command must not hang, nor end as if the program had run.
func TestFilterForbidsTheStart(t *testing.T) {
	const silent = "the first process ended before it could execute the program"
	errno := func(names ...string) *specs.LinuxSeccomp { return forbid(specs.ActErrno, names...) }
	p := newPlace(t, "")
	t.Cleanup(func() {
		os.RemoveAll(filepath.Join(p.root, "~seccomp"))
		os.Mkdir(filepath.Join(p.root, "~seccomp"), 0o700)
	})
	p.command("/bin/true")
	for name, c := range map[string]struct {
		filter *specs.LinuxSeccomp
		words  string
	}{
		"told":        {errno("execve"), `exec: "/bin/true": operation not permitted`},
		"no write":    {errno("execve", "write"), silent + ", with exit status 127: the seccomp filter may forbid execve, write or exit_group"},
		"no end":      {errno("execve", "write", "exit_group"), silent + ", killed by signal 5"},
		"nothing":     {&specs.LinuxSeccomp{DefaultAction: specs.ActErrno}, silent},
		"kill":        {forbid(specs.ActKillProcess, "execve"), silent + ", killed by signal 31"},
		"kill thread": {forbid(specs.ActKill, "execve"), silent + ", killed by signal 31"},
		"kill all":    {&specs.LinuxSeccomp{DefaultAction: specs.ActKillProcess}, silent},
		"trap":        {forbid(specs.ActTrap, "execve"), silent + ", killed by signal 31"},
	} {
		for _, gains := range []bool{false, true} {
			t.Log(name, gains)
			p.spec.Process.NoNewPrivileges = !gains
			p.spec.Linux.Seccomp = c.filter
			p.fails(1, c.words, "run", "c")
			p.fails(1, "container does not exist", "state", "c")
			p.create("c")
			p.fails(255, c.words, "exec", "c", "/bin/true")
			p.fails(1, c.words, "start", "c")
			p.await("c", specs.StateStopped)
			p.ok("delete", "c")
		}
	}
}

// forbid is a filter that allows all but these.
func forbid(action specs.LinuxSeccompAction, names ...string) *specs.LinuxSeccomp {
	return &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: names, Action: action}}}
}
