package device

import "fmt"

// What the steps tell of themselves in errors: see plan.Telling.

// Tells names the device.
func (n Node) Tells() string {
	return fmt.Sprintf("error making the device %q (type %s, %d:%d)", n.Path, n.Type, n.Major, n.Minor)
}

// Tells names the device.
func (d Bound) Tells() string {
	return fmt.Sprintf("error making the device %q of the host's %q", d.Path, d.Host)
}

// Tells names the link.
func (s Symlink) Tells() string {
	return fmt.Sprintf("error making the link %q to %q", s.Path, s.Target)
}

// Tells names the field.
func (Terminal) Tells() string { return "error opening a terminal (process.terminal)" }

// Tells names the field.
func (Control) Tells() string { return "error opening a terminal (process.terminal)" }
