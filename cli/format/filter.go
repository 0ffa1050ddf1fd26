package format

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mydocker/container"
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
		if !sensible(k, v) {
			return nil, fmt.Errorf("invalid filter '%s=%s'", k, v)
		}
		f[k] = append(f[k], v)
	}
	return f, nil
}

// sensible tells whether anything could ever match: an error is of more use
// than an empty list.
func sensible(key, value string) bool {
	var err error
	switch key {
	case "status":
		return slices.Contains([]container.Status{container.Created, container.Running, container.Paused, container.Restarting,
			container.Removing, container.Exited, container.Dead}, container.Status(value))
	case "exited":
		_, err = strconv.Atoi(value)
	case "dangling":
		_, err = strconv.ParseBool(value)
	}
	return err == nil
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
