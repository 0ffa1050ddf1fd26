package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

// spacing is what a person leaves between two commands, long enough for the
// kernel's grace periods to begin anew.
const spacing = 50 * time.Millisecond

// A sample is what the runs of one entrant took.
type sample []cost

// measure runs everybody once in each round, in a new random order. Who fails
// is not run again.
func measure(list []*entrant, rounds int, pause time.Duration, seed uint64) map[*entrant]sample {
	order := rand.New(rand.NewPCG(seed, 0))
	taken := map[*entrant]sample{}
	for range rounds {
		order.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, e := range list {
			if e.why != nil {
				continue
			}
			if c := e.once(pause); e.why == nil {
				taken[e] = append(taken[e], c)
			}
		}
	}
	return taken
}

// once does everything once, and times the command.
func (e *entrant) once(pause time.Duration) (c cost) {
	if e.all(e.before); e.why != nil {
		return c
	}
	if len(e.before) > 0 {
		pause = max(pause, spacing) // what was started begins
	}
	time.Sleep(pause)
	c, e.why = e.place.time(e.run)
	for _, argv := range e.more {
		if e.why == nil {
			var next cost
			next, e.why = e.place.time(argv)
			c.wall, c.cpu = c.wall+next.wall, c.cpu+next.cpu
		}
	}
	if e.why == nil {
		e.all(e.after)
	}
	return c
}

// all runs commands that are not timed, up to the first that fails.
func (e *entrant) all(commands [][]string) {
	for _, argv := range commands {
		if e.why == nil {
			_, e.why = e.place.output(argv...)
		}
	}
}

// wall returns the quantile q, from 0 to 1, of the wall-clock times, in
// milliseconds.
func (s sample) wall(q float64) float64 {
	return s.quantile(q, func(c cost) time.Duration { return c.wall })
}

// cpu is wall for processor time.
func (s sample) cpu(q float64) float64 {
	return s.quantile(q, func(c cost) time.Duration { return c.cpu })
}

// quantile interpolates between the two nearest; 0 for no runs.
func (s sample) quantile(q float64, of func(cost) time.Duration) float64 {
	if len(s) == 0 {
		return 0
	}
	var ms []float64
	for _, c := range s {
		ms = append(ms, float64(of(c))/float64(time.Millisecond))
	}
	slices.Sort(ms)
	at := q * float64(len(ms)-1)
	i := int(at)
	if i+1 == len(ms) {
		return ms[i]
	}
	return ms[i] + (at-float64(i))*(ms[i+1]-ms[i])
}
