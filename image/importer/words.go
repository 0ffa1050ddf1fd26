package importer

import (
	"fmt"
	"os"
	"strings"

	"mydocker/internal/ocispec"
)

// lookup returns the value of a variable in a configuration, or "".
func lookup(c *ocispec.ImageConfig) func(name string) string {
	return func(name string) string {
		for _, kv := range c.Env {
			if value, ok := strings.CutPrefix(kv, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// words splits a line at blanks outside of quotes, takes quotes and backslashes
// away and replaces variables except in single quotes. There is at least one.
func words(line string, value func(string) string) ([]string, error) {
	var all []string
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		word, rest, err := cutWord(line, value)
		if err != nil {
			return nil, err
		}
		all = append(all, word)
		line = rest
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there is nothing in %q", line)
	}
	return all, nil
}

func cutWord(line string, value func(string) string) (word, rest string, err error) {
	var done, open strings.Builder // open holds what may have variables
	flush := func() {
		done.WriteString(expand(open.String(), value))
		open.Reset()
	}
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && (c == ' ' || c == '\t'):
			flush()
			return done.String(), line[i:], nil
		case quote == 0 && (c == '"' || c == '\''), c == quote:
			flush()
			quote ^= c // opens, or closes the same
		case quote == '\'':
			done.WriteByte(c)
		case c == '\\' && i+1 < len(line) && (quote == 0 || strings.IndexByte(`"\$`, line[i+1]) >= 0):
			flush()
			i++
			done.WriteByte(line[i])
		default:
			open.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", "", fmt.Errorf("a quote %c is not closed", quote)
	}
	flush()
	return done.String(), "", nil
}

// expand replaces $NAME and ${NAME}.
func expand(s string, value func(string) string) string { return os.Expand(s, value) }
