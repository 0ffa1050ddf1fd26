package systemd

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Annotations returns the properties that a specification asks for by name:
// org.systemd.property.NAME, whose value is in GVariant's text format. A time in
// seconds, by its name, becomes one in microseconds.
func Annotations(annotations map[string]string) ([]Property, error) {
	var p properties
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		name, ok := strings.CutPrefix(k, "org.systemd.property.")
		if !ok {
			continue
		}
		if len(name) < 3 || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" {
			return nil, fmt.Errorf("annotation %s: %q is no name of a property", k, name)
		}
		v, err := parse(annotations[k])
		if short, ok := strings.CutSuffix(name, "Sec"); err == nil && ok && short != "" && short[len(short)-1] >= 'a' {
			name = short + "USec"
			v, err = microseconds(v)
		}
		if err != nil {
			return nil, fmt.Errorf("annotation %s=%s: %w", k, annotations[k], err)
		}
		p = append(p, Property{Name: name, Text: v.String(), value: v})
	}
	return p, nil
}

// parse parses GVariant's text format, of ASCII. The library's parser panics
// where a text ends too early, and in other ways, and never ends with digits of
// other scripts.
func parse(text string) (v dbus.Variant, err error) {
	if strings.TrimSpace(text) == "" {
		return v, errors.New("it is empty")
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return v, errors.New("it is not printable ASCII")
	}
	defer func() {
		if recover() != nil {
			err = errors.New("it is no value in GVariant's text format")
		}
	}()
	return dbus.ParseVariant(text, dbus.Signature{})
}

func microseconds(v dbus.Variant) (dbus.Variant, error) {
	const second = 1000000
	switch n := v.Value().(type) {
	case byte:
		return dbus.MakeVariant(uint64(n) * second), nil
	case int16:
		return dbus.MakeVariant(uint64(n) * second), nil
	case uint16:
		return dbus.MakeVariant(uint64(n) * second), nil
	case int32:
		return dbus.MakeVariant(uint64(n) * second), nil
	case uint32:
		return dbus.MakeVariant(uint64(n) * second), nil
	case int64:
		return dbus.MakeVariant(uint64(n) * second), nil
	case uint64:
		return dbus.MakeVariant(n * second), nil
	case float64:
		return dbus.MakeVariant(uint64(n * second)), nil
	}
	return v, errors.New("not a number")
}
