// Package tracer shows what the steps of a plan took, for --trace.
package tracer

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"text/tabwriter"
	"time"

	"mydocker/plan"
)

// A Tracer collects what steps took.
type Tracer struct {
	on   bool
	file string

	mu     sync.Mutex
	events []plan.Event
}

// New returns one that is on, or writes to a file, or neither.
func New(on bool, file string) *Tracer { return &Tracer{on: on || file != "", file: file} }

// Event returns what is called for each step, or nil.
func (t *Tracer) Event() func(plan.Event) {
	if !t.on {
		return nil
	}
	return func(e plan.Event) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.events = append(t.events, e)
	}
}

// Finish writes the trace: a table to w, or the file.
func (t *Tracer) Finish(w io.Writer) error {
	switch {
	case !t.on:
		return nil
	case t.file == "":
		return t.table(w)
	}
	f, err := os.Create(t.file)
	if err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	if err := t.chrome(f); err != nil {
		f.Close()
		return fmt.Errorf("trace: %w", err)
	}
	return f.Close()
}

// table prints a line for each step or system call, and the sum of each part.
func (t *Tracer) table(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "PART\tTOOK\tSTEP")
	sums, order := map[string]time.Duration{}, []string{}
	for _, e := range t.events {
		if _, ok := sums[e.Part]; !ok {
			order = append(order, e.Part)
		}
		sums[e.Part] += e.Took
		fmt.Fprintf(tw, "%s\t%s\t%s\n", e.Part, micro(e.Took), label(e))
	}
	for _, p := range order {
		fmt.Fprintf(tw, "%s\t%s\t= all of this part\n", p, micro(sums[p]))
	}
	return tw.Flush()
}

func micro(d time.Duration) string { return fmt.Sprintf("%.1fµs", float64(d)/1e3) }

// label names an event: the system call, or the step's command.
func label(e plan.Event) string {
	if e.Call != "" {
		return e.Call
	}
	s := e.Step.Shell()
	for i, r := range s {
		if r == '\n' {
			return s[:i] + " ..."
		}
	}
	return s
}

// chromeEvent is a complete event of the Trace Event Format.
type chromeEvent struct {
	Name string  `json:"name"`
	Cat  string  `json:"cat"`
	Ph   string  `json:"ph"`
	Ts   float64 `json:"ts"`  // microseconds
	Dur  float64 `json:"dur"` // microseconds
	Pid  int     `json:"pid"`
	Tid  int     `json:"tid"`
}

// chrome writes Chrome trace JSON: one row for the engine, one for the
// container's first process.
func (t *Tracer) chrome(w io.Writer) error {
	var out struct {
		TraceEvents []chromeEvent `json:"traceEvents"`
		Unit        string        `json:"displayTimeUnit"`
	}
	out.Unit = "ns"
	for _, e := range t.events {
		row := 1
		if e.Part == plan.PartInit || e.Part == plan.PartSpawn {
			row = 2
		}
		out.TraceEvents = append(out.TraceEvents, chromeEvent{label(e), e.Part, "X", float64(e.Start) / 1e3, float64(e.Took) / 1e3, 1, row})
	}
	return json.NewEncoder(w).Encode(out)
}
