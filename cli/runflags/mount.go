package runflags

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mydocker/internal/units"
	"mydocker/oci"
)

// A mountFlag is one of -v, --mount or --tmpfs: what is left to do for
// Request.
type mountFlag func(Environment) (oci.Mount, error)

// mountList completes the mounts, in the order given.
func (f *Flags) mountList(r *oci.Request, env Environment) error {
	for _, complete := range f.mounts {
		m, err := complete(env)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(r.Mounts, func(o oci.Mount) bool { return o.Target == m.Target }) {
			return fmt.Errorf("Duplicate mount point: %s", m.Target)
		}
		r.Mounts = append(r.Mounts, m)
	}
	return nil
}

// addMount reads --mount: CSV of KEY=VALUE. What can be said of the text is
// said now, what needs the host later.
func (f *Flags) addMount(s string) error {
	spec, err := parseMount(s)
	if err != nil {
		return err
	}
	f.mounts = append(f.mounts, spec.complete)
	return nil
}

// A mountSpec is a --mount as it is written.
type mountSpec struct {
	kind           string
	m              oci.Mount
	families       []string // prefixes of the options given: "bind", "tmpfs", ...
	forceRecursive bool     // bind-recursive=readonly
}

func parseMount(s string) (*mountSpec, error) {
	if s = strings.TrimSpace(s); s == "" {
		return nil, errors.New("value is empty")
	}
	fields, err := csvFields(s)
	if err != nil {
		return nil, err
	}
	spec := &mountSpec{kind: "volume"}
	for _, field := range fields {
		key, val, has := strings.Cut(field, "=")
		if err := checkMountField(field, key, val, has); err != nil {
			return nil, err
		}
		if err := spec.set(strings.ToLower(key), val, has, field); err != nil {
			return nil, err
		}
	}
	return spec, spec.check()
}

// checkMountField refuses blanks around keys and values, and keys without
// values but those of booleans.
func checkMountField(field, key, val string, has bool) error {
	if k := strings.TrimSpace(key); k != key {
		return fmt.Errorf("invalid option '%s' in '%s': option should not have whitespace", k, field)
	}
	if !has {
		switch strings.ToLower(key) {
		case "readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src":
			return nil
		}
		return fmt.Errorf("invalid field '%s' must be a key=value pair", field)
	}
	switch v := strings.TrimSpace(val); {
	case v == "":
		return fmt.Errorf("invalid value for '%s': value is empty", key)
	case v != val:
		return fmt.Errorf("invalid value for '%s' in '%s': value should not have whitespace", key, field)
	}
	return nil
}

// set takes one option.
func (p *mountSpec) set(key, val string, has bool, field string) (err error) {
	switch key {
	case "type":
		p.kind = strings.ToLower(val)
	case "source", "src":
		p.m.Source = val
	case "target", "dst", "destination":
		p.m.Target = val
	case "readonly", "ro":
		p.m.ReadOnly, err = mountBool(key, val, has)
	case "consistency": // of Docker Desktop; there is one kind on Linux
	default:
		family, _, _ := strings.Cut(key, "-")
		p.families = append(p.families, family)
		err = p.setOfFamily(key, val, has, field)
	}
	return err
}

// setOfFamily takes an option that belongs to one type of mount.
func (p *mountSpec) setOfFamily(key, val string, has bool, field string) (err error) {
	switch key {
	case "bind-propagation":
		p.m.Propagation = strings.ToLower(val)
	case "bind-nonrecursive":
		p.m.NonRecursive, err = mountBool(key, val, has)
	case "bind-recursive":
		err = p.setRecursive(key, val)
	case "bind-create-src":
		p.m.CreateSource, err = mountBool(key, val, has)
	case "tmpfs-size":
		if p.m.TmpfsSize, err = units.RAMInBytes(val); err != nil {
			err = fmt.Errorf("invalid value for %s: %s", key, val)
		}
	case "tmpfs-mode":
		mode, bad := strconv.ParseUint(val, 8, 12)
		if p.m.TmpfsMode = uint32(mode); bad != nil {
			err = fmt.Errorf("invalid value for %s: %s", key, val)
		}
	case "volume-nocopy":
		_, err = mountBool(key, val, has)
	case "volume-subpath", "volume-label", "volume-driver", "volume-opt", "image-subpath":
	default:
		err = fmt.Errorf("unknown option '%s' in '%s'", key, field)
	}
	return err
}

func (p *mountSpec) setRecursive(key, val string) error {
	switch val {
	case "enabled":
	case "disabled":
		p.m.NonRecursive = true
	case "writable":
		p.m.ReadOnlyNonRecursive = true
	case "readonly":
		p.forceRecursive = true
	default:
		return fmt.Errorf(`invalid value for %s: %s (must be "enabled", "disabled", "writable", or "readonly")`, key, val)
	}
	return nil
}

// mountBool reads an option that is true when it has no value.
func mountBool(key, val string, has bool) (bool, error) {
	switch {
	case !has, val == "1", val == "true":
		return true, nil
	case val == "0", val == "false":
		return false, nil
	}
	return false, fmt.Errorf(`invalid value for '%s': invalid boolean value (%q): must be one of "true", "1", "false", or "0" (default "true")`, key, val)
}

// check refuses options that do not go together.
func (p *mountSpec) check() error {
	if p.m.Target == "" {
		return errors.New("target is required")
	}
	for _, family := range p.families {
		if family != p.kind {
			return fmt.Errorf("cannot mix '%s-*' options with mount type '%s'", family, p.kind)
		}
	}
	switch {
	case p.m.ReadOnlyNonRecursive && !p.m.ReadOnly:
		return errors.New("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction")
	case p.forceRecursive && !p.m.ReadOnly:
		return errors.New("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction")
	case p.forceRecursive && p.m.Propagation != "rprivate":
		return errors.New("option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction")
	}
	return nil
}

// complete returns the mount, its paths absolute and clean.
func (p *mountSpec) complete(env Environment) (oci.Mount, error) {
	m := p.m
	m.Type = p.kind
	switch p.kind {
	case "bind":
		return completeBind(env, m)
	case "tmpfs":
		if m.Source != "" {
			return m, mountError(m, errors.New("field Source must not be specified"))
		}
		return m, cleanTarget(&m)
	case "volume", "image", "cluster":
		return m, &UnsupportedError{"mount", fmt.Sprintf("mounts of type %s are not supported yet: use type=bind with a path of the host, or type=tmpfs", p.kind)}
	}
	return m, mountError(m, errors.New("mount type unknown"))
}

// mountError is in the words of Docker's daemon.
func mountError(m oci.Mount, err error) error {
	return fmt.Errorf("invalid mount config for type %q: %w", m.Type, err)
}
