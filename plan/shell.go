package plan

import "strings"

// Quote returns s as one word of sh(1).
func Quote(s string) string {
	if s != "" && strings.IndexFunc(s, unsafeInWord) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func unsafeInWord(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-=:,+@%", r))
}

// Cmd joins words, quoting each, into one command of sh(1).
func Cmd(words ...string) string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = Quote(w)
	}
	return strings.Join(q, " ")
}
