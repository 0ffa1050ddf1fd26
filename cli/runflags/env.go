package runflags

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkEnv accepts NAME=VALUE or NAME; any name but the empty one.
func checkEnv(s string) (string, error) {
	if s == "" || s[0] == '=' {
		return "", errors.New("invalid environment variable: " + s)
	}
	return s, nil
}

// resolveEnv completes NAME from the environment. Where it has none, NAME
// alone stays, and unsets what the image says.
func resolveEnv(s string, lookup func(string) (string, bool)) string {
	if strings.Contains(s, "=") {
		return s
	}
	if v, ok := lookup(s); ok {
		return s + "=" + v
	}
	return s
}

// readKeyValues reads the file of --env-file or --label-file.
func readKeyValues(env Environment, name string, lookup func(string) (string, bool)) ([]string, error) {
	text, err := env.ReadFile(name)
	if err != nil {
		return nil, err
	}
	lines, err := parseKeyValues(text, lookup)
	if err != nil {
		return nil, fmt.Errorf("invalid env file (%s): %w", name, err)
	}
	return lines, nil
}

// parseKeyValues reads lines of KEY=VALUE in UTF-8: no quoting, no expansion,
// only the blanks before KEY are cut off; empty lines and those that start
// with # are skipped, as is a byte order mark. KEY alone takes its value from
// lookup, and is left out where that has none.
func parseKeyValues(text []byte, lookup func(string) (string, bool)) ([]string, error) {
	var out []string
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if !utf8.ValidString(line) {
			return nil, fmt.Errorf("invalid utf8 bytes at line %d: %v", number, []byte(line))
		}
		if number == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		line = strings.TrimLeftFunc(line, unicode.IsSpace)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := checkKeyValue(line); err != nil {
			return nil, err
		}
		if !strings.Contains(line, "=") {
			v, ok := lookup(line)
			if !ok {
				continue
			}
			line += "=" + v
		}
		out = append(out, line)
	}
	return out, nil
}

func checkKeyValue(line string) error {
	key, _, _ := strings.Cut(line, "=")
	switch {
	case key == "":
		return fmt.Errorf("no variable name on line '%s'", line)
	case strings.ContainsAny(key, blanks):
		return fmt.Errorf("variable '%s' contains whitespaces", key)
	case strings.Contains(line, "\x00"):
		// It would end the string on its way through execve(2).
		return fmt.Errorf("variable %q contains a NUL byte", key)
	}
	return nil
}
