package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"mydocker/engine"
	"mydocker/jsonlog/reader"
)

// logsFlags are those of logs.
type logsFlags struct {
	follow, timestamps, details bool
	since, until, tail          string
}

func (a *app) logsCommand() *cobra.Command {
	var f logsFlags
	c := &cobra.Command{Use: "logs [OPTIONS] CONTAINER", Short: "Fetch the logs of a container", Args: exactly(1)}
	fs := c.Flags()
	fs.BoolVarP(&f.follow, "follow", "f", false, "Follow log output")
	fs.StringVar(&f.since, "since", "", `Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)`)
	fs.StringVar(&f.until, "until", "", `Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)`)
	fs.BoolVarP(&f.timestamps, "timestamps", "t", false, "Show timestamps")
	fs.BoolVar(&f.details, "details", false, "Show extra details provided to logs")
	fs.StringVarP(&f.tail, "tail", "n", "all", "Number of lines to show from the end of the logs")
	c.RunE = func(c *cobra.Command, args []string) error { return a.logs(c.Context(), f, args[0]) }
	return c
}

func (a *app) logs(ctx context.Context, f logsFlags, name string) error {
	o, err := f.options(time.Now())
	if err != nil {
		return err
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	if ctx == nil {
		ctx = context.Background()
	}
	p := &logPrinter{out: bufio.NewWriterSize(a.Out, 64<<10), err: bufio.NewWriter(a.Err), flags: f, inside: map[string]bool{}}
	o.Idle = p.flush
	err = e.Logs(ctx, name, o, p.print)
	if flushed := p.flush(); err == nil {
		err = flushed
	}
	if errors.Is(err, syscall.EPIPE) { // whoever read has seen enough
		return nil
	}
	return err
}

// options translates the flags.
func (f logsFlags) options(now time.Time) (o engine.LogOptions, err error) {
	o.Follow, o.Tail = f.follow, reader.All
	// As with Docker, what is no number of lines is all of them.
	if n, err := strconv.Atoi(f.tail); err == nil {
		o.Tail = n
	}
	if f.since != "" {
		if o.Since, err = parseTime(f.since, now); err != nil {
			return o, fmt.Errorf(`invalid value for "since": %w`, err)
		}
	}
	if f.until != "" && f.until != "0" {
		if o.Until, err = parseTime(f.until, now); err != nil {
			return o, fmt.Errorf(`invalid value for "until": %w`, err)
		}
	}
	return o, nil
}

// A logPrinter prints records, each stream to its own. At most one of the two
// holds text back, so that the order is kept where both lead to one place.
type logPrinter struct {
	out, err *bufio.Writer
	flags    logsFlags
	inside   map[string]bool // streams whose last record did not end its line
}

func (p *logPrinter) flush() error { return errors.Join(p.out.Flush(), p.err.Flush()) }

func (p *logPrinter) print(r reader.Record) error {
	to, other := p.out, p.err
	if r.Stream == "stderr" {
		to, other = p.err, p.out
	}
	if err := other.Flush(); err != nil {
		return err
	}
	if !p.inside[r.Stream] {
		p.prefix(to, r)
	}
	p.inside[r.Stream] = r.Partial
	_, err := to.Write(r.Text)
	return err
}

// prefix begins a line. Errors stay with the writer.
func (p *logPrinter) prefix(to io.Writer, r reader.Record) {
	if p.flags.timestamps {
		fmt.Fprint(to, r.Time.UTC().Format("2006-01-02T15:04:05.000000000Z07:00"), " ")
	}
	if !p.flags.details || len(r.Attrs) == 0 {
		return
	}
	for i, k := range slices.Sorted(maps.Keys(r.Attrs)) {
		if i > 0 {
			fmt.Fprint(to, ",")
		}
		fmt.Fprint(to, url.QueryEscape(k), "=", url.QueryEscape(r.Attrs[k]))
	}
	fmt.Fprint(to, " ")
}

// parseTime reads a point in time as Docker does: a duration before now, Unix
// seconds with or without a fraction, or RFC 3339, of which the end may be
// left out: then it is local time.
func parseTime(value string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(value); err == nil && value != "0" {
		return now.Add(-d), nil
	}
	layout, local := timeLayout(value)
	var t time.Time
	var err error
	if local {
		t, err = time.ParseInLocation(layout, value, now.Location())
	} else {
		t, err = time.Parse(layout, value)
	}
	if err == nil || strings.Contains(value, "-") {
		return t, err
	}
	if t, err = unixTime(value); err != nil {
		return t, fmt.Errorf("failed to parse value as time or duration: %q", value)
	}
	return t, nil
}

// timeLayout guesses the layout of a time, and whether it is local.
func timeLayout(value string) (layout string, local bool) {
	local = !strings.ContainsAny(value, "zZ+") && strings.Count(value, "-") != 3
	colons := strings.Count(value, ":")
	if !local && !strings.ContainsAny(value, "zZ") && colons > 0 {
		colons-- // of the zone
	}
	switch {
	case strings.Contains(value, "."):
		layout = "2006-01-02T15:04:05.999999999"
	case !strings.Contains(value, "T"):
		layout = "2006-01-02"
	case colons == 0:
		layout = "2006-01-02T15"
	case colons == 1:
		layout = "2006-01-02T15:04"
	default:
		layout = "2006-01-02T15:04:05"
	}
	if !local {
		layout += "Z07:00"
	}
	return layout, local
}

// unixTime reads seconds since 1970, with up to nine digits of a fraction.
func unixTime(value string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(value, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || fraction == "" {
		return time.Unix(sec, 0), err
	}
	nano, err := strconv.ParseUint((fraction + "000000000")[:9], 10, 32)
	return time.Unix(sec, int64(nano)), err
}
