package reader

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// A Record is a piece of a container's output: a line or, where Partial is set,
// the part of one that the next record of its stream goes on with.
type Record struct {
	Stream  string // stdout or stderr
	Time    time.Time
	Text    []byte // exactly as written, with its newline
	Partial bool
	Attrs   map[string]string // of Docker's logs
}

// decode returns the record of a line; false where it is none.
func decode(line []byte) (Record, bool) {
	if r, ok := decodePlain(line); ok {
		return r, true
	}
	return decodeAny(line)
}

// decodePlain is decodeAny for most lines: those as package jsonlog writes
// them, where only a newline at the end is escaped. It is several times faster.
func decodePlain(line []byte) (r Record, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"log":"`))
	end := bytes.IndexByte(rest, '"')
	if !ok || end < 0 {
		return r, false
	}
	text, newline := bytes.CutSuffix(rest[:end], []byte(`\n`))
	if !utf8.Valid(text) || bytes.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == '\\' }) {
		return r, false
	}
	r = Record{Stream: "stdout", Text: append(make([]byte, 0, len(text)+1), text...), Partial: !newline}
	if newline {
		r.Text = append(r.Text, '\n')
	}
	stamp, ok := bytes.CutPrefix(rest[end:], []byte(`","stream":"stdout","time":"`))
	if !ok {
		r.Stream = "stderr"
		stamp, ok = bytes.CutPrefix(rest[end:], []byte(`","stream":"stderr","time":"`))
	}
	stamp, closed := bytes.CutSuffix(stamp, []byte(`"}`))
	return r, ok && closed && r.Time.UnmarshalText(stamp) == nil
}

// decodeAny decodes whatever is JSON.
func decodeAny(line []byte) (Record, bool) {
	var e struct {
		Log    string            `json:"log"`
		Stream string            `json:"stream"`
		Time   time.Time         `json:"time"`
		Attrs  map[string]string `json:"attrs"`
		Base64 string            `json:"base64"`
	}
	if len(line) == 0 || json.Unmarshal(line, &e) != nil || e.Stream == "" {
		return Record{}, false
	}
	r := Record{Stream: e.Stream, Time: e.Time, Text: []byte(e.Log), Attrs: e.Attrs}
	if exact, err := base64.StdEncoding.DecodeString(e.Base64); err == nil && e.Base64 != "" {
		r.Text = exact
	}
	r.Partial = !strings.HasSuffix(string(r.Text), "\n")
	return r, true
}
