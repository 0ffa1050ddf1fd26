package oci

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// caps sets the capabilities. Root gets them; anybody else could only regain
// them through a file that has them, so that for other users they are no more
// than the bounding set. Nothing is inheritable, ever (CVE-2022-24769).
func (m *maker) caps() error {
	list, err := m.capabilities()
	if err != nil {
		return err
	}
	c := &specs.LinuxCapabilities{Bounding: list}
	if m.s.Process.User.UID == 0 {
		c.Effective, c.Permitted = list, list
	}
	m.s.Process.Capabilities = c
	return nil
}

// capabilities returns what the request comes to. The engine cannot grant what
// it lacks: of Docker's default set, of ALL and of --privileged that is left
// out; asked for by name it is an error.
func (m *maker) capabilities() ([]string, error) {
	list, err := tweakCaps(m.r.CapAdd, m.r.CapDrop, m.r.Privileged)
	if err != nil {
		return nil, err
	}
	for _, add := range m.r.CapAdd {
		if c := capName(add); !m.r.Privileged && slices.Contains(list, c) && !m.engineHas(c) {
			return nil, fmt.Errorf("capability %s cannot be added: the engine itself lacks it", c)
		}
	}
	return slices.DeleteFunc(list, func(c string) bool { return !m.engineHas(c) }), nil
}

func (m *maker) engineHas(capability string) bool {
	return m.f.Bounding == nil || slices.Contains(m.f.Bounding, capability)
}

// capName returns the kernel's name of what a user writes: "net_admin".
func capName(s string) string {
	s = strings.ToUpper(s)
	if s == "ALL" || strings.HasPrefix(s, "CAP_") {
		return s
	}
	return "CAP_" + s
}
