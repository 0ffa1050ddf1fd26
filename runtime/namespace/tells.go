package namespace

import (
	"fmt"
	"strings"

	"mydocker/plan"
)

// What the steps tell of themselves in errors: see plan.Telling.

// Tells names the namespaces.
func (e Enter) Tells() string {
	return fmt.Sprintf("error joining the container's namespaces (%s)", strings.Join(e.Kinds, ", "))
}

// Tells names the namespace.
func (j Join) Tells() string {
	return fmt.Sprintf("error joining the %s namespace of %q", long(j.Kind), j.Path)
}

// long is the name that the specification has for a kind of namespace.
func long(kind string) string {
	switch kind {
	case "net":
		return "network"
	case "mnt":
		return "mount"
	}
	return kind
}

// Tells names the namespaces.
func (j JoinUser) Tells() string {
	kinds := []string{"user"}
	for _, o := range j.Others {
		kinds = append(kinds, long(o.Kind))
	}
	return fmt.Sprintf("error joining the user namespace of %q (with: %s)", j.Path, strings.Join(kinds[1:], ", "))
}

// Tells names the namespace.
func (Cgroup) Tells() string { return "error making a cgroup namespace" }

// Tells names the namespace.
func (t Time) Tells() string {
	if len(t.Offsets) == 0 {
		return "error making a time namespace"
	}
	return "error making a time namespace with offsets (timeOffsets)"
}

// Tells names the interface.
func (LoUp) Tells() string { return "error bringing up the interface lo" }

// Tells names the maps.
func (m Maps) Tells() string {
	return fmt.Sprintf("error mapping the identities of the user namespace (uidMappings %s, gidMappings %s)", lines(m.UIDs), lines(m.GIDs))
}

func lines(maps []plan.IDMap) string {
	var w []string
	for _, m := range maps {
		w = append(w, m.String())
	}
	return "[" + strings.Join(w, "; ") + "]"
}

// Tells names the field.
func (h Hostname) Tells() string { return fmt.Sprintf("error setting the hostname %q", h.Name) }

// Tells names the field.
func (d Domainname) Tells() string { return fmt.Sprintf("error setting the domainname %q", d.Name) }

// Tells names the interface.
func (m MoveDevice) Tells() string {
	return fmt.Sprintf("error giving the container the network interface %q as %q (netDevices)", m.Name, m.As)
}

// Tells names the interface.
func (r ReturnDevice) Tells() string {
	return fmt.Sprintf("error taking back the network interface %q", r.Name)
}

// Tells names the key.
func (s Sysctl) Tells() string { return fmt.Sprintf("error setting sysctl %q to %q", s.Key, s.Value) }

// Tells says what it is for.
func (Procfs) Tells() string { return "error mounting a procfs for sysctls" }
