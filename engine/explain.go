package engine

import (
	"path/filepath"

	"mydocker/container"
	"mydocker/plan"
)

// A Change is one thing that was done on the host for a container.
type Change struct {
	Part    string
	Command string // what makes it
	Undo    string // what takes it back, or empty
	State   ChangeState
}

// ChangeState is what is known of a change.
type ChangeState string

// The states of a change.
const (
	Planned ChangeState = "planned" // written down, and not (yet) made
	Present ChangeState = "there"   // made, and there
	Gone    ChangeState = "gone"    // made, and no longer there though nobody took it back
	Undone  ChangeState = "undone"  // made and taken back
	Kept    ChangeState = "made"    // made; whether it is there cannot be told, or it is shared and stays
)

// A presenter is a step that can tell whether what it made is there.
type presenter interface{ Present() bool }

// Changes returns what was done on the host for a container, from the journal
// that was written before each step, and what of it is still there.
func (e *Engine) Changes(nameOrID string) (*container.Record, []Change, error) {
	rec, err := e.Containers.Find(nameOrID)
	if err != nil {
		return nil, nil, err
	}
	entries, err := plan.ReadJournal(filepath.Join(e.Containers.Dir(rec.ID), "journal"), e.codec())
	if err != nil {
		return nil, nil, err
	}
	var out []Change
	for _, n := range entries {
		c := Change{Part: n.Part, Command: n.Step.Shell(), State: stateOf(n)}
		if u := n.Step.Undo(); u != nil {
			c.Undo = u.Shell()
		}
		out = append(out, c)
	}
	return rec, out, nil
}

func stateOf(n plan.Entry) ChangeState {
	p, tells := n.Step.(presenter)
	switch {
	case tells && p.Present():
		return Present
	case n.Undone && n.Step.Undo() != nil:
		return Undone
	case tells && n.Done:
		return Gone
	case n.Done:
		return Kept
	}
	return Planned
}
