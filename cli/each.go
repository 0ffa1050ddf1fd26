package cli

import (
	"fmt"
)

// each calls f for every argument, prints what it returns, and goes on past
// failures, which it reports one by one.
func (a *app) each(args []string, f func(string) (string, error)) error {
	return a.many(args, 1, f)
}

// atOnce is how many of several containers are dealt with at the same time.
const atOnce = 50

// together is each for what takes its time: many at the same time.
func (a *app) together(args []string, f func(string) (string, error)) error {
	return a.many(args, atOnce, f)
}

func (a *app) many(args []string, width int, f func(string) (string, error)) error {
	type result struct {
		out string
		err error
	}
	results, room := make([]chan result, len(args)), make(chan struct{}, width)
	for i := range args {
		results[i] = make(chan result, 1)
	}
	go func() {
		for i, arg := range args {
			room <- struct{}{}
			go func() {
				out, err := f(arg)
				results[i] <- result{out, err}
				<-room
			}()
		}
	}()
	code := 0
	for _, c := range results {
		r := <-c
		if r.err != nil {
			code = a.report(r.err)
			continue
		}
		if r.out != "" {
			fmt.Fprintln(a.Out, r.out)
		}
	}
	if code != 0 {
		return &exitError{code: code}
	}
	return nil
}
