package runtimecmd

import (
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// flags are those of a command. They may be written with one dash or two, as
// engines do, and each may have several names.
type flags struct {
	set  *flag.FlagSet
	list []listed
}

type listed struct {
	names        []string
	value, about string
}

func newFlags() *flags {
	f := &flags{set: flag.NewFlagSet("", flag.ContinueOnError)}
	f.set.SetOutput(io.Discard)
	f.set.Usage = func() {}
	return f
}

func (f *flags) add(value, about string, names []string, bind func(name string)) {
	for _, n := range names {
		bind(n)
	}
	f.list = append(f.list, listed{names, value, about})
}

func (f *flags) bool(to *bool, about string, names ...string) {
	f.add("", about, names, func(n string) { f.set.BoolVar(to, n, *to, "") })
}

func (f *flags) string(to *string, about string, names ...string) {
	f.add("value", about, names, func(n string) { f.set.StringVar(to, n, *to, "") })
}

func (f *flags) int(to *int, about string, names ...string) {
	f.add("number", about, names, func(n string) { f.set.IntVar(to, n, *to, "") })
}

func (f *flags) duration(to *time.Duration, about string, names ...string) {
	f.add("duration", about, names, func(n string) { f.set.DurationVar(to, n, *to, "") })
}

// words collects the values of a flag that is given several times.
func (f *flags) words(to *[]string, about string, names ...string) {
	f.add("value", about, names, func(n string) {
		f.set.Func(n, "", func(s string) error { *to = append(*to, s); return nil })
	})
}

// optional is a number that is there or not.
func optional[T int64 | uint64 | uint16](f *flags, to **T, parse func(string) (T, error), about string, names ...string) {
	f.add("number", about, names, func(n string) {
		f.set.Func(n, "", func(s string) error {
			v, err := parse(s)
			if err == nil {
				*to = &v
			}
			return err
		})
	})
}

func parseInt(s string) (int64, error)   { return strconv.ParseInt(s, 10, 64) }
func parseUint(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) }

// parse returns the arguments that are no flags. Literal ends the flags with the
// first of them.
func (f *flags) parse(args []string, literal bool) (rest []string, err error) {
	for {
		if err := f.set.Parse(args); err != nil {
			return nil, err
		}
		args = f.set.Args()
		if len(args) == 0 || literal {
			return append(rest, args...), nil
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

// usage lists the flags.
func (f *flags) usage(w io.Writer) {
	for _, l := range f.list {
		var names []string
		for _, n := range l.names {
			if len(n) == 1 {
				names = append([]string{"-" + n}, names...)
			} else {
				names = append(names, "--"+n)
			}
		}
		fmt.Fprintf(w, "  %-32s %s\n", strings.TrimSpace(strings.Join(names, ", ")+" "+l.value), l.about)
	}
}
