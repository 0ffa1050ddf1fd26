package jsonlog

import "unicode/utf8"

// appendRecord appends the line of one record: after stands between its text
// and its time.
func appendRecord(b, text, after, stamp []byte) []byte {
	b = append(b, `{"log":"`...)
	b, exact := appendText(b, text)
	b = append(b, after...)
	b = append(b, stamp...)
	if !exact {
		b = append(b, `","base64":"`...)
		b = appendBase64(b, text)
	}
	return append(b, "\"}\n"...)
}

// plain are the bytes that stand for themselves in a JSON string. As Docker
// and encoding/json do, the characters that mean something in HTML are escaped.
var plain = func() (t [256]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return t
}()

// allPlain is plain for eight bytes at once: subtracting sets the highest bit
// of bytes that are too small. Those compared with are, in pairs that differ in
// one bit, & and ", < and >, and the backslash.
func allPlain(p []byte) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	_ = p[7]
	v := uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 | uint64(p[3])<<24 |
		uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48 | uint64(p[7])<<56
	hit := v | (v - each*' ')
	hit |= ((v | each*4) ^ each*'&') - each
	hit |= ((v | each*2) ^ each*'>') - each
	hit |= (v ^ each*'\\') - each
	return hit&high == 0
}

// appendText appends text as the inside of a JSON string. It is not exact
// where the text is not UTF-8.
func appendText(b, text []byte) (_ []byte, exact bool) {
	exact = true
	done := 0 // what is before this is in b
	for i := 0; i < len(text); {
		if i+8 <= len(text) && allPlain(text[i:i+8:i+8]) {
			i += 8
			continue
		}
		c := text[i]
		if plain[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			b = appendEscaped(append(b, text[done:i]...), c)
			i++
			done = i
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		escape := ""
		switch {
		case r == utf8.RuneError && n == 1:
			escape, exact = `\ufffd`, false
		case r == '\u2028': // JavaScript takes these two for ends of lines
			escape = `\u2028`
		case r == '\u2029':
			escape = `\u2029`
		}
		if escape != "" {
			b = append(append(b, text[done:i]...), escape...)
			done = i + n
		}
		i += n
	}
	return append(b, text[done:]...), exact
}

func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// appendBase64 appends p in the standard encoding of RFC 4648, with padding.
// Package encoding/base64 would link package reflect.
func appendBase64(b, p []byte) []byte {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for ; len(p) >= 3; p = p[3:] {
		v := uint(p[0])<<16 | uint(p[1])<<8 | uint(p[2])
		b = append(b, digits[v>>18], digits[v>>12&63], digits[v>>6&63], digits[v&63])
	}
	switch len(p) {
	case 1:
		b = append(b, digits[p[0]>>2], digits[p[0]<<4&63], '=', '=')
	case 2:
		v := uint(p[0])<<8 | uint(p[1])
		b = append(b, digits[v>>10], digits[v>>4&63], digits[v<<2&63], '=')
	}
	return b
}

// wholeRunes returns how many bytes of p there are without the beginning of a
// character at its end.
func wholeRunes(p []byte) int {
	for n := len(p) - 1; n >= max(len(p)-utf8.UTFMax+1, 0); n-- {
		if utf8.RuneStart(p[n]) {
			if !utf8.FullRune(p[n:]) {
				return n
			}
			break
		}
	}
	return len(p)
}

// AppendQuoted appends text as a JSON string; bytes that are not UTF-8 become
// U+FFFD.
func AppendQuoted(b []byte, text string) []byte {
	b, _ = appendText(append(b, '"'), []byte(text))
	return append(b, '"')
}
