package registry

import "strings"

// challenge is one way to prove who we are that a registry offers (RFC 9110,
// 11.6.1). Scheme and names of parameters are lower case.
type challenge struct {
	scheme string
	params map[string]string
}

// maxChallenges bounds what is read of an answer.
const maxChallenges = 16

// parseChallenges reads the values of WWW-Authenticate, each of which may have
// several. What follows a mistake is left out.
func parseChallenges(values []string) []challenge {
	var all []challenge
	for _, v := range values {
		for v = skipCommas(v); v != "" && len(all) < maxChallenges; v = skipCommas(v) {
			var c challenge
			var ok bool
			if c, v, ok = cutChallenge(v); !ok {
				break
			}
			all = append(all, c)
		}
	}
	return all
}

// cutChallenge takes one challenge from s: a scheme, and parameters up to the
// next word that has no "=" behind it.
func cutChallenge(s string) (c challenge, rest string, ok bool) {
	scheme, rest := cutToken(s)
	if scheme == "" {
		return c, "", false
	}
	c = challenge{strings.ToLower(scheme), map[string]string{}}
	for rest = skipCommas(rest); rest != ""; rest = skipCommas(rest) {
		name, after := cutToken(rest)
		after = strings.TrimLeft(after, " \t")
		if name == "" {
			return c, "", false
		}
		if !strings.HasPrefix(after, "=") {
			return c, rest, true // the next scheme
		}
		value, after, ok := cutValue(strings.TrimLeft(after[1:], " \t"))
		if !ok {
			return c, "", false
		}
		c.params[strings.ToLower(name)] = value
		rest = after
	}
	return c, "", true
}

// cutValue takes a token, or a string in quotes.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest = cutToken(s)
		return value, rest, value != ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			i++
			if i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

func cutToken(s string) (token, rest string) {
	i := 0
	for i < len(s) && (s[i] > ' ' && s[i] < 0x7f) && !strings.ContainsRune(`()<>@,;:\"/[]?={}`, rune(s[i])) {
		i++
	}
	return s[:i], s[i:]
}

func skipCommas(s string) string { return strings.TrimLeft(s, " \t,") }
