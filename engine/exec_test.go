package engine

import (
	"errors"
	"testing"
)

// A container may end between the look at its record and the look at its
// process.
func TestExecInOneThatHasJustEnded(t *testing.T) {
	e, _ := stored(t)
	var over *NotRunningError
	if _, err := e.Exec("running", ExecOptions{}); !errors.As(err, &over) {
		t.Errorf("got %v", err)
	}
}
