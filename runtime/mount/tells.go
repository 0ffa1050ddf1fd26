package mount

import (
	"fmt"
	"slices"
	"strings"
)

// What the steps tell of themselves in errors: see plan.Telling. The first words
// are those of other runtimes, for which people search.

// Tells names the mount.
func (f Filesystem) Tells() string {
	return mounting(f.source(), f.Target, f.Type, slices.Concat(f.Options.superWords(), words(f.Options.whole().Set), f.Options.Data))
}

// Tells names the mount.
func (m Bind) Tells() string {
	kind := "bind"
	if m.Options.Rbind {
		kind = "rbind"
	}
	all, top := m.parts()
	var options []string
	for _, w := range slices.Concat(words(all.Set), cleared(all.Set, all.Clear)) {
		options = append(options, "r"+w)
	}
	return mounting(m.Source, m.Target, kind, slices.Concat(options, words(top.Set), cleared(top.Set, top.Clear), m.Options.Propagation))
}

// Tells names the mount.
func (f Fetch) Tells() string { return f.Bind.Tells() }

// Tells names the mount.
func (c CgroupV1) Tells() string {
	return mounting("cgroup", c.Target, "cgroup", words(c.Options.whole().Set))
}

// Tells names the mount's source.
func (h Handed) Tells() string { return fmt.Sprintf("error mounting %q", h.Source) }

// Tells names the mount.
func (c CopyUp) Tells() string {
	return fmt.Sprintf("error filling the tmpfs at %q with what it covers (tmpcopyup)", c.Target)
}

// Tells names the mount.
func (r Remount) Tells() string {
	o := r.Options.whole()
	list := slices.Concat(o.superWords(), words(o.Set), cleared(o.Set, o.Clear), o.Data, o.Propagation)
	return fmt.Sprintf("error remounting %q%s", r.Target, withOptions("", list))
}

// Tells names the mount.
func (s Seal) Tells() string { return fmt.Sprintf("error remounting %q read-only", s.Target) }

// Tells names the path.
func (m Mask) Tells() string { return fmt.Sprintf("can't mask path %q (maskedPaths)", m.Path) }

// Tells names the path.
func (r ReadOnly) Tells() string {
	return fmt.Sprintf("can't make %q read-only (readonlyPaths)", r.Path)
}

func mounting(source, target, kind string, options []string) string {
	return fmt.Sprintf("error mounting %q to rootfs at %q%s", source, target, withOptions(kind, options))
}

// withOptions is "(KIND, options A,B)", or less where there is less.
func withOptions(kind string, options []string) string {
	var parts []string
	if kind != "" {
		parts = append(parts, kind)
	}
	if len(options) > 0 {
		parts = append(parts, "options "+strings.Join(options, ","))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
