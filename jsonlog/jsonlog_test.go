package jsonlog

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// An entry is a record as anybody's JSON decoder has it.
type entry struct {
	Log, Stream string
	Time        time.Time
	Base64      []byte
}

// text returns the exact bytes.
func (e entry) text() string {
	if e.Base64 != nil {
		return string(e.Base64)
	}
	return e.Log
}

// read returns the records of a file, every line of which must be one.
func read(t testing.TB, path string) (all []entry) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil || line[len(line)-1] != '\n' {
			t.Fatalf("line %q: %v", line, err)
		}
		all = append(all, e)
	}
	return all
}

func open(t testing.TB, o Options) (*Writer, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	w, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, path
}

func TestRecord(t *testing.T) {
	for text, want := range map[string]string{
		"hello\n":             `hello\n`,
		"\"\\\b\t\r\x00\x7f":  `\"\\\u0008\t\r\u0000` + "\x7f",
		"<a href=x>&":         `\u003ca href=x\u003e\u0026`,
		"a\u2028b\u2029c":     `a\u2028b\u2029c`,
		"grün 日本 🐳\n":         `grün 日本 🐳\n`,
		"eight by":            `eight by`,
		"eight <y, and more":  `eight \u003cy, and more`,
		"\ufffd is UTF-8 too": "\ufffd is UTF-8 too",
	} {
		got := string(appendRecord(nil, []byte(text), []byte(`","stream":"stdout","time":"`), []byte("T")))
		if want := `{"log":"` + want + `","stream":"stdout","time":"T"}` + "\n"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	got := string(appendRecord(nil, []byte("\xff<\xe6\x97"), []byte(`"`), []byte("T")))
	if want := `{"log":"\ufffd\u003c\ufffd\ufffd"T","base64":"/zzmlw=="}` + "\n"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestStreams(t *testing.T) {
	before := time.Now()
	w, path := open(t, Options{})
	out, err := w.Stream("stdout"), w.Stream("stderr")
	out.Write([]byte("one\ntwo\nprompt"))
	err.Write([]byte("oops\n"))
	out.Write([]byte("> "))
	out.Flush()
	out.Flush() // nothing is left
	err.Write([]byte("last words"))
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if _, err := out.Write([]byte("late")); err != os.ErrClosed {
		t.Errorf("a write after Close: %v", err)
	}
	var got []string
	for _, e := range read(t, path) {
		got = append(got, e.Stream+" "+e.Log)
		if e.Time.Before(before) || e.Time.After(time.Now()) || e.Time.Location() != time.UTC {
			t.Errorf("time %v of %q", e.Time, e.Log)
		}
	}
	want := "stdout one\n|stdout two\n|stderr oops\n|stdout prompt> |stderr last words"
	if got := strings.Join(got, "|"); got != want {
		t.Errorf("got %q", got)
	}
	if st, err := os.Stat(path); err != nil || st.Mode() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestLongLines(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		text string
		want []int // lengths of the records' texts
	}{
		{long(MaxText-1) + "\n", []int{MaxText}},
		{long(MaxText) + "\n", []int{MaxText, 1}},
		{long(MaxText), []int{MaxText}},
		{long(2*MaxText+5) + "\nnext\n", []int{MaxText, MaxText, 6, 5}},
		{long(MaxText-2) + "日本\n", []int{MaxText - 2, 7}},
		{long(MaxText-3) + "日本\n", []int{MaxText, 4}},
		{long(MaxText-1) + "\xff\xff\n", []int{MaxText, 2}},
		{long(MaxText-1) + "🐳", []int{MaxText - 1, 4}},
	} {
		for _, piece := range []int{1, 7, MaxText - 1, MaxText, len(c.text)} {
			w, path := open(t, Options{})
			s := w.Stream("stdout")
			for p := []byte(c.text); len(p) > 0; p = p[min(piece, len(p)):] {
				s.Write(p[:min(piece, len(p))])
			}
			w.Close()
			var got []int
			all := ""
			for _, e := range read(t, path) {
				got = append(got, len(e.text()))
				all += e.text()
			}
			if all != c.text || len(got) != len(c.want) {
				t.Fatalf("%d bytes in pieces of %d: records of %v, want %v", len(c.text), piece, got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("%d bytes in pieces of %d: records of %v, want %v", len(c.text), piece, got, c.want)
				}
			}
		}
	}
}

// TestNoGarbage writes what takes every way through the encoder.
func TestNoGarbage(t *testing.T) {
	w, _ := open(t, Options{MaxSize: 1 << 30})
	s := w.Stream("stdout")
	p := []byte(strings.Repeat("plain\n", 1000) + strings.Repeat("<\x01>\xff", 10000) + "\nrest")
	if n := testing.AllocsPerRun(20, func() { s.Write(p) }); n != 0 {
		t.Errorf("%v allocations for each write", n)
	}
	if got, want := cap(w.batch), batchSize+maxRecord; got != want {
		t.Errorf("the buffer grew from %d to %d bytes", want, got)
	}
	worst := bytes.Repeat([]byte{1}, MaxText-1)
	if n := len(appendRecord(nil, append(worst, 0xff), s.after, w.stamp)); n > maxRecord {
		t.Errorf("a record of %d bytes", n)
	}
}

// TestTogether has both streams written at once: no line is torn or lost.
func TestTogether(t *testing.T) {
	w, path := open(t, Options{})
	const lines = 2000
	var wg sync.WaitGroup
	for _, name := range []string{"stdout", "stderr"} {
		s := w.Stream(name)
		wg.Go(func() {
			text := []byte(strings.Repeat(name+"\n", lines))
			for len(text) > 0 {
				n := min(1+rand.IntN(100), len(text))
				s.Write(text[:n])
				text = text[n:]
			}
		})
	}
	wg.Wait()
	w.Close()
	count := map[string]int{}
	for _, e := range read(t, path) {
		if e.Log != e.Stream+"\n" {
			t.Fatalf("%s has %q", e.Stream, e.Log)
		}
		count[e.Stream]++
	}
	if count["stdout"] != lines || count["stderr"] != lines {
		t.Errorf("lines: %v", count)
	}
}

// FuzzWrite gives the writer any bytes in pieces of any length: they come back,
// and the records do not depend on the pieces.
func FuzzWrite(f *testing.F) {
	f.Add([]byte("one\ntwo\nrest"), uint(3), false)
	f.Add([]byte("\xff\xfe\x00\u2028<日本>\n\n"), uint(1), false)
	f.Add([]byte("🐳x"), uint(5000), true)
	f.Fuzz(func(t *testing.T, text []byte, piece uint, long bool) {
		if long {
			text = bytes.Repeat(text, 2*MaxText/max(len(text), 1)+1)
		}
		whole, pieces := written(t, text, len(text)), written(t, text, int(piece%(2*MaxText)))
		all := ""
		for i, e := range whole {
			all += e.text()
			if pieces[i].text() != e.text() {
				t.Fatalf("record %d is %q in pieces of %d, else %q", i, pieces[i].text(), piece, e.text())
			}
			if (e.Base64 == nil) != utf8.ValidString(e.text()) {
				t.Errorf("%q is in base64: %v", e.Log, e.Base64 != nil)
			}
			if e.Log != strings.ToValidUTF8(e.Log, "") || len(e.text()) > MaxText {
				t.Errorf("record %q", e.Log)
			}
		}
		if all != string(text) || len(pieces) != len(whole) {
			t.Errorf("%q came back as %q, in %d or %d records", text, all, len(whole), len(pieces))
		}
	})
}

// written returns the records of text, written in pieces.
func written(t *testing.T, text []byte, piece int) []entry {
	w, path := open(t, Options{MaxSize: 1 << 30})
	s := w.Stream("stdout")
	for p := text; len(p) > 0; {
		n := min(max(piece, len(text)/50+1), len(p))
		s.Write(p[:n])
		p = p[n:]
	}
	w.Close()
	return read(t, path)
}
