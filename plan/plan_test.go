package plan_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mydocker/initprog"
	"mydocker/plan"
)

// put writes its name to a log, and its undo takes it away.
type put struct{ Log, Name string }

func (p put) Do(*plan.Env) error {
	if p.Name == "bad" {
		return errors.New("refused")
	}
	return add(p.Log, p.Name)
}
func (p put) Shell() string       { return "put " + p.Name }
func (p put) Undo() plan.HostStep { return take(p) }

type take struct{ Log, Name string }

func (t take) Do(*plan.Env) error  { return add(t.Log, "-"+t.Name) }
func (t take) Shell() string       { return "take " + t.Name }
func (t take) Undo() plan.HostStep { return nil }

func add(log, word string) error {
	f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(word + " ")
	return err
}

func read(t *testing.T, log string) string {
	t.Helper()
	b, err := os.ReadFile(log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func open(t *testing.T, path string) *plan.Journal {
	t.Helper()
	j, err := plan.OpenJournal(path, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

var codec = plan.NewCodec(put{}, take{})

func entries(t *testing.T, path string) []plan.Entry {
	t.Helper()
	e, err := plan.ReadJournal(path, codec)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestFailedStepIsUndoneWithTheOthersLastFirst(t *testing.T) {
	dir := t.TempDir()
	log, journal := filepath.Join(dir, "log"), filepath.Join(dir, "journal")
	r := &plan.Runner{Journal: open(t, journal)}
	err := r.Do(&plan.Env{}, plan.PartHost, []plan.HostStep{put{log, "a"}, put{log, "bad"}, put{log, "c"}})
	var e *plan.Error
	if !errors.As(err, &e) || e.Step != (put{log, "bad"}) || e.Part != plan.PartHost {
		t.Fatalf("got %v", err)
	}
	if err := r.Undo(&plan.Env{}, entries(t, journal)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, log); got != "a -c -bad -a" {
		t.Errorf("made and undone: %q", got)
	}
	for _, e := range entries(t, journal) {
		if !e.Undone {
			t.Errorf("step %d is not marked as undone", e.N)
		}
	}
	if err := r.Undo(&plan.Env{}, entries(t, journal)); err != nil || read(t, log) != "a -c -bad -a" {
		t.Errorf("a second undo did something: %v, %q", err, read(t, log))
	}
}

func TestStepsStandInTheJournalBeforeTheyAreMade(t *testing.T) {
	dir := t.TempDir()
	journal := filepath.Join(dir, "journal")
	steps := []plan.HostStep{put{filepath.Join(dir, "log"), "a"}, put{filepath.Join(dir, "log"), "b"}}
	r := &plan.Runner{Journal: open(t, journal)}
	r.Around = func(part string, n int, after bool) error {
		got := entries(t, journal)
		if len(got) != 2 || got[n].Step != steps[n] || got[n].Done != after {
			t.Errorf("step %d, after %v: %+v", n, after, got)
		}
		return nil
	}
	if err := r.Do(&plan.Env{}, plan.PartHost, steps); err != nil {
		t.Fatal(err)
	}
}

func TestJournalSurvivesALineThatWasCutOff(t *testing.T) {
	dir := t.TempDir()
	journal, log := filepath.Join(dir, "journal"), filepath.Join(dir, "log")
	r := &plan.Runner{Journal: open(t, journal)}
	if err := r.Do(&plan.Env{}, plan.PartHost, []plan.HostStep{put{log, "a"}}); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(journal, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"n":1,"part":"host","st`)
	f.Close()
	r = &plan.Runner{Journal: open(t, journal)}
	if err := r.Do(&plan.Env{}, plan.PartAttach, []plan.HostStep{put{log, "b"}}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries(t, journal) {
		names = append(names, e.Step.(put).Name)
	}
	if !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("journal holds %v", names)
	}
}

func TestUnknownStepIsAnError(t *testing.T) {
	journal := filepath.Join(t.TempDir(), "journal")
	os.WriteFile(journal, []byte(`{"n":0,"part":"host","step":"later.Thing","args":{}}`+"\n"), 0o600)
	if _, err := plan.ReadJournal(journal, codec); err == nil || !strings.Contains(err.Error(), "later.Thing") {
		t.Errorf("got %v", err)
	}
}

type say struct{ Text string }

func (s say) Shell() string            { return s.Text }
func (s say) Emit(*initprog.Builder)   {}
func (s say) Last() ([]string, string) { return []string{"/usr/bin/env", "-i"}, "/" }

func TestScript(t *testing.T) {
	p := &plan.Plan{
		Host:   []plan.HostStep{put{"", "x"}, put{"", "y"}},
		Spawn:  plan.Spawn{New: []string{"mnt", "pid"}},
		Attach: []plan.HostStep{put{"", "z"}},
		Init:   []plan.InitStep{say{"exec-me"}},
	}
	var b strings.Builder
	if err := (plan.Script{Title: "t\nnot a command", Root: "/r"}).Write(&b, p); err != nil {
		t.Fatal(err)
	}
	want := []string{"# t\n# not a command\n", "root=/r", "\ttake z\n\ttake y\n\ttake x\n", "put x\nput y\n", "exec exec-me\n",
		"unshare --mount --propagation unchanged --pid --fork", "await\nput z\n"}
	at := 0
	for _, w := range want {
		i := strings.Index(b.String()[at:], w)
		if i < 0 {
			t.Fatalf("no %q after byte %d of\n%s", w, at, b.String())
		}
		at += i
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"": "''", "a/b-c.d": "a/b-c.d", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'", "a\nb": "'a\nb'"} {
		if got := plan.Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}
