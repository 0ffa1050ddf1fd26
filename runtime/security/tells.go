package security

import "fmt"

// What the steps tell of themselves in errors: see plan.Telling.

// Tells names the field.
func (Bounding) Tells() string { return "error setting capabilities.bounding" }

// Tells names the field.
func (KeepCaps) Tells() string { return "error setting capabilities" }

// Tells names the field.
func (MayFilter) Tells() string { return "error loading the seccomp filter" }

// Tells names the field.
func (Capabilities) Tells() string { return "error setting capabilities" }

// Tells names the profile.
func (a AppArmor) Tells() string {
	return fmt.Sprintf("error applying the AppArmor profile %q (apparmorProfile)", a.Profile)
}

// Tells names the label.
func (s SELinux) Tells() string {
	return fmt.Sprintf("error applying the SELinux label %q (selinuxLabel)", s.Label)
}

// Tells names the field.
func (NoNewPrivileges) Tells() string { return "error setting noNewPrivileges" }

// Tells names the field.
func (Seccomp) Tells() string { return "error loading the seccomp filter" }
