package oci

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// joins tells the mode "container:NAME".
func joins(mode string) bool { return strings.HasPrefix(mode, "container:") }

// modes are what each kind of namespace may be asked to be, besides "" and
// "container:NAME" where container is true, in the order of the specification.
// own are the modes that make a new one.
var modes = []struct {
	kind      specs.LinuxNamespaceType
	of        func(*Request) string
	own       []string
	container bool
	invalid   string // error format
}{
	{specs.MountNamespace, func(*Request) string { return "" }, []string{""}, false, ""},
	{specs.NetworkNamespace, func(r *Request) string { return r.Network }, []string{"", "default", "bridge", "none"}, true, "network %s not found"},
	{specs.UTSNamespace, func(r *Request) string { return r.UTSMode }, []string{"", "private"}, true, "invalid UTS mode: %s"},
	{specs.PIDNamespace, func(r *Request) string { return r.PidMode }, []string{"", "private"}, true, "invalid PID mode: %s"},
	{specs.IPCNamespace, func(r *Request) string { return r.IPCMode }, []string{"", "private", "shareable", "none"}, true, "invalid IPC mode: %s"},
	{specs.UserNamespace, func(r *Request) string { return r.Userns }, []string{"private"}, false, "invalid USER mode: %s"},
	{specs.CgroupNamespace, func(r *Request) string { return r.CgroupNS }, []string{"", "private"}, false, "invalid cgroup namespace mode: %s"},
}

// namespaces lists those that the container gets of its own, or joins.
func (m *maker) namespaces() error {
	for _, k := range modes {
		mode := k.of(m.r)
		switch {
		case slices.Contains(k.own, mode):
			m.namespace(k.kind, "")
		case joins(mode) && k.container:
			path := m.c.Join[string(k.kind)]
			if path == "" {
				return fmt.Errorf("%s: its %s namespace is not known", mode, k.kind)
			}
			m.namespace(k.kind, path)
		case mode == "host", mode == "" && k.kind == specs.UserNamespace:
		default:
			return fmt.Errorf(k.invalid, mode)
		}
	}
	if err := m.userns(); err != nil {
		return err
	}
	return m.time()
}

func (m *maker) namespace(kind specs.LinuxNamespaceType, path string) {
	m.s.Linux.Namespaces = append(m.s.Linux.Namespaces, specs.LinuxNamespace{Type: kind, Path: path})
}

// find returns the namespace of a kind, or nil where it is the host's.
func (m *maker) find(kind specs.LinuxNamespaceType) *specs.LinuxNamespace {
	for i, n := range m.s.Linux.Namespaces {
		if n.Type == kind {
			return &m.s.Linux.Namespaces[i]
		}
	}
	return nil
}

// userns maps the container's IDs to the engine's subordinate ones. What is
// shared with another container is owned by that container's user namespace, so
// that one has to be shared too.
func (m *maker) userns() error {
	if m.r.Userns != "private" {
		return nil
	}
	switch {
	case m.r.Privileged:
		return errors.New("privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode")
	case m.r.Network == "host":
		return errors.New("cannot share the host's network namespace when user namespaces are enabled")
	case m.r.PidMode == "host":
		return errors.New("cannot share the host PID namespace when user namespaces are enabled")
	case m.f.SubUIDs == 0 || m.f.SubGIDs == 0:
		return errors.New("user namespace: no subordinate user and group IDs")
	}
	m.find(specs.UserNamespace).Path = m.c.Join[string(specs.UserNamespace)]
	if m.c.Join[string(specs.UserNamespace)] == "" {
		m.s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: m.f.SubUIDs, Size: SubIDs}}
		m.s.Linux.GIDMappings = []specs.LinuxIDMapping{{HostID: m.f.SubGIDs, Size: SubIDs}}
	}
	return nil
}

// time moves the clocks, in a namespace of its own. The specification counts
// nanoseconds upwards from the second, also before zero.
func (m *maker) time() error {
	if len(m.r.TimeOffsets) == 0 {
		return nil
	}
	m.namespace(specs.TimeNamespace, "")
	m.s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{}
	for clock, ns := range m.r.TimeOffsets {
		if clock != "monotonic" && clock != "boottime" {
			return fmt.Errorf("invalid clock %q: a time namespace has \"monotonic\" and \"boottime\"", clock)
		}
		secs, rest := ns/1e9, ns%1e9
		if rest < 0 {
			secs, rest = secs-1, rest+1e9
		}
		m.s.Linux.TimeOffsets[clock] = specs.LinuxTimeOffset{Secs: secs, Nanosecs: uint32(rest)}
	}
	return nil
}
