package main

import (
	"cmp"
	"fmt"
	"regexp"
)

// A contest is one thing that everybody does.
type contest struct {
	title     string
	note      string
	yardstick string // the entrant that the ratios are to
	entrants  []*entrant
	share     int  // of the rounds, one in so many
	loose     bool // what is done around takes longer than what is measured
	spaced    map[*entrant]sample
	tight     map[*entrant]sample // nil of a loose one
}

// What a container does that waits to be joined, stopped or removed.
var (
	sleep = []string{"sleep", "1000"}
	ends  = []string{"sh", "-c", "trap exit TERM; sleep 1000 & wait"} // on TERM, at once
)

const name = "bench" // of the container

// contests lists what is measured.
func contests(a arena, im image) []*contest {
	return []*contest{a.running(im), a.detaching(im), a.joining(im), a.stopping(), a.removing(), a.killing(im)}
}

func (a arena) running(im image) *contest {
	c := &contest{title: theRun, yardstick: "crun run"}
	c.note = "The image `host` runs the machine's own `true`, which is linked dynamically."
	m := a.mydocker
	c.enter(m, "run --network none, image host", "no network", m.runs("--rm", "--network", "none", "host", "true"))
	for _, m := range a.clients() {
		c.enter(m, "run --network none", "no network", m.runs("--rm", "--network", "none", "bench", "true"))
		c.enter(m, "run", "bridge", m.runs("--rm", "bench", "true"))
	}
	for _, b := range a.bares {
		c.enterBare(b, "run", "run", "--bundle", im.bundle, name)
	}
	return c
}

func (a arena) detaching(im image) *contest {
	c := &contest{title: theDetach, yardstick: "crun run"}
	c.note = "`crun run` waits for `true`, as above; the container is removed outside of the measured time."
	for _, m := range a.clients() {
		e := c.enter(m, "run -d --network none", "no network", m.sleeper())
		e.after = [][]string{m.with(join(m.remove, name)...)}
	}
	for i, b := range a.bares {
		if i == 0 {
			c.enterBare(b, "run", "run", "--bundle", im.bundle, name)
		}
		e := c.enterBare(b, "run --detach", "run", "--detach", "--bundle", im.asleep, "asleep")
		e.after = [][]string{b.removes()}
	}
	return c
}

func (a arena) joining(im image) *contest {
	c := &contest{title: theExec, yardstick: "crun exec"}
	c.note = "One container runs all the time."
	for _, m := range a.clients() {
		e := c.enter(m, "exec", "no network", m.with("exec", name, "true"))
		e.setup = [][]string{m.sleeper()}
		e.finish = [][]string{m.with(join(m.remove, name)...)}
	}
	for _, b := range a.bares {
		e := c.enterBare(b, "exec", "exec", "asleep", "true")
		e.setup = [][]string{join(b.base, "run", "--detach", "--bundle", im.asleep, "asleep")}
		e.finish = [][]string{b.removes()}
	}
	return c
}

func (a arena) stopping() *contest {
	c := &contest{title: "stop CONTAINER, which ends on TERM", yardstick: "podman stop", share: 2, loose: true}
	for _, m := range a.clients() {
		e := c.enter(m, "stop", "no network", m.with("stop", "-t", "5", name))
		e.before = [][]string{m.runs(join([]string{"-d", "--name", name, "--network", "none", "bench"}, ends...)...)}
		e.after = [][]string{m.with("rm", name)}
	}
	return c
}

func (a arena) removing() *contest {
	c := &contest{title: "rm CONTAINER, which has ended", yardstick: "podman rm", share: 2, loose: true}
	for _, m := range a.clients() {
		e := c.enter(m, "rm", "no network", m.with("rm", name))
		e.before = [][]string{m.runs("--name", name, "--network", "none", "bench", "true")}
	}
	return c
}

func (a arena) killing(im image) *contest {
	c := &contest{title: "rm -f CONTAINER, which runs", yardstick: "crun delete --force", share: 2, loose: true}
	for _, m := range a.clients() {
		e := c.enter(m, "rm -f", "no network", m.with(join(m.remove, name)...))
		e.before = [][]string{m.sleeper()}
	}
	for _, b := range a.bares {
		e := c.enterBare(b, "delete --force", "delete", "--force", "asleep")
		e.before = [][]string{join(b.base, "run", "--detach", "--bundle", im.asleep, "asleep")}
	}
	return c
}

// sleeper starts a container that goes on.
func (c client) sleeper() []string {
	return c.runs(join([]string{"-d", "--name", name, "--network", "none", "bench"}, sleep...)...)
}

func (b bare) removes() []string { return join(b.base, "delete", "--force", "asleep") }

func (c *contest) enter(m client, what, container string, run []string) *entrant {
	e := &entrant{name: m.name + " " + what, what: container, place: m.place, run: run, why: m.why}
	c.entrants = append(c.entrants, e)
	return e
}

func (c *contest) enterBare(b bare, what string, words ...string) *entrant {
	e := &entrant{name: b.name + " " + what, what: "bare bundle, no network", place: b.place, run: join(b.base, words...), why: b.why}
	c.entrants = append(c.entrants, e)
	return e
}

// choose leaves out those whose name does not match; the yardstick stays.
func (c *contest) choose(only *regexp.Regexp) {
	var chosen []*entrant
	for _, e := range c.entrants {
		if only.MatchString(e.name) || e.name == c.yardstick {
			chosen = append(chosen, e)
		}
	}
	c.entrants = chosen
}

// hold holds the contest, in both ways of measuring. Who fails is not measured
// any more, and says why.
func (c *contest) hold(o options, progress func(string)) {
	rounds := max(o.rounds/max(c.share, 1), 1)
	progress(fmt.Sprintf("%s: %d rounds", c.title, rounds))
	var there []*entrant
	for _, e := range c.entrants {
		if e.why != nil {
			continue
		}
		there = append(there, e)
		e.all(e.setup)
		e.once(0) // the first time caches are cold
		e.once(0)
	}
	c.spaced = measure(c.entrants, rounds, spacing, o.seed)
	if !c.loose {
		c.tight = measure(c.entrants, rounds, 0, o.seed+1)
	}
	for _, e := range there {
		why := e.why
		e.why = nil
		e.all(e.finish)
		e.why = cmp.Or(why, e.why)
	}
	for _, e := range c.entrants {
		if e.why != nil {
			progress(fmt.Sprintf("%s is not run: %v", e.name, e.why))
		}
	}
}

// median returns that of an entrant, in milliseconds, or 0.
func (c *contest) median(taken map[*entrant]sample, name string) float64 {
	for _, e := range c.entrants {
		if e.name == name {
			return taken[e].wall(0.5)
		}
	}
	return 0
}
