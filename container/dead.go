package container

import "fmt"

// TryOpenDead is TryOpen also for a container whose record is damaged, to remove
// it: then Record is nil.
func (s *Store) TryOpenDead(id string) (h *Handle, free bool, err error) { return s.tryOpen(id, true) }

// A DamagedError says that a record is none. One of a newer version is not damaged.
type DamagedError struct {
	ID  string
	Err error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("record of container %.12s: %v", e.ID, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }
