package plan

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
)

// A Codec knows the types of host steps that a journal may hold, by name:
// "cgroup.Make".
type Codec map[string]reflect.Type

// NewCodec returns a Codec for the types of the given steps.
func NewCodec(steps ...HostStep) Codec {
	c := Codec{}
	for _, s := range steps {
		t := reflect.TypeOf(s)
		c[t.String()] = t
	}
	return c
}

// line is one line of a journal: a step that is about to be made, or a mark
// for one that was made or undone.
type line struct {
	N    int             `json:"n"`
	Part string          `json:"part,omitempty"`
	Step string          `json:"step,omitempty"`
	Args json.RawMessage `json:"args,omitempty"`
	Mark string          `json:"mark,omitempty"` // "done" or "undone"
}

// An Entry is a step in a journal.
type Entry struct {
	N            int
	Part         string
	Step         HostStep
	Done, Undone bool
}

// A Journal is the file in which a container's host steps stand before they
// are made. It is appended to, a line of JSON at a time; a line that a crash
// cut off was not yet acted upon. A nil *Journal takes everything and keeps
// nothing.
type Journal struct {
	f    *os.File
	next int
}

// OpenJournal opens the journal for appending. It makes the file where it is
// missing; with fresh it starts anew.
func OpenJournal(path string, fresh bool) (*Journal, error) {
	flags := os.O_CREATE | os.O_RDWR | os.O_APPEND
	if fresh {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{f: f}
	if fresh {
		return j, nil
	}
	return j, j.resume()
}

// resume counts the steps that are there, and ends a line that was cut off.
func (j *Journal) resume() error {
	data, err := os.ReadFile(j.f.Name())
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	for l := range bytes.Lines(data) {
		if bytes.Contains(l, []byte(`"step"`)) {
			j.next++
		}
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		_, err = j.f.Write([]byte("\n"))
	}
	return err
}

// Begin writes steps that are about to be made; it returns the number of the first.
func (j *Journal) Begin(part string, steps []HostStep) (int, error) {
	if j == nil {
		return 0, nil
	}
	first := j.next
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	for i, s := range steps {
		args, err := json.Marshal(s)
		if err != nil {
			return 0, fmt.Errorf("journal: %T: %w", s, err)
		}
		if err := enc.Encode(line{N: first + i, Part: part, Step: reflect.TypeOf(s).String(), Args: args}); err != nil {
			return 0, fmt.Errorf("journal: %w", err)
		}
	}
	j.next += len(steps)
	if _, err := j.f.Write(buf.Bytes()); err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	return first, nil
}

// Done marks a step as made.
func (j *Journal) Done(n int) error { return j.mark("done", n) }

// Undone marks steps as taken back.
func (j *Journal) Undone(n ...int) error { return j.mark("undone", n...) }

func (j *Journal) mark(what string, steps ...int) error {
	if j == nil || len(steps) == 0 {
		return nil
	}
	var buf bytes.Buffer
	for _, n := range steps {
		fmt.Fprintf(&buf, "{\"n\":%d,\"mark\":%q}\n", n, what)
	}
	if _, err := j.f.Write(buf.Bytes()); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Close closes the file.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	return j.f.Close()
}

// ReadJournal returns the steps that a journal holds, in order. A journal that
// is not there holds none. Steps of unknown type are an error: a newer version
// wrote them, and only it can take them back.
func ReadJournal(path string, c Codec) ([]Entry, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	var entries []Entry
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var l line
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue // cut off by a crash
		}
		if entries, err = c.add(entries, l); err != nil {
			return nil, fmt.Errorf("journal %s: %w", path, err)
		}
	}
	return entries, lines.Err()
}

func (c Codec) add(entries []Entry, l line) ([]Entry, error) {
	if l.Mark != "" {
		for i := range entries {
			if entries[i].N == l.N {
				entries[i].Done = entries[i].Done || l.Mark == "done"
				entries[i].Undone = entries[i].Undone || l.Mark == "undone"
			}
		}
		return entries, nil
	}
	t := c[l.Step]
	if t == nil {
		return nil, fmt.Errorf("unknown step %q", l.Step)
	}
	v := reflect.New(t)
	if err := json.Unmarshal(l.Args, v.Interface()); err != nil {
		return nil, fmt.Errorf("step %s: %w", l.Step, err)
	}
	return append(entries, Entry{N: l.N, Part: l.Part, Step: v.Elem().Interface().(HostStep)}), nil
}
