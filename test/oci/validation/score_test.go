package validation_test

import (
	"fmt"
	"strings"
	"testing"
)

// A score is what a program said about a runtime.
type score struct {
	passed, failed, skipped int
	complaints              int // it ended with an error, or found a fault outside of any numbered point
}

func (s score) String() string {
	text := fmt.Sprintf("%d/%d/%d", s.passed, s.failed, s.skipped)
	return text + strings.Repeat("!", s.complaints)
}

// readTAP counts the points of the Test Anything Protocol, version 13. A program
// that finds a fault before its first point prints a diagnostic alone.
func readTAP(out string, ended error) (s score) {
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		_, directive, _ := strings.Cut(line, " # ")
		switch {
		case strings.HasPrefix(line, "ok ") && strings.HasPrefix(directive, "SKIP"):
			s.skipped++
		case strings.HasPrefix(line, "ok "):
			s.passed++
		case strings.HasPrefix(line, "not ok "):
			s.failed++
		}
	}
	if s.passed+s.failed+s.skipped == 0 && strings.Contains(out, `"error":`) {
		s.complaints++
	}
	if ended != nil {
		s.complaints++
	}
	return s
}

// bad is how often it was not content.
func (s score) bad() int { return s.failed + s.complaints }

// worse reports whether s is a worse score than other. A program that stops
// early has fewer points of both kinds.
func (s score) worse(other score) bool {
	if s.bad() != other.bad() {
		return s.bad() > other.bad()
	}
	return s.passed < other.passed
}

// parseScore reads what String wrote.
func parseScore(text string) (s score, err error) {
	numbers := strings.TrimRight(text, "!")
	s.complaints = len(text) - len(numbers)
	if _, err := fmt.Sscanf(numbers, "%d/%d/%d", &s.passed, &s.failed, &s.skipped); err != nil {
		return s, fmt.Errorf("score %q: %w", text, err)
	}
	return s, nil
}

func TestReadTAP(t *testing.T) {
	const points = "TAP version 13\nok 1 - one\n  ---\n  {\n    \"error\": \"ok 2 - not here\"\n  }\n  ...\nnot ok 2 - two\n" +
		"ok 3 # SKIP three\nok 4 - # four\n1..4\n"
	for _, c := range []struct {
		out   string
		ended error
		want  score
	}{
		{points, nil, score{passed: 2, failed: 1, skipped: 1}},
		{points, fmt.Errorf("exit status 1"), score{passed: 2, failed: 1, skipped: 1, complaints: 1}},
		{"TAP version 13\n1..0\n", nil, score{}},
		{"TAP version 13\n  ---\n  {\n    \"error\": \"hooks\"\n  }\n", nil, score{complaints: 1}},
		{"", fmt.Errorf("exit status 2"), score{complaints: 1}},
	} {
		got := readTAP(c.out, c.ended)
		if got != c.want {
			t.Errorf("%q: %v, want %v", c.out, got, c.want)
		}
		if back, err := parseScore(got.String()); err != nil || back != got {
			t.Errorf("%v is read back as %v, %v", got, back, err)
		}
	}
}

func TestWorse(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"3/0/0", "3/0/0", false},
		{"3/1/0", "3/0/0", true},
		{"3/0/0!", "3/0/0", true},
		{"2/0/0", "3/0/0", true},
		{"3/0/0", "30/1/0", false},
		{"0/0/0!", "3/1/0", true},
		{"0/0/0!!", "3/1/0", true},
	} {
		a, err1 := parseScore(c.a)
		b, err2 := parseScore(c.b)
		if err1 != nil || err2 != nil || a.worse(b) != c.want {
			t.Errorf("%s is worse than %s: %v, want %v", c.a, c.b, a.worse(b), c.want)
		}
	}
}
