package engine

import (
	"maps"
	"slices"

	"mydocker/container"
	"mydocker/event"
)

// names are the attributes that every event of a container has, as Docker's: its
// image, its name and its labels.
func names(r *container.Record) []string {
	at := []string{"image", r.Image, "name", r.Name}
	size := 0
	for _, k := range slices.Sorted(maps.Keys(r.Request.Labels)) {
		v := r.Request.Labels[k]
		if size += len(k) + len(v); size > maxLabels {
			break
		}
		at = append(at, k, v)
	}
	return at
}

// maxLabels is how many bytes of labels stand in an event.
const maxLabels = 8 << 10

// note writes an event to the journal. What happened has happened, also when
// that cannot be written down.
func (e *Engine) note(action string, r *container.Record, more ...string) {
	if r == nil {
		return
	}
	event.Append(e.Root, event.Event{Action: action, ID: r.ID, Attributes: append(more, names(r)...), Command: e.Command})
}
