package runflags

import (
	"slices"
	"strconv"

	"github.com/spf13/pflag"
)

// An UnsupportedError says that a flag of Docker's, or one of its values,
// means something that is not there yet.
type UnsupportedError struct {
	Flag string // its long name, without dashes
	What string // what about it; empty: the flag as such
}

func (e *UnsupportedError) Error() string {
	if e.What == "" {
		return "--" + e.Flag + " is not supported yet"
	}
	return "--" + e.Flag + ": " + e.What
}

// A refusal is a flag that is known in order to be refused by name: an unknown
// flag would read as a typing error.
type refusal struct {
	name, short string
	kind        string   // as in Docker's help; "bool" takes no value
	harmless    []string // values that ask for nothing
	what        string   // see UnsupportedError
}

func refusals() []refusal {
	unset, zero, off := []string{""}, []string{"0", "0s"}, []string{"false"}
	return []refusal{
		{name: "disable-content-trust", kind: "bool", harmless: []string{"true"}},
		{name: "expose", kind: "list"},
		{name: "gpus", kind: "gpu-request"},
		{name: "health-cmd", kind: "string", harmless: unset},
		{name: "health-interval", kind: "duration", harmless: zero},
		{name: "health-retries", kind: "int", harmless: zero},
		{name: "health-start-interval", kind: "duration", harmless: zero},
		{name: "health-start-period", kind: "duration", harmless: zero},
		{name: "health-timeout", kind: "duration", harmless: zero},
		{name: "ip", kind: "ip"},
		{name: "ip6", kind: "ip"},
		{name: "isolation", kind: "string", harmless: []string{"", "default"}},
		{name: "kernel-memory", kind: "bytes"},
		{name: "link", kind: "list"},
		{name: "link-local-ip", kind: "list"},
		{name: "log-driver", kind: "string", harmless: unset},
		{name: "log-opt", kind: "list"},
		{name: "mac-address", kind: "string", harmless: unset},
		{name: "net-alias", kind: "list"},
		{name: "network-alias", kind: "list"},
		{name: "publish", short: "p", kind: "list"},
		{name: "publish-all", short: "P", kind: "bool", harmless: off},
		{name: "restart", kind: "string", harmless: []string{"", "no"}},
		{name: "storage-opt", kind: "list"},
		{name: "use-api-socket", kind: "bool", harmless: off},
		{name: "volume-driver", kind: "string", harmless: unset},
		{name: "volumes-from", kind: "list"},
	}
}

// addRefused declares the flags of refusals, hidden. What is asked of them is
// kept for Request to return: from within parsing it would read as a wrong
// value.
func (f *Flags) addRefused(fs *pflag.FlagSet) {
	for _, r := range refusals() {
		fs.VarP(&value{kind: r.kind, set: func(s string) error { return f.refuse(r, s) }}, r.name, r.short, "Not supported yet")
		if r.kind == "bool" {
			fs.Lookup(r.name).NoOptDefVal = "true"
		}
		hide(fs, r.name)
	}
}

// refuse notes that r was given s. A later harmless value takes it back, as
// the last value of a flag is the one that counts.
func (f *Flags) refuse(r refusal, s string) error {
	if r.kind == "bool" {
		on, err := strconv.ParseBool(s)
		if err != nil {
			return err
		}
		s = strconv.FormatBool(on)
	}
	f.refused = slices.DeleteFunc(f.refused, func(e *UnsupportedError) bool { return e.Flag == r.name })
	if !slices.Contains(r.harmless, s) {
		f.refused = append(f.refused, &UnsupportedError{Flag: r.name, What: r.what})
	}
	return nil
}
