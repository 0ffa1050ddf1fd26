package event

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// lines reads a journal back; a line that is no JSON is a failure.
func lines(t *testing.T, path string) (all []map[string]any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var m map[string]any
		if err := json.Unmarshal(s.Bytes(), &m); err != nil {
			t.Fatalf("%v: %q", err, s.Bytes())
		}
		all = append(all, m)
	}
	return all
}

func TestLine(t *testing.T) {
	dir := t.TempDir()
	e := Event{Action: "die", ID: "4f", Attributes: []string{"exitCode", "0", "name", "a\"b\n\xff"}, Command: "mydocker stop"}
	if err := Append(dir, e); err != nil {
		t.Fatal(err)
	}
	m := lines(t, filepath.Join(dir, File))[0]
	at := m["attributes"].(map[string]any)
	if m["action"] != "die" || m["id"] != "4f" || m["type"] != "container" || at["exitCode"] != "0" || at["name"] != "a\"b\n\ufffd" ||
		m["uid"] != float64(os.Getuid()) || m["pid"] != float64(os.Getpid()) || m["command"] != "mydocker stop" {
		t.Errorf("%v", m)
	}
	if _, err := time.Parse(time.RFC3339Nano, m["time"].(string)); err != nil {
		t.Error(err)
	}
}

// Many write at once, while the file is replaced: no line is lost or torn.
func TestManyAndBounded(t *testing.T) {
	dir := t.TempDir()
	big := strings.Repeat("x", 64<<10)
	const writers, each = 8, 30 // 15 MB: one replacement
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				if err := Append(dir, Event{Action: "start", ID: big}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	got := len(lines(t, filepath.Join(dir, File))) + len(lines(t, filepath.Join(dir, File+".1")))
	if got != writers*each {
		t.Errorf("%d lines, want %d", got, writers*each)
	}
	st, err := os.Stat(filepath.Join(dir, File+".1"))
	if err != nil || st.Size() > maxSize+int64(2*len(big)) {
		t.Errorf("%v %v", st, err)
	}
}
