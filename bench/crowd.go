package main

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// lanes is how many commands are at work at the same time.
const lanes = 8

// A crowd is many containers, started in parallel and then removed.
type crowd struct {
	client           string
	count            int
	started, removed time.Duration
	err              error
}

// A listing is what it took to list so many containers.
type listing struct {
	command    string
	containers string
	sample     sample
	err        error
}

// crowds starts and removes many containers.
func crowds(a arena, count int, progress func(string)) (all []crowd) {
	for _, c := range a.clients() {
		if count == 0 {
			continue
		}
		progress(fmt.Sprintf("%s: %d containers in parallel", c.name, count))
		k := crowd{client: c.name, count: count, err: c.why}
		if k.err == nil {
			start := time.Now()
			_, k.err = c.start(0, count)
			k.started = time.Since(start)
			start = time.Now()
			if err := c.clear(count); k.err == nil {
				k.err = err
			}
			k.removed = time.Since(start)
		}
		all = append(all, k)
	}
	return all
}

// start starts containers with the numbers from one to below another, and
// returns their IDs.
func (c client) start(from, to int, flags ...string) ([]string, error) {
	ids := make([]string, to-from)
	err := parallel(to-from, func(i int) error {
		words := slices.Concat([]string{"-d", "--name", numbered(from + i), "--network", "none"}, flags, []string{"bench"}, sleep)
		out, err := c.place.output(c.runs(words...)...)
		ids[i] = firstLine(out)
		return err
	})
	return ids, err
}

// clear removes the first containers by number, running or not.
func (c client) clear(count int) error {
	return parallel(count, func(i int) error {
		_, err := c.place.output(c.with(join(c.remove, numbered(i))...)...)
		return err
	})
}

func numbered(i int) string { return name + strconv.Itoa(i) }

// parallel calls f for 0 to below n, in lanes, and returns one of the errors.
func parallel(n int, f func(i int) error) (first error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	room := make(chan struct{}, lanes)
	for i := range n {
		room <- struct{}{}
		all.Go(func() {
			err := f(i)
			mu.Lock()
			if first == nil {
				first = err
			}
			mu.Unlock()
			<-room
		})
	}
	all.Wait()
	return first
}

// lists times ps of a client.
func (c client) lists(containers string, rounds int, words ...string) listing {
	l := listing{command: c.name, containers: containers, err: c.why}
	for i := 0; i < rounds && l.err == nil; i++ {
		var k cost
		if k, l.err = c.place.time(c.with(words...)); l.err == nil {
			l.sample = append(l.sample, k)
		}
	}
	return l
}

// listings times ps with no container, with few and with many that run, and, of
// mydocker, with a thousand that were only made. With the few it looks at the
// memory that they need.
func listings(a arena, o options, progress func(string)) (all []listing, memories []memory) {
	const few, many = 20, 50
	rounds := max(o.rounds, 1)
	for _, c := range a.clients() {
		progress(fmt.Sprintf("%s: ps, memory", c.name))
		if c.why != nil {
			continue // the other tables say so
		}
		all = append(all, c.lists("none", rounds, "ps"))
		for _, flags := range [][]string{{"-t"}, nil} {
			ids, err := c.start(0, few, flags...)
			m := weigh(c.name, flags, ids)
			m.err = err
			memories = append(memories, m)
			if flags != nil {
				c.clear(few)
			}
		}
		all = append(all, c.lists(strconv.Itoa(few)+" running", rounds, "ps"))
		_, err := c.start(few, many)
		l := c.lists(strconv.Itoa(many)+" running", rounds, "ps")
		if err != nil {
			l.err = err
		}
		all = append(all, l)
		c.clear(many)
	}
	if m := a.mydocker; m.why == nil && o.containers > 0 {
		all = append(all, m.created(o.containers, rounds))
	}
	return all, memories
}

// created makes containers, and lists them.
func (c client) created(count, rounds int) listing {
	err := parallel(count, func(int) error {
		_, err := c.place.output(c.with("create", "--network", "none", "bench", "true")...)
		return err
	})
	l := c.lists(strconv.Itoa(count)+" created", rounds, "ps", "--all")
	if err != nil {
		l.err = err
	}
	return l
}
