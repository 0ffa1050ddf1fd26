package oci

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/runtime/security"
)

// An ExecRequest is one more process in a container that runs, as its user asks
// for it: the flags of exec, parsed and checked for form.
type ExecRequest struct {
	Args        []string
	Env         []string   // K=V, or K alone: unset what the container has
	User        string     // user[:group], names or numbers; empty: the container's
	WorkingDir  string     // absolute; empty: the container's
	TTY         bool       //
	Privileged  bool       // all capabilities that the engine has; the system call filter stays
	ConsoleSize *specs.Box // of the user's terminal; nil: not known

	// Groups are those of the container's --group-add: another User gets them too.
	Groups []string
	// Given are the variables, K=V, that the container's image and its user set.
	// What else it has as HOME and TERM was made for its own user and terminal,
	// and is made anew.
	Given []string
}

// ExecProcess returns the process that an exec in a container runs, as Docker
// would: the container's own, but for what the request says. s is the
// container's specification, bounding the engine's capability bounding set
// ([HostBounding], nil: all), files those of the container as it runs. It
// changes none of them. Errors have Docker's texts, where Docker has one.
func ExecProcess(s *specs.Spec, r ExecRequest, bounding []string, files Files) (*specs.Process, error) {
	if len(r.Args) == 0 || r.Args[0] == "" {
		return nil, errors.New("no exec command specified")
	}
	p := *s.Process
	p.Args, p.Terminal, p.ConsoleSize = slices.Clone(r.Args), r.TTY, nil
	if r.TTY {
		p.ConsoleSize = r.ConsoleSize
	}
	if r.WorkingDir != "" {
		if !path.IsAbs(r.WorkingDir) {
			return nil, fmt.Errorf("the working directory '%s' is invalid, it needs to be an absolute path", r.WorkingDir)
		}
		p.Cwd = path.Clean(r.WorkingDir)
	}
	home, err := execUser(&p, s, r, files)
	if err != nil {
		return nil, err
	}
	if p.Env, err = execEnviron(s.Process.Env, r, home); err != nil {
		return nil, err
	}
	p.Capabilities = execCaps(&p, r, bounding)
	return &p, noNUL("command", append(slices.Clone(p.Args), p.Cwd)...)
}

// execUser sets the user where the request names one, and returns what finds
// the home directory of whoever it is.
func execUser(p *specs.Process, s *specs.Spec, r ExecRequest, files Files) (home func() (string, error), err error) {
	if r.User == "" {
		return func() (string, error) { return homeOf(p.User.UID, files) }, nil
	}
	passwd, group, err := (&maker{files: files}).userFiles()
	if err != nil {
		return nil, err
	}
	u, err := lookup(r.User, passwd, group)
	if err != nil {
		return nil, err
	}
	more, err := lookupGroups(r.Groups, group)
	if err != nil {
		return nil, err
	}
	p.User.UID, p.User.GID, p.User.Username = uint32(u.Uid), uint32(u.Gid), ""
	if p.User.AdditionalGids, err = gids(slices.Concat([]int{u.Gid}, u.Sgids, more)); err != nil {
		return nil, err
	}
	return func() (string, error) { return u.Home, nil }, inNamespace(s, p.User)
}

// homeOf looks up a user's home directory; who has none gets /.
func homeOf(uid uint32, files Files) (string, error) {
	passwd, group, err := (&maker{files: files}).userFiles()
	if err != nil {
		return "", err
	}
	u, err := lookup(strconv.FormatUint(uint64(uid), 10), passwd, group)
	if err != nil {
		return "", err
	}
	return u.Home, nil
}

// inNamespace checks that the IDs exist in the container's user namespace,
// where the specification tells what it maps.
func inNamespace(s *specs.Spec, u specs.User) error {
	if s.Linux == nil || len(s.Linux.UIDMappings) == 0 {
		return nil
	}
	mapped := func(maps []specs.LinuxIDMapping, id uint32) bool {
		return slices.ContainsFunc(maps, func(m specs.LinuxIDMapping) bool { return id >= m.ContainerID && id-m.ContainerID < m.Size })
	}
	if !mapped(s.Linux.UIDMappings, u.UID) {
		return fmt.Errorf("user %d is outside of the container's user namespace", u.UID)
	}
	for _, g := range append([]uint32{u.GID}, u.AdditionalGids...) {
		if !mapped(s.Linux.GIDMappings, g) {
			return fmt.Errorf("group %d is outside of the container's user namespace", g)
		}
	}
	return nil
}

// execEnviron is the container's environment, overridden by the request's. As in
// Docker a terminal brings TERM and the user HOME, where nobody set them.
func execEnviron(env []string, r ExecRequest, home func() (string, error)) ([]string, error) {
	env = slices.Clone(env)
	if !hasVar(r.Given, "TERM") {
		env = setenv(env, "TERM")
	}
	if r.User != "" && !hasVar(r.Given, "HOME") {
		env = setenv(env, "HOME")
	}
	if r.TTY && !hasVar(env, "TERM") {
		env = append(env, "TERM=xterm")
	}
	for _, e := range r.Env {
		if e == "" || e[0] == '=' {
			return nil, fmt.Errorf("invalid environment variable: %s", e)
		}
		env = setenv(env, e)
	}
	if !hasVar(env, "HOME") {
		dir, err := home()
		if err != nil {
			return nil, err
		}
		env = append(env, "HOME="+dir)
	}
	return env, noNUL("environment variable", env...)
}

func hasVar(env []string, name string) bool {
	return slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
}

// execCaps are those of the container, or all. As in a container only root has
// more of them than the bounding set.
func execCaps(p *specs.Process, r ExecRequest, bounding []string) *specs.LinuxCapabilities {
	list := []string(nil)
	switch {
	case r.Privileged && bounding == nil:
		list = security.AllCaps()
	case r.Privileged:
		list = slices.Clone(bounding)
	case p.Capabilities != nil:
		list = p.Capabilities.Bounding
	}
	c := &specs.LinuxCapabilities{Bounding: list}
	if p.User.UID == 0 {
		c.Effective, c.Permitted = list, list
	}
	return c
}

// HostBounding returns the engine's capability bounding set.
func HostBounding() []string { return bounding() }
