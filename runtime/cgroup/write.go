package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"mydocker/plan"
)

// Write sets a limit.
type Write struct {
	Dir, File, Value string
	// Optional: where the kernel lacks the file, there is nothing to limit.
	Optional bool `json:",omitempty"`
}

// Do writes the value.
func (w Write) Do(*plan.Env) error {
	err := limit(w.Dir, w.File, w.Value)
	if w.Optional && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Shell returns the echo command.
func (w Write) Shell() string {
	return plan.Cmd("echo", w.Value) + " > " + plan.Quote(w.Dir+"/"+w.File)
}

// Undo returns nil: the group goes as a whole.
func (Write) Undo() plan.HostStep { return nil }

// Together sets limits that bound each other, each a file and its value: the
// kernel refuses one (EINVAL) as long as another is not yet as wanted. Then the
// other comes first.
type Together struct {
	Dir    string
	Values [][2]string
}

// Do writes the values.
func (t Together) Do(*plan.Env) error {
	for left := t.Values; len(left) > 0; {
		var later [][2]string
		var refused error
		for _, v := range left {
			err := limit(t.Dir, v[0], v[1])
			if errors.Is(err, syscall.EINVAL) {
				later, refused = append(later, v), err
			} else if err != nil {
				return err
			}
		}
		if len(later) == len(left) {
			return refused
		}
		left = later
	}
	return nil
}

// Shell returns the echo commands.
func (t Together) Shell() string {
	var lines []string
	for _, v := range t.Values {
		lines = append(lines, Write{Dir: t.Dir, File: v[0], Value: v[1]}.Shell())
	}
	return strings.Join(lines, "\n")
}

// Undo returns nil.
func (Together) Undo() plan.HostStep { return nil }

// limit writes a limit, and says why the kernel does not take it.
func limit(dir, file, value string) error {
	err := write(dir, file, value)
	switch {
	case errors.Is(err, syscall.EBUSY) && strings.HasPrefix(file, "memory."):
		if usage, rerr := os.ReadFile(filepath.Join(dir, strings.Replace(file, "limit", "usage", 1))); rerr == nil {
			return fmt.Errorf("unable to set memory limit to %s (current usage: %s): %w", value, strings.TrimSpace(string(usage)), err)
		}
	case errors.Is(err, fs.ErrNotExist):
		if _, there := os.Stat(dir); there == nil {
			return fmt.Errorf("the kernel has no %s, or the parents do not pass on its controller: %w", file, err)
		}
	}
	return err
}

// write writes a file of a group.
func write(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(value); err != nil {
		return fmt.Errorf("write %q: %w", value, err)
	}
	return nil
}
