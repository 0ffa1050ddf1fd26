package runflags

import (
	"strings"

	"github.com/spf13/pflag"
)

// A value is a flag whose text is read by a function. It prints as the last
// text it was given, and as nothing before that, so that help shows no default.
type value struct {
	kind string // the name of its type in help
	set  func(string) error
	text string
}

func (v *value) String() string { return v.text }
func (v *value) Type() string   { return v.kind }

func (v *value) Set(s string) error {
	if err := v.set(s); err != nil {
		return err
	}
	v.text = s
	return nil
}

// parsed keeps the last value given.
func parsed[T any](kind string, to *T, parse func(string) (T, error)) pflag.Value {
	return &value{kind: kind, set: func(s string) error {
		v, err := parse(s)
		if err == nil {
			*to = v
		}
		return err
	}}
}

// appended keeps all values given, in order.
func appended[T any](to *[]T, parse func(string) (T, error)) pflag.Value {
	return &value{kind: "list", set: func(s string) error {
		v, err := parse(s)
		if err == nil {
			*to = append(*to, v)
		}
		return err
	}}
}

// list keeps all words given; parse may be nil.
func list(to *[]string, parse func(string) (string, error)) pflag.Value {
	if parse == nil {
		parse = func(s string) (string, error) { return s, nil }
	}
	return appended(to, parse)
}

// mapped keeps KEY=VALUE by KEY, the last of each.
func mapped(to *map[string]string, check func(string) (string, error)) pflag.Value {
	return &value{kind: "map", set: func(s string) error {
		if _, err := check(s); err != nil {
			return err
		}
		if *to == nil {
			*to = map[string]string{}
		}
		k, v, _ := strings.Cut(s, "=")
		(*to)[k] = v
		return nil
	}}
}
