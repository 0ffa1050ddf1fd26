package reader_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mydocker/jsonlog"
	"mydocker/jsonlog/reader"
)

// docker is a log as Docker writes it, an hour a line.
const docker = `{"log":"one\n","stream":"stdout","attrs":{"a":"b"},"time":"2026-01-02T01:00:00.5Z"}
{"log":"two, ","stream":"stdout","time":"2026-01-02T02:00:00Z"}
{"log":"oops\n","stream":"stderr","time":"2026-01-02T03:00:00Z"}
{"log":"half a li
{"log":"three\n","stream":"stdout","time":"2026-01-02T04:00:00Z"}

{"log":"four","stream":"stdout","time":"2026-01-02T05:00:00Z"}
`

// put makes files, the first one the newest.
func put(t testing.TB, contents ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	for age, c := range contents {
		name := path
		if age > 0 {
			name = fmt.Sprintf("%s.%d", path, age)
		}
		if err := os.WriteFile(name, []byte(c), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// texts returns the records' texts, joined.
func texts(t testing.TB, path string, o reader.Options) string {
	t.Helper()
	var all []string
	err := reader.Read(t.Context(), path, o, func(r reader.Record) error {
		all = append(all, string(r.Text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "|")
}

func hour(h int) time.Time { return time.Date(2026, 1, 2, h, 0, 0, 0, time.UTC) }

func TestRead(t *testing.T) {
	line := func(text string) string { return `{"log":"` + text + `\n","stream":"stdout"}` + "\n" }
	long := `{"log":"` + strings.Repeat("x", 2<<20) + `\n","stream":"stdout"}` + "\n"
	for _, c := range []struct {
		name, path string
		o          reader.Options
		want       string
	}{
		{"docker", put(t, docker), reader.Options{Tail: -1}, "one\n|two, |oops\n|three\n|four"},
		{"since", put(t, docker), reader.Options{Tail: -1, Since: hour(4)}, "three\n|four"},
		{"until", put(t, docker), reader.Options{Tail: -1, Until: hour(3)}, "one\n|two, |oops\n"},
		{"both", put(t, docker), reader.Options{Tail: -1, Since: hour(2), Until: hour(2)}, "two, "},
		{"tail 0", put(t, docker), reader.Options{Tail: 0}, ""},
		{"tail 1", put(t, docker), reader.Options{Tail: 1}, "four"},
		{"tail 2", put(t, docker), reader.Options{Tail: 2}, "three\n|four"},
		{"tail 3", put(t, docker), reader.Options{Tail: 3}, "two, |oops\n|three\n|four"},
		{"tail 4", put(t, docker), reader.Options{Tail: 4}, "one\n|two, |oops\n|three\n|four"},
		{"tail 9", put(t, docker), reader.Options{Tail: 9}, "one\n|two, |oops\n|three\n|four"},
		{"tail, then since", put(t, docker), reader.Options{Tail: 2, Since: hour(5)}, "four"},
		{"files", put(t, line("3"), line("2"), line("1")), reader.Options{Tail: -1}, "1\n|2\n|3\n"},
		{"a gap", gap(t, line), reader.Options{Tail: -1}, "1\n|3\n"},
		{"tail over files", put(t, line("4")+line("5"), line("2")+line("3"), line("1")), reader.Options{Tail: 3}, "3\n|4\n|5\n"},
		{"tail of whole files", put(t, line("4"), line("2")+line("3"), line("1")), reader.Options{Tail: 3}, "2\n|3\n|4\n"},
		{"empty new file", put(t, "", line("1")), reader.Options{Tail: 1}, "1\n"},
		{"nothing", put(t), reader.Options{Tail: -1}, ""},
		{"too long", put(t, line("1")+long+line("2")), reader.Options{Tail: -1}, "1\n|2\n"},
		{"tail past too long", put(t, line("1")+long+line("2")), reader.Options{Tail: 2}, "1\n|2\n"},
		{"too long at the end", put(t, line("1")+strings.TrimSuffix(long, "\n")), reader.Options{Tail: 1}, "1\n"},
		{"no newline at the end", put(t, line("1")+strings.TrimSuffix(line("2"), "\n")), reader.Options{Tail: -1}, "1\n|2\n"},
		{"the same, tail", put(t, line("1")+strings.TrimSuffix(line("2"), "\n")), reader.Options{Tail: 1}, "2\n"},
		{"base64", put(t, `{"log":"\ufffd\n","stream":"stdout","base64":"/wo="}`), reader.Options{Tail: -1}, "\xff\n"},
		{"wrong base64", put(t, `{"log":"x\n","stream":"stdout","base64":"?"}`), reader.Options{Tail: -1}, "x\n"},
		{"no records", put(t, "{}\nnull\n[]\n\x00\n{\"log\":1}\n"), reader.Options{Tail: -1}, ""},
	} {
		if got := texts(t, c.path, c.o); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		c.o.Follow, c.o.Ended = true, func() bool { return true }
		if got := texts(t, c.path, c.o); got != c.want {
			t.Errorf("%s, followed: got %q, want %q", c.name, got, c.want)
		}
	}
}

// gap makes a log in the middle of being renamed.
func gap(t *testing.T, line func(string) string) string {
	path := put(t, line("3"), "", line("1"))
	if err := os.Remove(path + ".1"); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFields(t *testing.T) {
	var got []reader.Record
	err := reader.Read(t.Context(), put(t, docker), reader.Options{Tail: -1}, func(r reader.Record) error {
		got = append(got, r)
		return nil
	})
	if err != nil || len(got) != 5 {
		t.Fatal(got, err)
	}
	if r := got[0]; r.Partial || r.Attrs["a"] != "b" || !r.Time.Equal(hour(1).Add(time.Second/2)) || r.Stream != "stdout" {
		t.Errorf("%+v", r)
	}
	if !got[1].Partial || got[2].Stream != "stderr" {
		t.Errorf("%+v", got)
	}
}

func TestErrors(t *testing.T) {
	if err := reader.Read(t.Context(), "/no/where/log", reader.Options{}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	stop := errors.New("stop")
	for _, follow := range []bool{false, true} {
		o := reader.Options{Tail: -1, Follow: follow}
		if err := reader.Read(t.Context(), put(t, docker), o, func(reader.Record) error { return stop }); err != stop {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := reader.Read(ctx, put(t, docker), reader.Options{Tail: -1, Follow: true}, func(r reader.Record) error {
		if string(r.Text) == "four" {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestFollow has a writer at full speed, whose files are tiny: none of them
// vanishes, so everything must be read, once and in order.
func TestFollow(t *testing.T) {
	const lines = 20000
	path := filepath.Join(t.TempDir(), "log")
	w, err := jsonlog.Open(path, jsonlog.Options{MaxSize: 50_000, MaxFiles: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var ended atomic.Bool
	nudge, closed := context.WithCancel(t.Context())
	go func() {
		s := w.Stream("stdout")
		for i := range lines {
			fmt.Fprintf(s, "%d\n", i)
		}
		w.Close()
		ended.Store(true)
		closed()
	}()
	next, idle := 0, 0
	o := reader.Options{Tail: -1, Follow: true, Ended: ended.Load, Nudge: nudge, Idle: func() error { idle++; return nil }}
	err = reader.Read(t.Context(), path, o, func(r reader.Record) error {
		if want := fmt.Sprintf("%d\n", next); string(r.Text) != want {
			return fmt.Errorf("got %q, want %q", r.Text, want)
		}
		next++
		return nil
	})
	if err != nil || next != lines {
		t.Errorf("%d lines of %d, %v (idle %d times)", next, lines, err, idle)
	}
}

// TestSlowFollower has files renamed and removed many times between two looks.
func TestSlowFollower(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	w, err := jsonlog.Open(path, jsonlog.Options{MaxSize: 100, MaxFiles: 4})
	if err != nil {
		t.Fatal(err)
	}
	s := w.Stream("stdout")
	round, ended := 0, false
	var got []string
	o := reader.Options{Tail: -1, Follow: true, Ended: func() bool { return ended }, Idle: func() error {
		round++
		for i := range round { // of which the last four files are there
			fmt.Fprintf(s, "%d.%d\n", round, i)
		}
		ended = round == 8
		return nil
	}}
	if err := reader.Read(t.Context(), path, o, func(r reader.Record) error {
		got = append(got, strings.TrimSpace(string(r.Text)))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := "1.0 2.0 2.1 3.0 3.1 3.2 4.0 4.1 4.2 4.3 5.1 5.2 5.3 5.4 6.2 6.3 6.4 6.5 7.3 7.4 7.5 7.6 8.4 8.5 8.6 8.7"
	if got := strings.Join(got, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestFollowUntil ends by the clock.
func TestFollowUntil(t *testing.T) {
	o := reader.Options{Tail: -1, Follow: true, Until: time.Now().Add(time.Millisecond)}
	if got := texts(t, put(t, docker), o); got != "one\n|two, |oops\n|three\n|four" {
		t.Errorf("got %q", got)
	}
}

// TestFollowTruncatedAndRemoved has a file begun anew in place, then the whole
// directory removed.
func TestFollowTruncatedAndRemoved(t *testing.T) {
	path := put(t, docker)
	dir := filepath.Dir(path)
	round := 0
	o := reader.Options{Follow: true, Ended: func() bool { _, err := os.Stat(dir); return err != nil }}
	o.Idle = func() error {
		if round++; round == 1 {
			return os.WriteFile(path, []byte(`{"log":"new\n","stream":"stdout"}`+"\n"), 0o600)
		}
		return os.RemoveAll(dir)
	}
	if got := texts(t, path, o); got != "new\n" {
		t.Errorf("got %q", got)
	}
}

// FuzzRead gives the reader any two files: it ends, and a tail is the end of
// what there is.
func FuzzRead(f *testing.F) {
	f.Add([]byte(docker), []byte(docker), 3)
	f.Add([]byte(`{"log":"x`), []byte("\n\n{}"), 1)
	f.Fuzz(func(t *testing.T, newer, older []byte, tail int) {
		path := put(t, string(newer), string(older))
		all := texts(t, path, reader.Options{Tail: -1})
		if last := texts(t, path, reader.Options{Tail: tail}); !strings.HasSuffix(all, last) || tail < 0 && last != all {
			t.Errorf("the last %d lines are %q, of %q", tail, last, all)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "log")
	w, err := jsonlog.Open(path, jsonlog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	w.Stream("stdout").Write([]byte(strings.Repeat(strings.Repeat("y", 79)+"\n", 50_000)))
	w.Close()
	for _, tail := range []int{-1, 10} {
		b.Run(fmt.Sprint("tail", tail), func(b *testing.B) {
			b.SetBytes(50_000 * 80)
			for b.Loop() {
				reader.Read(b.Context(), path, reader.Options{Tail: tail}, func(reader.Record) error { return nil })
			}
		})
	}
}
