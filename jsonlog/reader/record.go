package reader

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
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
