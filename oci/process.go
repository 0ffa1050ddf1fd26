package oci

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// defaultPath is PATH where the image has none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// command sets what is run, where, and on which terminal.
func (m *maker) command() error {
	p := m.s.Process
	p.Args = args(m.r, m.cfg.Entrypoint, m.cfg.Cmd)
	if len(p.Args) == 0 || p.Args[0] == "" {
		return errors.New("no command specified")
	}
	dir := m.r.WorkingDir
	if dir == "" {
		dir = m.cfg.WorkingDir
	}
	if dir == "" {
		dir = "/"
	}
	if !path.IsAbs(dir) {
		return fmt.Errorf("the working directory '%s' is invalid, it needs to be an absolute path", dir)
	}
	p.Cwd = path.Clean(dir)
	p.Terminal = m.r.TTY
	if m.r.TTY && m.f.TerminalWidth > 0 && m.f.TerminalHeight > 0 {
		p.ConsoleSize = &specs.Box{Width: m.f.TerminalWidth, Height: m.f.TerminalHeight}
	}
	p.NoNewPrivileges = m.r.NoNewPrivileges
	return noNUL("command", append(slices.Clone(p.Args), p.Cwd)...)
}

// args joins entrypoint and command. An entrypoint of the user's takes the
// image's command away too, because that was made for the image's entrypoint.
func args(r *Request, entrypoint, cmd []string) []string {
	if r.EntrypointSet {
		entrypoint, cmd = r.Entrypoint, nil
	}
	if len(r.Command) > 0 {
		cmd = r.Command
	}
	if len(entrypoint) == 1 && entrypoint[0] == "" { // --entrypoint ""
		entrypoint = nil
	}
	return slices.Concat(entrypoint, cmd)
}

// noNUL refuses what would be cut off at the first zero byte on its way into
// the kernel. JSON can carry one.
func noNUL(what string, all ...string) error {
	for _, s := range all {
		if strings.IndexByte(s, 0) >= 0 {
			return fmt.Errorf("invalid %s %q: it contains a zero byte", what, s)
		}
	}
	return nil
}

// environ sets the environment: Docker's own, overridden by the image's,
// overridden by the user's. HOME comes last, from the image's passwd, unless
// somebody set it.
func (m *maker) environ() error {
	name, _ := Hostname(m.r, m.c, m.f)
	env := []string{"PATH=" + defaultPath, "HOSTNAME=" + name}
	if m.r.TTY {
		env = append(env, "TERM=xterm")
	}
	for _, e := range m.cfg.Env {
		if !strings.HasPrefix(e, "=") {
			env = setenv(env, e)
		}
	}
	for _, e := range m.r.Env {
		if e == "" || e[0] == '=' {
			return fmt.Errorf("invalid environment variable: %s", e)
		}
		env = setenv(env, e)
	}
	if !slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "HOME=") }) {
		env = append(env, "HOME="+m.home)
	}
	m.s.Process.Env = env
	return noNUL("environment variable", env...)
}

// setenv puts K=V in the place of an earlier K, or at the end; K alone removes it.
func setenv(env []string, e string) []string {
	key, _, set := strings.Cut(e, "=")
	i := slices.IndexFunc(env, func(old string) bool { return strings.HasPrefix(old, key+"=") })
	switch {
	case i >= 0 && set:
		env[i] = e
	case i >= 0:
		return slices.Delete(env, i, i+1)
	case set:
		return append(env, e)
	}
	return env
}

// limits sets the resource limits of setrlimit(2) and how willingly the kernel
// kills the process when memory runs out.
func (m *maker) limits() error {
	if err := m.oomScoreAdj(); err != nil {
		return err
	}
	for _, u := range m.r.Ulimits {
		l, err := m.rlimit(u)
		if err != nil {
			return err
		}
		all := &m.s.Process.Rlimits
		*all = slices.DeleteFunc(*all, func(old specs.POSIXRlimit) bool { return old.Type == l.Type })
		*all = append(*all, l)
	}
	return nil
}

// rlimits are the names that --ulimit takes, see setrlimit(2).
var rlimits = []string{"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue",
	"nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"}

func (m *maker) rlimit(u Ulimit) (l specs.POSIXRlimit, err error) {
	if !slices.Contains(rlimits, u.Name) {
		return l, fmt.Errorf("invalid ulimit type: %s", u.Name)
	}
	if u.Soft < -1 || u.Hard < -1 {
		return l, fmt.Errorf("invalid ulimit %s: a limit is -1 or larger", u.Name)
	}
	l = specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(u.Name), Soft: uint64(u.Soft), Hard: uint64(u.Hard)}
	if l.Soft > l.Hard { // -1 became the largest
		return l, fmt.Errorf("ulimit soft limit must be less than or equal to hard limit: %d > %d", u.Soft, u.Hard)
	}
	if own, ok := m.f.Rlimits[u.Name]; ok && l.Hard > own && !m.engineHas("CAP_SYS_RESOURCE") {
		return l, fmt.Errorf("ulimit %s: hard limit %s is above the engine's own of %d, which takes CAP_SYS_RESOURCE to raise", u.Name, unlimited(l.Hard), own)
	}
	return l, nil
}

func unlimited(n uint64) string {
	if n == math.MaxUint64 {
		return "unlimited"
	}
	return fmt.Sprint(n)
}

// oomScoreAdj is set only where it differs from what is inherited. The kernel
// takes CAP_SYS_RESOURCE to lower it; a container that asks for nothing then
// keeps the engine's.
func (m *maker) oomScoreAdj() error {
	want := m.r.OOMScoreAdj
	if want < -1000 || want > 1000 {
		return fmt.Errorf("Invalid value %d, range for oom score adj is [-1000, 1000]", want)
	}
	if want < m.f.OOMScoreAdj && !m.engineHas("CAP_SYS_RESOURCE") {
		if want == 0 {
			return nil
		}
		return fmt.Errorf("oom score adj %d is below the engine's own of %d, which takes CAP_SYS_RESOURCE to lower", want, m.f.OOMScoreAdj)
	}
	if want != m.f.OOMScoreAdj {
		m.s.Process.OOMScoreAdj = &want
	}
	return nil
}
