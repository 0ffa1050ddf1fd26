package engine

import (
	"mydocker/container"
	"mydocker/event"
)

// names are the attributes that every event of a container has, as Docker's: its
// image, its name and its labels.
func names(r *container.Record) []string {
	at := []string{"image", r.Image, "name", r.Name}
	for k, v := range r.Request.Labels {
		at = append(at, k, v)
	}
	return at
}

// note writes an event to the journal. What happened has happened, also when
// that cannot be written down.
func (e *Engine) note(action string, r *container.Record, more ...string) {
	if r == nil {
		return
	}
	event.Append(e.Root, event.Event{Action: action, ID: r.ID, Attributes: append(more, names(r)...), Command: e.Command})
}
