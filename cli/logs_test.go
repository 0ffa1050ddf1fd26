package cli

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"mydocker/jsonlog/reader"
)

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.FixedZone("CET", 3600))
	for value, want := range map[string]string{
		"10m":                                 "2026-11-26T11:50:00+01:00",
		"-1h30m":                              "2026-11-26T13:30:00+01:00",
		"0":                                   "1970-01-01T00:00:00Z",
		"1136073845":                          "2006-01-01T00:04:05Z",
		"1136073845.5":                        "2006-01-01T00:04:05.5Z",
		"1136073845.000000001":                "2006-01-01T00:04:05.000000001Z",
		"2006-01-02":                          "2006-01-02T00:00:00+01:00",
		"2006-01-02Z":                         "2006-01-02T00:00:00Z",
		"2006-01-02T15":                       "2006-01-02T15:00:00+01:00",
		"2006-01-02T15:04":                    "2006-01-02T15:04:00+01:00",
		"2006-01-02T15:04Z":                   "2006-01-02T15:04:00Z",
		"2006-01-02T15:04:05":                 "2006-01-02T15:04:05+01:00",
		"2006-01-02T15:04:05.999":             "2006-01-02T15:04:05.999+01:00",
		"2006-01-02T15:04:05Z":                "2006-01-02T15:04:05Z",
		"2006-01-02T15:04:05-07:00":           "2006-01-02T15:04:05-07:00",
		"2006-01-02T15:04-07:00":              "2006-01-02T15:04:00-07:00",
		"2006-01-02T15:04:05.123456789+02:00": "2006-01-02T15:04:05.123456789+02:00",
	} {
		wanted, err := time.Parse(time.RFC3339Nano, want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parseTime(value, now); err != nil || !got.Equal(wanted) {
			t.Errorf("%s is %v (%v), want %s", value, got, err, want)
		}
	}
}

func TestWrongTimes(t *testing.T) {
	for value, want := range map[string]string{
		"yesterday":  `invalid value for "since": failed to parse value as time or duration: "yesterday"`,
		"1.x":        `invalid value for "since": failed to parse value as time or duration: "1.x"`,
		"2006-13-01": `invalid value for "since": parsing time "2006-13-01": month out of range`,
	} {
		if _, err := (logsFlags{since: value}).options(time.Now()); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", value, err, want)
		}
	}
	if _, err := (logsFlags{until: "x"}).options(time.Now()); err == nil || !strings.HasPrefix(err.Error(), `invalid value for "until": `) {
		t.Error(err)
	}
	if o, err := (logsFlags{until: "0"}).options(time.Now()); err != nil || !o.Until.IsZero() {
		t.Error("until 0 is no limit:", o.Until, err)
	}
}

func TestTail(t *testing.T) {
	for value, want := range map[string]int{"all": -1, "": -1, "x": -1, "-7": -7, "0": 0, "10": 10} {
		if o, err := (logsFlags{tail: value}).options(time.Now()); err != nil || o.Tail != want {
			t.Errorf("--tail %q is %d, %v", value, o.Tail, err)
		}
	}
}

func TestPrint(t *testing.T) {
	var both strings.Builder // one terminal
	p := &logPrinter{out: bufio.NewWriter(&both), err: bufio.NewWriter(&both), inside: map[string]bool{}}
	p.flags = logsFlags{timestamps: true, details: true}
	at := time.Date(2026, 11, 26, 4, 33, 16, 120_000_000, time.FixedZone("CET", 3600))
	for _, r := range []reader.Record{
		{Stream: "stdout", Time: at, Text: []byte("half a "), Partial: true},
		{Stream: "stderr", Time: at, Text: []byte("oops\n"), Attrs: map[string]string{"b": "2", "a": "1 &"}},
		{Stream: "stdout", Time: at, Text: []byte("line\n")},
	} {
		if err := p.print(r); err != nil {
			t.Fatal(err)
		}
	}
	p.flush()
	const stamp = "2026-11-26T03:33:16.120000000Z "
	if want := stamp + "half a " + stamp + "a=1+%26,b=2 oops\nline\n"; both.String() != want {
		t.Errorf("got  %q\nwant %q", both.String(), want)
	}
}
