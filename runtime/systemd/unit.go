// Package systemd has systemd make a container's control group: a transient
// scope, in a slice, for a process that exists and waits. What systemd does not
// know of limits is written to the group afterwards, as everywhere. See
// org.freedesktop.systemd1(5) and systemd.resource-control(5).
package systemd

import (
	"fmt"
	"os"
	"path"
	"strings"
)

// A Unit is the scope of a container.
type Unit struct {
	Name  string // "docker-ID.scope"
	Slice string // where it is: "system.slice"
	// User says that it is the user's systemd, on the user's bus.
	User bool `json:",omitempty"`
}

// Parse reads linux.cgroupsPath as "slice:prefix:name". Without a path the scope
// is named by the container's ID, without a slice it is in that of the system, or
// of the user. It does no I/O.
func Parse(cgroupsPath, id string, user bool) (Unit, error) {
	slice, prefix, name := "", "mydocker", id
	if cgroupsPath != "" {
		parts := strings.Split(cgroupsPath, ":")
		if len(parts) != 3 {
			return Unit{}, fmt.Errorf("expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got %q instead", cgroupsPath)
		}
		slice, prefix, name = parts[0], parts[1], parts[2]
	}
	if slice == "" {
		slice = "system.slice"
		if user {
			slice = "user.slice"
		}
	}
	u := Unit{Name: prefix + "-" + name + ".scope", Slice: slice, User: user}
	if prefix == "" {
		u.Name = name + ".scope"
	}
	if name == "" || strings.HasSuffix(name, ".slice") || strings.ContainsAny(prefix+name, "/\x00") {
		return Unit{}, fmt.Errorf("cgroupsPath %q: %q is no name of a scope", cgroupsPath, name)
	}
	if _, err := expand(slice); err != nil {
		return Unit{}, err
	}
	return u, nil
}

// Group returns the unit's control group, below the group of the systemd whose
// unit it is: see [Root].
func (u Unit) Group(root string) (string, error) {
	slice, err := expand(u.Slice)
	return path.Join("/", root, slice, u.Name), err
}

// expand returns the group of a slice: a-b.slice is in a.slice.
func expand(slice string) (string, error) {
	name, ok := strings.CutSuffix(slice, ".slice")
	if name == "-" {
		return "/", nil
	}
	var dir, prefix string
	for _, part := range strings.Split(name, "-") {
		if !ok || part == "" || strings.Contains(part, "/") {
			return "", fmt.Errorf("invalid slice name: %s", slice)
		}
		dir += "/" + prefix + part + ".slice"
		prefix += part + "-"
	}
	return dir, nil
}

// Running tells whether the machine runs systemd, as sd_booted(3).
func Running() bool {
	st, err := os.Lstat("/run/systemd/system")
	return err == nil && st.IsDir()
}
