package format

import (
	"fmt"
	"slices"
	"strings"
)

// Filters are the values of --filter, by key.
type Filters map[string][]string

// ParseFilters reads KEY=VALUE words; only the keys in allowed are known.
func ParseFilters(words, allowed []string) (Filters, error) {
	f := Filters{}
	for _, w := range words {
		k, v, ok := strings.Cut(w, "=")
		k, v = strings.ToLower(strings.TrimSpace(k)), strings.TrimSpace(v)
		if !ok {
			return nil, fmt.Errorf("invalid filter '%s': it must be given as NAME=VALUE", w)
		}
		if !slices.Contains(allowed, k) {
			return nil, fmt.Errorf("invalid filter '%s'", k)
		}
		f[k] = append(f[k], v)
	}
	return f, nil
}

// Any tells whether the key was not given, or one of its values satisfies match.
func (f Filters) Any(key string, match func(string) bool) bool {
	values, given := f[key]
	return !given || slices.ContainsFunc(values, match)
}

// Labels tells whether labels have all that "label" names: KEY, or KEY=VALUE.
func (f Filters) Labels(labels map[string]string) bool {
	for _, want := range f["label"] {
		k, v, valued := strings.Cut(want, "=")
		have, ok := labels[k]
		if !ok || valued && have != v {
			return false
		}
	}
	return true
}
