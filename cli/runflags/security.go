package runflags

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"

	"mydocker/oci"
)

// securityOptions reads --security-opt.
func (f *Flags) securityOptions(r *oci.Request, env Environment) error {
	for _, s := range f.security {
		key, val, err := splitSecurityOption(s)
		if err != nil {
			return err
		}
		switch key {
		case "no-new-privileges":
			if r.NoNewPrivileges, err = strconv.ParseBool(val); err != nil {
				return fmt.Errorf("invalid --security-opt: %q", s)
			}
		case "seccomp":
			if r.Seccomp, err = seccompProfile(env, val); err != nil {
				return err
			}
		default:
			if err := f.plainSecurityOption(r, key, val, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// splitSecurityOption splits KEY=VALUE, or KEY:VALUE as in Docker's beginnings.
// Of two options the value may be left out.
func splitSecurityOption(s string) (key, val string, err error) {
	switch s {
	case "no-new-privileges":
		return s, "true", nil
	case "disable":
		return "label", s, nil
	}
	key, val, ok := strings.Cut(s, "=")
	if !ok {
		key, val, ok = strings.Cut(s, ":")
	}
	if !ok || val == "" {
		return "", "", fmt.Errorf("invalid --security-opt: %q", s)
	}
	return key, val, nil
}

// plainSecurityOption reads the options that have one good value.
func (f *Flags) plainSecurityOption(r *oci.Request, key, val, s string) error {
	switch key + "=" + val {
	case "systempaths=unconfined":
		r.SystemPathsUnconfined = true
		return nil
	case "hostsecrets=visible":
		f.HostSecretsVisible = true
		return nil
	case "apparmor=unconfined", "label=disable", "writable-cgroups=false":
		return nil // so are all containers
	}
	switch key {
	case "apparmor", "label", "writable-cgroups":
		return &UnsupportedError{"security-opt", fmt.Sprintf("%s is not supported yet", s)}
	}
	return fmt.Errorf("invalid --security-opt: %q", s)
}

// seccompProfile returns a profile as Request.Seccomp has it. It checks that
// a file holds JSON, not what it says.
func seccompProfile(env Environment, name string) (string, error) {
	switch name {
	case "builtin":
		return "", nil
	case "unconfined":
		return name, nil
	}
	text, err := env.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("opening seccomp profile (%s) failed: %w", name, err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return "", fmt.Errorf("compacting json for seccomp profile (%s) failed: %w", name, err)
	}
	return compact.String(), nil
}

// deviceList reads --device.
func (f *Flags) deviceList(r *oci.Request, _ Environment) error {
	for _, s := range f.devices {
		d, err := parseDevice(s)
		if err != nil {
			return err
		}
		r.Devices = append(r.Devices, d)
	}
	return nil
}

// parseDevice reads HOST[:CONTAINER][:PERMISSIONS].
func parseDevice(s string) (oci.Device, error) {
	parts := strings.Split(s, ":")
	if len(parts) > 3 || parts[0] == "" {
		return oci.Device{}, fmt.Errorf("bad format for path: %s", s)
	}
	if isCDI(s) {
		return oci.Device{}, &UnsupportedError{"device", s + ": CDI devices are not supported yet"}
	}
	d := oci.Device{Host: parts[0], Container: parts[0], Permissions: "rwm"}
	switch {
	case len(parts) == 2 && validDeviceMode(parts[1]):
		d.Permissions = parts[1]
	case len(parts) >= 2:
		d.Container = parts[1]
	}
	if len(parts) == 3 {
		if d.Permissions = parts[2]; !validDeviceMode(d.Permissions) {
			return oci.Device{}, fmt.Errorf("bad mode specified: %s", d.Permissions)
		}
	}
	for _, p := range []*string{&d.Container, &d.Host} {
		if !path.IsAbs(*p) {
			return oci.Device{}, fmt.Errorf("%s is not an absolute path", *p)
		}
		*p = path.Clean(*p)
	}
	return d, nil
}

// isCDI tells if s has the form of a device of the Container Device Interface:
// vendor.com/class=name.
func isCDI(s string) bool {
	kind, name, ok := strings.Cut(s, "=")
	vendor, class, slash := strings.Cut(kind, "/")
	return ok && slash && vendor != "" && class != "" && name != ""
}

// validDeviceMode tells if s has r, w and m, each once at most.
func validDeviceMode(s string) bool {
	for i, c := range s {
		if !strings.ContainsRune("rwm", c) || strings.ContainsRune(s[:i], c) {
			return false
		}
	}
	return s != ""
}
