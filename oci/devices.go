package oci

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// ErrNotDevice is what [Facts.Nodes] returns for something else.
var ErrNotDevice = errors.New("not a device node")

// devices sets which device nodes there are besides those of every container,
// and which may be used: none but the harmless ones and the user's.
func (m *maker) devices() error {
	if m.r.Privileged {
		return m.allDevices()
	}
	rules := defaultRules()
	for _, d := range m.r.Devices {
		nodes, access, err := m.device(d)
		if err != nil {
			return err
		}
		for _, n := range nodes {
			m.addNode(n)
			rules = append(rules, rule(n.Type, &n.Major, &n.Minor, access))
		}
	}
	for _, text := range m.r.DeviceRules {
		r, err := parseRule(text)
		if err != nil {
			return err
		}
		rules = append(rules, r)
	}
	m.s.Linux.Resources.Devices = rules
	return nil
}

// allDevices gives a privileged container the host's, and the right to all.
func (m *maker) allDevices() error {
	m.s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
	if m.f.HostDevices != nil {
		nodes, err := m.f.HostDevices()
		if err != nil {
			return fmt.Errorf("list the host's devices: %w", err)
		}
		for _, n := range nodes {
			m.addNode(n)
		}
	}
	for _, d := range m.r.Devices {
		nodes, access, err := m.device(d)
		if err != nil {
			return err
		}
		if access != "rwm" {
			m.warn(fmt.Sprintf("custom %s permissions for device %s are ignored in privileged mode", access, d.Host))
		}
		for _, n := range nodes {
			m.addNode(n)
		}
	}
	return nil
}

// device returns the nodes of one --device, with their paths in the container.
func (m *maker) device(d Device) (nodes []Node, access string, err error) {
	to := d.Container
	if to == "" {
		to = d.Host
	}
	if access = d.Permissions; access == "" {
		access = "rwm"
	}
	if !isAccess(access) {
		return nil, "", fmt.Errorf("bad mode specified: %s", access)
	}
	if !path.IsAbs(to) || path.Clean(to) == "/" {
		return nil, "", fmt.Errorf("invalid device path %q in the container: it must be absolute", to)
	}
	found := []Node(nil)
	if err = ErrNotDevice; m.f.Nodes != nil {
		found, err = m.f.Nodes(d.Host)
	}
	if err == nil && len(found) == 0 {
		err = ErrNotDevice
	}
	if err != nil {
		return nil, "", fmt.Errorf("error gathering device information while adding custom device %q: %w", d.Host, err)
	}
	return moved(found, d.Host, path.Clean(to)), access, nil
}

// moved puts nodes found at, or below, one path at another.
func moved(found []Node, from, to string) (out []Node) {
	for _, n := range found {
		rest, below := strings.CutPrefix(n.Path, strings.TrimSuffix(from, "/")+"/")
		if n.Path = to; below {
			n.Path = path.Join(to, path.Clean("/"+rest))
		}
		out = append(out, n)
	}
	return out
}

// addNode adds a node; a later one at the same path replaces the earlier.
func (m *maker) addNode(n Node) {
	mode := os.FileMode(n.Mode & 0o777)
	d := specs.LinuxDevice{Path: n.Path, Type: n.Type, Major: n.Major, Minor: n.Minor, FileMode: &mode, UID: &n.UID, GID: &n.GID}
	for i, old := range m.s.Linux.Devices {
		if old.Path == d.Path {
			m.s.Linux.Devices[i] = d
			return
		}
	}
	m.s.Linux.Devices = append(m.s.Linux.Devices, d)
}

// defaultRules forbid everything, then allow: to make any node (opening it is
// another matter), null, zero, full, random, urandom, tty, console, and
// pseudo-terminals.
func defaultRules() []specs.LinuxDeviceCgroup {
	out := []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}, rule("c", nil, nil, "m"), rule("b", nil, nil, "m")}
	for _, d := range [][2]int64{{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}} {
		out = append(out, rule("c", &d[0], &d[1], "rwm"))
	}
	pts := int64(136)
	return append(out, rule("c", &pts, nil, "rwm"))
}

// rule allows an access; nil stands for all numbers.
func rule(kind string, major, minor *int64, access string) specs.LinuxDeviceCgroup {
	return specs.LinuxDeviceCgroup{Allow: true, Type: kind, Major: major, Minor: minor, Access: access}
}

// parseRule reads a --device-cgroup-rule: "c 1:3 rwm", "a *:* m".
func parseRule(text string) (r specs.LinuxDeviceCgroup, err error) {
	bad := fmt.Errorf("invalid device cgroup rule format: '%s'", text)
	w := strings.Split(text, " ")
	if len(w) != 3 || len(w[0]) != 1 || !strings.Contains("acb", w[0]) || !isAccess(w[2]) {
		return r, bad
	}
	a, b, ok := strings.Cut(w[1], ":")
	major, ok1 := deviceNumber(a)
	minor, ok2 := deviceNumber(b)
	if !ok || !ok1 || !ok2 {
		return r, bad
	}
	return rule(w[0], major, minor, w[2]), nil
}

// deviceNumber reads a number, or "*".
func deviceNumber(s string) (*int64, bool) {
	if s == "*" {
		return nil, true
	}
	n, err := strconv.ParseUint(s, 10, 32)
	v := int64(n)
	return &v, err == nil
}

// isAccess tells one to three different ones of "rwm".
func isAccess(s string) bool {
	return s != "" && strings.Trim(s, "rwm") == "" &&
		strings.Count(s, "r") <= 1 && strings.Count(s, "w") <= 1 && strings.Count(s, "m") <= 1
}
