package rootfs

import "fmt"

// What the steps tell of themselves in errors: see plan.Telling.

// Tells names the root.
func (o OpenRoot) Tells() string { return fmt.Sprintf("error opening the root file system %q", o.Dir) }

// Tells says what is entered.
func (Pivot) Tells() string { return "error entering the root file system" }

// Tells says what is entered.
func (Move) Tells() string { return "error entering the root file system" }

// Tells says what is entered.
func (Chroot) Tells() string { return "error entering the root file system" }

// Tells says what is entered.
func (a Again) Tells() string {
	return fmt.Sprintf("error entering the root file system %q", a.Dir)
}

// Tells names the field.
func (ReadOnly) Tells() string { return "error making the root read-only (root.readonly)" }

// Tells names the field.
func (p Propagation) Tells() string {
	return fmt.Sprintf("error setting the propagation of mounts to %s (rootfsPropagation)", p.Name)
}

// Tells names the root.
func (a Apart) Tells() string {
	return fmt.Sprintf("error keeping mounts below the root file system %q from the host", a.Dir)
}

// Tells says what is kept.
func (Alone) Tells() string {
	return "error keeping mounts below the root file system from the host"
}

// Tells names the root.
func (o Overlay) Tells() string { return fmt.Sprintf("error mounting the layers at %q", o.Target) }

// Tells names the root.
func (r Bind) Tells() string { return fmt.Sprintf("error mounting the root file system %q", r.Dir) }

// Tells names the directory.
func (t Tmpfs) Tells() string { return fmt.Sprintf("error mounting a tmpfs at %q", t.Path) }

// Tells names the directory.
func (u Unmount) Tells() string { return fmt.Sprintf("error unmounting %q", u.Path) }

// Tells names the directory.
func (s Source) Tells() string { return fmt.Sprintf("error making the source of a mount %q", s.Path) }
