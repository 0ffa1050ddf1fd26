package runtime

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
	"mydocker/runtime/device"
)

func (k *compiler) devices() (steps []plan.InitStep) {
	nodes := k.nodes()
	if k.devIsBound() {
		return nil // it is somebody's: its nodes are not ours to replace
	}
	for _, n := range nodes {
		if k.inUserNamespace() && n.Type != "p" {
			steps = append(steps, device.Bound{Path: n.Path, Host: n.Path})
		} else {
			steps = append(steps, n)
		}
	}
	return append(steps, device.Links()...)
}

// inUserNamespace tells whether the container is in one that is not the host's:
// it makes no device nodes.
func (k *compiler) inUserNamespace() bool {
	_, ok := k.namespace("user")
	return ok || k.InUserNamespace
}

// nodes are those of the specification, then the defaults that neither it nor a
// mount names. /dev/ptmx is always a link.
func (k *compiler) nodes() (nodes []device.Node) {
	named := map[string]bool{"/dev/ptmx": true}
	for _, d := range k.linux().Devices {
		if err := checkDevice(d); err != nil {
			k.fail(err)
			continue
		}
		n := nodeOf(d)
		if n.Path != "/dev/ptmx" {
			nodes = append(nodes, n)
		}
		named[n.Path] = true
	}
	for _, m := range k.listed() {
		named[m.Destination] = true // it has the place of a default one
	}
	for _, d := range device.Defaults() {
		if !named[d.Path] {
			nodes = append(nodes, d)
		}
	}
	return nodes
}

func checkDevice(d specs.LinuxDevice) error {
	switch {
	case path.Clean("/"+d.Path) == "/":
		return errors.New("a device needs a path")
	case !slices.Contains([]string{"c", "b", "u", "p"}, d.Type):
		return fmt.Errorf("device %s: unknown type %q", d.Path, d.Type)
	case d.Major < 0 || d.Minor < 0 || d.Major > 0xfff || d.Minor > 0xfffff:
		return fmt.Errorf("device %s: there is no number %d:%d", d.Path, d.Major, d.Minor)
	}
	return nil
}

// devIsBound tells whether /dev is a directory of the host.
func (k *compiler) devIsBound() bool {
	return slices.ContainsFunc(k.listed(), func(m specs.Mount) bool {
		return m.Destination == "/dev" && (m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind"))
	})
}

// hasTerminals tells whether the container gets a file system of terminals
// that is made by the plan.
func (k *compiler) hasTerminals() bool {
	return slices.ContainsFunc(k.listed(), func(m specs.Mount) bool { return m.Destination == "/dev/pts" && m.Type == "devpts" })
}

func nodeOf(d specs.LinuxDevice) device.Node {
	n := device.Node{Path: path.Clean("/" + d.Path), Type: d.Type, Major: d.Major, Minor: d.Minor, Mode: 0o666}
	if d.FileMode != nil {
		n.Mode = uint32(*d.FileMode & 0o777)
	}
	if d.UID != nil {
		n.UID = *d.UID
	}
	if d.GID != nil {
		n.GID = *d.GID
	}
	return n
}
