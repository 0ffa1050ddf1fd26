package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A budget is a promise about ratios of medians.
type budget struct {
	what    string
	contest string // title of; none: nothing here measures it yet
	entrant string
	to      string  // whose median is 1
	spaced  float64 // at most; 0: nothing is promised
	tight   float64 // at most, back-to-back; 0: nothing is promised
	later   string  // why it is not measured
}

const (
	theRun    = "run --rm IMAGE true"
	theDetach = "run -d IMAGE sleep, until the prompt returns"
	theExec   = "exec CONTAINER true"
)

// budgets are the project's, met or not.
var budgets = []budget{
	{what: "run --rm --network none IMAGE true", contest: theRun, entrant: "mydocker run --network none", to: "crun run", spaced: 0.8},
	{what: "run --rm --network none host true", contest: theRun, entrant: "mydocker run --network none, image host", to: "crun run", spaced: 0.8},
	{what: "run --rm IMAGE true, on the bridge", contest: theRun, entrant: "mydocker run", to: "crun run", spaced: 1.0},
	{what: "the same", contest: theRun, entrant: "mydocker run", to: "docker run", spaced: 0.1, tight: 0.04},
	{what: "the same", contest: theRun, entrant: "mydocker run", to: "podman run", spaced: 0.1, tight: 0.04},
	{what: "run -d until the prompt returns", contest: theDetach, entrant: "mydocker run -d --network none", to: "crun run", spaced: 0.8},
	{what: "exec", contest: theExec, entrant: "mydocker exec", to: "crun exec", spaced: 0.4, tight: 0.8},
	{what: theBundle + ", " + withProfile, contest: theBundle + ", " + withProfile, entrant: ownRuntime + " run", to: "crun run", spaced: 0.5, tight: 0.9},
	{what: theJoin + ", " + withProfile, contest: theJoin + ", " + withProfile, entrant: ownRuntime + " exec", to: "crun exec", spaced: 0.4, tight: 0.8},
	{what: "pull and unpack, at most half of docker and podman", later: "bench has no registry yet"},
	{what: "traffic, at least 0.95 of a bare veth pair", later: "nothing here does it yet"},
}

func (r results) budgetTable(b *strings.Builder) {
	b.WriteString("## Budgets\n\nRatios of medians. They were set against crun 1.27, which starts in about half the time of the 1.8 that\n" +
		"Debian 12 has; beside that one, half the ratio is asked for.\n\n" +
		"| what | beside | spaced, at most | back-to-back, at most |\n|---|---|---|---|\n")
	for _, p := range budgets {
		if p.later != "" {
			fmt.Fprintf(b, "| %s | | not measured: %s | |\n", p.what, p.later)
			continue
		}
		c := r.contest(p.contest)
		old := strings.HasPrefix(p.to, "crun") && r.oldCrun()
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", p.what, p.to,
			outcome(c.ratio(c.spaced, p.entrant, p.to), p.spaced, old),
			outcome(c.ratio(c.tight, p.entrant, p.to), p.tight, old))
	}
	b.WriteString("\n| what | at most | measured |\n|---|---|---|\n")
	for _, l := range r.lists {
		switch {
		case l.command == "mydocker" && l.containers == "none":
			fmt.Fprintf(b, "| ps without containers | 3 ms | %.2f ms, %s |\n", l.sample.wall(0.5), verdict(l.sample.wall(0.5), 3))
		case l.command == "mydocker" && l.containers == "1000 created":
			fmt.Fprintf(b, "| ps with 1,000 containers | 50 ms of processor time | %.2f ms, %s |\n", l.sample.cpu(0.5), verdict(l.sample.cpu(0.5), 50))
		}
	}
	for _, m := range r.memories {
		if m.client == "mydocker" && m.terminal {
			fmt.Fprintf(b, "| memory of a running container with log and terminal | 1.0 MB | %.2f MB, %s |\n", m.each(), verdict(m.each(), 1))
		}
	}
	if own, other := r.crowd("mydocker"), r.crowd("podman"); own > 0 && other > 0 {
		q := own.Seconds() / other.Seconds()
		fmt.Fprintf(b, "| %d containers in parallel, then removed, beside podman (promised of 1,000) | 0.10 | %.2f, %s |\n", r.crowds[0].count, q, verdict(q, 0.1))
	}
	b.WriteString("\n")
}

// contest finds one by its title; one without entrants is nobody's.
func (r results) contest(title string) *contest {
	for _, c := range slices.Concat(r.contests, r.runtimes) {
		if c.title == title {
			return c
		}
	}
	return &contest{}
}

// crowd is how long an engine took to start and remove many, or 0.
func (r results) crowd(client string) time.Duration {
	for _, k := range r.crowds {
		if k.client == client && k.err == nil {
			return k.started + k.removed
		}
	}
	return 0
}

// oldCrun reports whether the crun that was run is one of those that start in
// twice the time of the one that the budgets mean.
func (r results) oldCrun() bool {
	for _, e := range r.arena.bares {
		if e.name == "crun" {
			return strings.HasPrefix(e.version, "crun version 1.8")
		}
	}
	return false
}

// outcome is a ratio with what was promised of it. Beside an old crun a promise
// is kept only at half the ratio.
func outcome(ratio, limit float64, old bool) string {
	if limit == 0 {
		return ratioText(ratio)
	}
	said := verdict(ratio, limit)
	if old && ratio > limit/2 && ratio <= limit {
		said = "met beside this old crun only"
	}
	return fmt.Sprintf("%s of %.2f, %s", ratioText(ratio), limit, said)
}

// verdict of a measured value, 0 for none, that should be at most limit.
func verdict(value, limit float64) string {
	switch {
	case value == 0:
		return "not measured"
	case value <= limit:
		return "met"
	}
	return "**not met**"
}
