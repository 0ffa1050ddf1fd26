package engine

import (
	"mydocker/container"
	"mydocker/internal/ps"
	"mydocker/runtime/cgroup"
)

// Top returns the processes of a container, by name or ID, as ps(1) with these
// options shows them: titles and rows. They are read from /proc; no program of
// the host is executed, and what ps would do beyond package ps is an error.
func (e *Engine) Top(nameOrID string, options []string) (titles []string, rows [][]string, err error) {
	if len(options) == 0 {
		options = []string{"-ef"}
	}
	format, err := ps.Parse(options)
	if err != nil {
		return nil, nil, err
	}
	rec, err := e.Containers.Find(nameOrID)
	if err != nil {
		return nil, nil, err
	}
	if rec.Status != container.Running && rec.Status != container.Paused {
		return nil, nil, &NotRunningError{rec.ID}
	}
	layout, err := e.layout()
	if err != nil {
		return nil, nil, err
	}
	pids, err := cgroup.Processes(layout, rec.CgroupPath)
	if err != nil {
		return nil, nil, err
	}
	rows, err = format.Rows(pids)
	return format.Titles(), rows, err
}
