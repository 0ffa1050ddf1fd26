package main

import (
	"fmt"
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
			time.Sleep(pause)
			c, err := e.place.time(e.run)
			if err != nil {
				e.why = fmt.Errorf("failed while measured: %w", err)
				continue
			}
			taken[e] = append(taken[e], c)
		}
	}
	return taken
}

// A listing is what it took to list so many containers.
type listing struct {
	containers int
	sample     sample
	err        error
}

// measureLists times ps with no container and with many.
func measureLists(list []*entrant, o options) []listing {
	var all []listing
	for _, e := range list {
		if e.ps == nil || e.why != nil {
			continue
		}
		all = append(all, e.list(0, o.rounds))
		if o.containers > 0 {
			l := listing{containers: o.containers}
			for i := 0; i < o.containers && l.err == nil; i++ {
				_, l.err = e.place.output(e.create...)
			}
			if l.err == nil {
				l = e.list(o.containers, o.rounds)
			}
			all = append(all, l)
		}
	}
	return all
}

func (e *entrant) list(containers, rounds int) listing {
	l := listing{containers: containers}
	for range rounds {
		c, err := e.place.time(e.ps)
		if err != nil {
			l.err = err
			return l
		}
		l.sample = append(l.sample, c)
	}
	return l
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
