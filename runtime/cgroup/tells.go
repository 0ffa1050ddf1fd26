package cgroup

import (
	"fmt"
	"strings"
)

// What the steps tell of themselves in errors: see plan.Telling.

// Tells names the groups.
func (j Join) Tells() string {
	return fmt.Sprintf("error joining the control groups (%s)", strings.Join(j.Dirs, ", "))
}

// Tells names the lists.
func (o Opened) Tells() string {
	return fmt.Sprintf("error opening the control groups (%s)", strings.Join(o.Files, ", "))
}

// Tells names the lists.
func (j JoinOpened) Tells() string {
	return fmt.Sprintf("error joining the control groups (%s)", strings.Join(j.Files, ", "))
}

// Tells names the limit.
func (w Write) Tells() string {
	return fmt.Sprintf("error setting %s to %q (resources)", w.File, w.Value)
}

// Tells names the limits.
func (t Together) Tells() string {
	var w []string
	for _, v := range t.Values {
		w = append(w, fmt.Sprintf("%s to %q", v[0], v[1]))
	}
	return fmt.Sprintf("error setting %s (resources)", strings.Join(w, ", "))
}

// Tells names the field.
func (Devices) Tells() string { return "error setting the rules of devices (resources.devices)" }

// Tells names the field.
func (DeviceFilter) Tells() string { return "error setting the rules of devices (resources.devices)" }

// Tells names the group.
func (r Remove) Tells() string { return fmt.Sprintf("error removing the control group %q", r.Dir) }

// Tells names the group.
func (m Make) Tells() string { return fmt.Sprintf("error making the control group %q", m.Dir) }

// Tells names the group.
func (g Give) Tells() string {
	return fmt.Sprintf("error giving the control group %q to user %d", g.Dir, g.UID)
}
