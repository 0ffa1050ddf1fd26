package oci

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// bind returns the mount of a -v or --mount type=bind.
func (m *maker) bind(u Mount) (s specs.Mount, err error) {
	if !path.IsAbs(u.Source) {
		return s, fmt.Errorf("invalid mount config for type \"bind\": invalid mount path: '%s' mount path must be absolute", u.Source)
	}
	propagation := u.Propagation
	if propagation == "" {
		propagation = "rprivate"
	}
	if err := m.propagation(u.Source, propagation); err != nil {
		return s, err
	}
	kind, ro := "rbind", "rro"
	if u.NonRecursive {
		kind = "bind"
	}
	if u.NonRecursive || u.ReadOnlyNonRecursive {
		ro = "ro"
	}
	options := []string{kind}
	if u.ReadOnly {
		options = append(options, ro)
	}
	return specs.Mount{Type: "bind", Source: path.Clean(u.Source), Options: append(options, propagation)}, nil
}

// propagation adapts that of the root: a mount that is to travel, or to be
// received, has to be shared on the host, and must not lie in a private root.
func (m *maker) propagation(source, name string) error {
	root := &m.s.Linux.RootfsPropagation
	want := strings.TrimPrefix(name, "r")
	switch want {
	case "private":
		return nil
	case "shared":
		*root = "shared"
	case "slave":
		if *root != "shared" {
			*root = "rslave"
		}
	default:
		return fmt.Errorf("invalid mount config for type \"bind\": invalid propagation mode: %s", name)
	}
	if m.f.Propagation == nil {
		return nil
	}
	at, shared, slave, err := m.f.Propagation(source)
	switch {
	case err != nil:
		return fmt.Errorf("find the mount of %s: %w", source, err)
	case want == "shared" && !shared:
		return fmt.Errorf("path %s is mounted on %s but it is not a shared mount", source, at)
	case !shared && !slave:
		return fmt.Errorf("path %s is mounted on %s but it is not a shared or slave mount", source, at)
	}
	return nil
}

// tmpfs returns the mount of a --tmpfs or --mount type=tmpfs. Its options
// override the careful defaults.
func tmpfs(u Mount) (s specs.Mount, err error) {
	options := []string{"noexec", "nosuid", "nodev", "rprivate"}
	if u.ReadOnly {
		options = append(options, "ro")
	}
	if u.TmpfsMode != 0 {
		options = append(options, fmt.Sprintf("mode=%o", u.TmpfsMode))
	}
	if u.TmpfsSize != 0 {
		options = append(options, fmt.Sprintf("size=%d", u.TmpfsSize))
	}
	options, err = mergeTmpfs(append(options, u.TmpfsOptions...))
	return specs.Mount{Type: "tmpfs", Source: "tmpfs", Options: options}, err
}

// tmpfsFlags are the words that exclude each other, one group a line.
var tmpfsFlags = [][]string{
	{"ro", "rw"}, {"suid", "nosuid"}, {"dev", "nodev"}, {"exec", "noexec"},
	{"sync", "async"}, {"dirsync"}, {"mand", "nomand"}, {"diratime", "nodiratime"},
	{"atime", "noatime"}, {"relatime", "norelatime"}, {"strictatime", "nostrictatime"},
	{"private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"},
}

// tmpfsKeys are those of tmpfs(5) that Docker lets through.
var tmpfsKeys = []string{"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"}

// mergeTmpfs keeps the last of the words that exclude each other, in order.
func mergeTmpfs(words []string) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	for _, w := range slices.Backward(words) {
		if w == "defaults" || w == "" {
			continue
		}
		group, ok := tmpfsGroup(w)
		if !ok {
			return nil, fmt.Errorf("invalid tmpfs option %q", w)
		}
		if !seen[group] {
			out = append(out, w)
		}
		seen[group] = true
	}
	slices.Reverse(out)
	return out, nil
}

// tmpfsGroup names what an option is about: its key, or the first of its group.
func tmpfsGroup(w string) (string, bool) {
	if key, _, ok := strings.Cut(w, "="); ok {
		return key, slices.Contains(tmpfsKeys, key)
	}
	for _, g := range tmpfsFlags {
		if slices.Contains(g, w) {
			return g[0], true
		}
	}
	return "", false
}
