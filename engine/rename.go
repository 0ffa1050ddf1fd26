package engine

import (
	"errors"
	"fmt"
	"strings"

	"mydocker/container"
)

// Rename gives a container, by name or ID, another name. It may run.
func (e *Engine) Rename(nameOrID, name string) error {
	nameOrID, name = strings.TrimSpace(nameOrID), strings.TrimPrefix(strings.TrimSpace(name), "/")
	if nameOrID == "" || name == "" {
		return errors.New("Neither old nor new names may be empty")
	}
	rec, err := e.Containers.Find(nameOrID)
	if err != nil {
		return err
	}
	err = e.Containers.Rename(rec.ID, name)
	if err == nil {
		e.note("rename", rec, "oldName", rec.Name)
	}
	if err == nil || errors.Is(err, container.ErrSameName) {
		return err
	}
	return fmt.Errorf("Error when allocating new name: %w", err)
}
