package imagecmd

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"mydocker/image/pull"
	"mydocker/internal/ocispec"
	"mydocker/internal/units"
)

// A screen shows how layers get on: each on a line of its own that is drawn
// anew in its place; or, where that is no terminal, what is done line by line. It
// is for one goroutine at a time.
type screen struct {
	out  io.Writer
	size func() (width, height int) // nil: no terminal
	now  func() time.Time
	rows []*row // of layers, those that scrolled away left out
	all  map[ocispec.Digest]*row
	last time.Time
	was  []int // widths of the lines that are drawn
}

// A row is what is known of a layer.
type row struct {
	pull.Event
	top pull.State // the furthest
}

// between is how long a picture stays at least.
const between = 80 * time.Millisecond

func newScreen(out io.Writer, env func(string) (string, bool)) *screen {
	s := &screen{out: out, all: map[ocispec.Digest]*row{}, now: time.Now}
	f, ok := out.(*os.File)
	if kind, _ := env("TERM"); ok && kind != "" && kind != "dumb" && term.IsTerminal(int(f.Fd())) {
		s.size = func() (int, int) {
			w, h, err := term.GetSize(int(f.Fd()))
			if err != nil || w < 1 || h < 1 {
				return 80, 24
			}
			return w, h
		}
	}
	return s
}

var stateNames = map[pull.State]string{
	pull.Waiting: "Pulling fs layer", pull.Exists: "Already exists", pull.Downloading: "Downloading", pull.Downloaded: "Download complete",
	pull.Extracting: "Extracting", pull.Complete: "Pull complete",
}

// id is a layer's name in tables.
func (r *row) id() string {
	_, digits, _ := strings.Cut(string(r.Layer), ":")
	return digits[:min(12, len(digits))]
}

func (r *row) done() bool { return r.State == pull.Exists || r.State == pull.Complete }

// show takes an event. Events of the past, as of a layer that is unpacked a second
// time, are not shown.
func (s *screen) show(e pull.Event) {
	r := s.all[e.Layer]
	fresh := r == nil
	if fresh {
		r = &row{Event: e, top: e.State}
		s.all[e.Layer] = r
		s.rows = append(s.rows, r)
	} else if e.State < r.top {
		return
	}
	fresh = fresh || e.State > r.top
	r.Event, r.top = e, e.State
	switch {
	case s.size != nil && (fresh || s.now().Sub(s.last) >= between):
		s.draw()
	case s.size == nil && fresh && e.State != pull.Downloading && e.State != pull.Extracting:
		fmt.Fprintf(s.out, "%s: %s\n", r.id(), stateNames[e.State])
	}
}

// end leaves the last picture, or where the pull failed what was done.
func (s *screen) end(well bool) {
	if s.size == nil {
		return
	}
	if !well {
		s.rows = s.finished()
	}
	s.draw()
}

func (s *screen) finished() (rows []*row) {
	for _, r := range s.rows {
		if r.done() {
			rows = append(rows, r)
		}
	}
	return rows
}

// draw writes all lines anew, over those that are there. What has no room scrolls
// away once it is done, and is not shown before.
func (s *screen) draw() {
	width, height := s.size()
	var b strings.Builder
	if up := s.drawn(width); up > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", up)
	}
	b.WriteString("\r\x1b[J")
	for len(s.rows) > height-1 && s.rows[0].done() {
		b.WriteString(s.rows[0].line(width) + "\n")
		s.rows = s.rows[1:]
	}
	s.was = s.was[:0]
	for _, r := range s.rows[:min(len(s.rows), max(height-1, 1))] {
		line := r.line(width)
		s.was = append(s.was, len(line))
		b.WriteString(line + "\n")
	}
	io.WriteString(s.out, b.String())
	s.last = s.now()
}

// drawn is how many lines of the terminal, as wide as it is now, the last picture
// takes.
func (s *screen) drawn(width int) (lines int) {
	for _, w := range s.was {
		lines += max(1, (w+width-1)/width)
	}
	return lines
}

// line is a layer in at most so many columns, of ASCII alone.
func (r *row) line(width int) string {
	text := r.id() + ": " + stateNames[r.State]
	if (r.State == pull.Downloading || r.State == pull.Extracting) && r.Total > 0 {
		numbers := fmt.Sprintf("%8s/%s", units.HumanSizeWithPrecision(float64(r.Done), 4), units.HumanSizeWithPrecision(float64(r.Total), 4))
		text = fmt.Sprintf("%-25s", text)
		if room := min(50, width-len(text)-len(numbers)-5); room > 4 {
			text += " " + bar(room, r.Done, r.Total)
		}
		text += " " + numbers
	}
	return text[:min(len(text), max(width-1, 0))]
}

// bar is as Docker draws it.
func bar(width int, done, total int64) string {
	n := min(width, int(float64(width)*float64(done)/float64(total)))
	head := ""
	if n < width {
		head = ">"
	}
	return "[" + strings.Repeat("=", n) + head + strings.Repeat(" ", width-n-len(head)) + "]"
}
