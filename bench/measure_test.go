package main

import (
	"strings"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	var s sample
	for i := 5; i > 0; i-- {
		s = append(s, cost{wall: time.Duration(i) * time.Millisecond})
	}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 1: 5, 0.1: 1.4} {
		if got := s.wall(q); got < want-1e-9 || got > want+1e-9 {
			t.Errorf("quantile %v of 1 to 5 is %v, want %v", q, got, want)
		}
	}
	if got := (sample)(nil).wall(0.5); got != 0 {
		t.Errorf("the median of nothing is %v", got)
	}
}

// TestReportSaysWhatWasNotRun keeps the report honest: who is missing is named
// with the reason, and no budget is met without a measurement.
func TestReportSaysWhatWasNotRun(t *testing.T) {
	crun := &entrant{name: "crun run"}
	slow := &entrant{name: "mydocker run"}
	absent := &entrant{name: "docker run", why: errNotHere("no daemon")}
	r := results{contests: []*contest{{
		title: theRun, yardstick: "crun run",
		entrants: []*entrant{crun, slow, absent},
		spaced: map[*entrant]sample{
			crun: {{wall: 10 * time.Millisecond}},
			slow: {{wall: 15 * time.Millisecond}},
		},
	}}}
	text := r.report()
	for _, want := range []string{
		"| mydocker run |  | 1 | 15.00 | 15.00 | 15.00 | 1.50 | - | - | - | - |",
		"Not run: docker run: no daemon",
		"| run --rm IMAGE true, on the bridge | crun run | 1.50 of 1.00, **not met** | - |",
		"| run --rm --network none IMAGE true | crun run | - of 0.80, not measured | - |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report has no line %q:\n%s", want, text)
		}
	}
}

func TestOldCrunFlatters(t *testing.T) {
	for _, c := range []struct {
		ratio float64
		old   bool
		want  string
	}{
		{0.3, true, "0.30 of 0.80, met"},
		{0.6, true, "0.60 of 0.80, met beside this old crun only"},
		{0.6, false, "0.60 of 0.80, met"},
		{0.9, true, "0.90 of 0.80, **not met**"},
	} {
		if got := outcome(c.ratio, 0.8, c.old); got != c.want {
			t.Errorf("outcome is %q, want %q", got, c.want)
		}
	}
}

type errNotHere string

func (e errNotHere) Error() string { return string(e) }
