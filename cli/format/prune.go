package format

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mydocker/container"
)

// PruneFilters are the keys that --filter of container prune knows.
func PruneFilters() []string { return []string{"label", "label!", "until"} }

// Prune returns which containers pass: those with all labels of "label", without
// those of "label!" taken together, and made before "until".
func (f Filters) Prune(now time.Time) (func(*container.Record) bool, error) {
	var before time.Time
	switch until := f["until"]; len(until) {
	case 0:
	case 1:
		var err error
		if before, err = moment(until[0], now); err != nil {
			return nil, err
		}
	default:
		return nil, errors.New("more than one until filter specified")
	}
	not, negated := f["label!"]
	return func(r *container.Record) bool {
		// Of a record that cannot be read neither is known.
		if r.Status == container.Dead && len(f) > 0 {
			return false
		}
		return f.Labels(r.Request.Labels) &&
			(!negated || !Filters{"label": not}.Labels(r.Request.Labels)) &&
			(before.IsZero() || !r.Created.After(before))
	}, nil
}

// moment reads a time as Docker's until does: how long ago ("10m", "1h30m"), a date
// with or without a time and a zone, or seconds since 1970.
func moment(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02T15", "2006-01-02Z07:00", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	nanos, ferr := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if err != nil || ferr != nil || len(fraction) > 9 {
		return time.Time{}, fmt.Errorf("failed to parse until filter: %q is neither a duration nor a time", s)
	}
	return time.Unix(seconds, nanos), nil
}
