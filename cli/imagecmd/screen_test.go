package imagecmd

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mydocker/image/pull"
	"mydocker/internal/ocispec"
)

func layer(n int) ocispec.Digest { return ocispec.Digest(fmt.Sprintf("sha256:%064d", n)) }

// picture plays what was written on a terminal of so many columns, and returns
// its lines without those that are empty.
func picture(t *testing.T, text string, width int) string {
	t.Helper()
	lines, y := []string{""}, 0
	for text != "" {
		var up int
		switch {
		case strings.HasPrefix(text, "\x1b[J"):
			lines = append(lines[:y], "")
			text = text[3:]
		case strings.HasPrefix(text, "\x1b["):
			if _, err := fmt.Sscanf(text, "\x1b[%dA", &up); err != nil {
				t.Fatalf("%q", text)
			}
			text = text[strings.IndexByte(text, 'A')+1:]
			if y -= up; y < 0 {
				t.Fatalf("%d lines above the top", -y)
			}
		case text[0] == '\r':
			text = text[1:]
		case text[0] == '\n':
			y, text = y+1, text[1:]
			if y == len(lines) {
				lines = append(lines, "")
			}
		default:
			lines[y] += text[:1]
			text = text[1:]
			if len(lines[y]) >= width {
				t.Fatalf("a line of %d columns on %d", len(lines[y]), width)
			}
		}
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

func newTestScreen(out *strings.Builder, width, height *int) *screen {
	s := newScreen(out, func(string) (string, bool) { return "", false })
	now := time.Time{}
	s.now = func() time.Time { now = now.Add(time.Second); return now }
	if width != nil {
		s.size = func() (int, int) { return *width, *height }
	}
	return s
}

func TestScreen(t *testing.T) {
	var out strings.Builder
	width, height := 70, 10
	s := newTestScreen(&out, &width, &height)
	for n := range 3 {
		s.show(pull.Event{Layer: layer(n), State: pull.Waiting})
	}
	s.show(pull.Event{Layer: layer(1), State: pull.Downloading, Done: 1000, Total: 2000})
	s.show(pull.Event{Layer: layer(2), State: pull.Complete})
	s.show(pull.Event{Layer: layer(2), State: pull.Extracting, Done: 1, Total: 2}) // a second time
	want := `000000000000: Pulling fs layer
000000000000: Downloading [==============>             ]      1kB/2kB
000000000000: Pull complete`
	if got := picture(t, out.String(), width); got != want {
		t.Errorf("got\n%s", got)
	}
	s.end(false)
	if got := picture(t, out.String(), width); got != "000000000000: Pull complete" {
		t.Errorf("after a failure\n%s", got)
	}
}

// A terminal that has fewer lines than there are layers, and becomes narrower.
func TestScreenSmall(t *testing.T) {
	var out strings.Builder
	width, height := 60, 4
	s := newTestScreen(&out, &width, &height)
	for n := range 9 {
		s.show(pull.Event{Layer: layer(n), State: pull.Downloading, Done: 5, Total: 10})
	}
	if n := strings.Count(picture(t, out.String(), width), "\n") + 1; n != height-1 {
		t.Errorf("%d lines of %d", n, height)
	}
	narrower := screen{was: []int{50, 0}}
	if n := narrower.drawn(20); n != 4 {
		t.Errorf("50 columns and none take %d lines of 20", n)
	}
	for n := range 9 {
		s.show(pull.Event{Layer: layer(n), State: pull.Complete})
	}
	s.end(true)
	got := picture(t, out.String(), width)
	if n := strings.Count(got, "Pull complete"); n != 9 || strings.Contains(got, "Downloading") {
		t.Errorf("got\n%s", got)
	}
}

func TestLines(t *testing.T) {
	var out strings.Builder
	s := newTestScreen(&out, nil, nil)
	for _, e := range []pull.State{pull.Waiting, pull.Downloading, pull.Downloading, pull.Downloaded, pull.Extracting, pull.Complete, pull.Complete} {
		s.show(pull.Event{Layer: layer(0), State: e, Total: 1})
	}
	s.end(true)
	want := "000000000000: Pulling fs layer\n000000000000: Download complete\n000000000000: Pull complete\n"
	if out.String() != want {
		t.Errorf("got\n%s", &out)
	}
}
