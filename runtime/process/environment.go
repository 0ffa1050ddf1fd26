package process

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Environment completes the environment of a specification as runc does: of a
// variable that is there twice the last counts, and HOME is set where it is
// missing or empty, to what home returns.
func Environment(env []string, home func() string) ([]string, error) {
	if err := CheckEnvironment(env); err != nil {
		return nil, err
	}
	var out []string
	seen := map[string]bool{}
	for _, kv := range slices.Backward(env) {
		name, value, _ := strings.Cut(kv, "=")
		if seen[name] || name == "HOME" && value == "" {
			continue
		}
		seen[name] = true
		out = append(out, kv)
	}
	slices.Reverse(out)
	if !seen["HOME"] {
		out = append(out, "HOME="+home())
	}
	return out, nil
}

// CheckEnvironment refuses what is no variable. Values are not shown: they may
// be secrets.
func CheckEnvironment(env []string) error {
	for _, kv := range env {
		name, _, ok := strings.Cut(kv, "=")
		switch {
		case !ok:
			return errors.New("invalid environment variable: missing '='")
		case name == "":
			return errors.New("invalid environment variable: name cannot be empty")
		case strings.Contains(kv, "\x00"):
			return fmt.Errorf("invalid environment variable %q: contains nul byte", name)
		}
	}
	return nil
}

// HomeOf returns the home directory of a user in the text of a passwd(5) file,
// or "/" where the user has none.
func HomeOf(passwd string, uid uint32) string {
	for line := range strings.Lines(passwd) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 6 || fields[5] == "" {
			continue
		}
		if n, err := strconv.ParseUint(fields[2], 10, 32); err == nil && uint32(n) == uid {
			return fields[5]
		}
	}
	return "/"
}
