package mount

import (
	"maps"
	"slices"
)

// Words returns the options of a mount that this package knows itself, in
// alphabetical order. Others are for the file system.
func Words() []string {
	w := []string{"acl", "bind", "defaults", "idmap", "noacl", "rbind", "remount", "ridmap", "tmpcopyup"}
	for _, a := range attributes {
		w = append(w, a.name, "r"+a.name)
	}
	for _, s := range supers {
		if w = append(w, s.on); s.off != "" {
			w = append(w, s.off)
		}
	}
	return slices.Sorted(slices.Values(append(w, slices.Collect(maps.Keys(propagations))...)))
}
