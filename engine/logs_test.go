package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/container"
	"mydocker/jsonlog"
	logfile "mydocker/jsonlog/reader"
)

// logged returns an engine with a container, in this process's hands.
func logged(t *testing.T, status container.Status) (*Engine, *container.Handle) {
	t.Helper()
	dir := t.TempDir()
	e, err := New(filepath.Join(dir, "root"), filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	rec := &container.Record{ID: container.NewID(), Name: "one", Created: time.Now(), Status: status, Pid: 1 << 29, StartTicks: 7}
	h, err := e.Containers.Create(rec, &specs.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return e, h
}

func logger(t *testing.T, e *Engine, id string) *jsonlog.Writer {
	t.Helper()
	w, err := jsonlog.Open(e.LogPath(id), jsonlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// collect returns an emit function and what it got.
func collect() (func(logfile.Record) error, func() string) {
	var all strings.Builder
	return func(r logfile.Record) error { all.Write(r.Text); return nil }, all.String
}

func TestLogs(t *testing.T) {
	e, h := logged(t, container.Created)
	for _, follow := range []bool{false, true} { // nothing runs, so following ends
		emit, got := collect()
		if err := e.Logs(t.Context(), "one", LogOptions{Tail: -1, Follow: follow}, emit); err != nil || got() != "" {
			t.Errorf("a container that never ran: %q, %v", got(), err)
		}
	}
	w := logger(t, e, h.ID())
	fmt.Fprint(w.Stream("stdout"), "one\ntwo\nthree\n")
	for _, follow := range []bool{false, true} {
		emit, got := collect()
		if err := e.Logs(t.Context(), h.ID()[:12], LogOptions{Tail: 2, Follow: follow}, emit); err != nil || got() != "two\nthree\n" {
			t.Errorf("got %q, %v", got(), err)
		}
	}
	var missing *container.NotFoundError
	if err := e.Logs(t.Context(), "two", LogOptions{}, nil); !errors.As(err, &missing) {
		t.Error(err)
	}
	if err := h.Update(func(r *container.Record) error { r.Status = container.Removing; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := e.Logs(t.Context(), "one", LogOptions{}, nil); err != ErrLogGone {
		t.Error(err)
	}
}

// TestFollowEnds follows a container that runs: it writes when the follower
// waits, then ends in one of the ways there are. It fails by not ending.
func TestFollowEnds(t *testing.T) {
	for name, end := range map[string]func(*Engine, *container.Handle) error{
		"exit file":     writeExit,
		"record":        func(_ *Engine, h *container.Handle) error { return h.Update(exited) },
		"removal":       func(_ *Engine, h *container.Handle) error { return h.Remove() },
		"killed keeper": func(_ *Engine, h *container.Handle) error { h.KeepActive(); h.Close(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			e, h := logged(t, container.Running)
			w := logger(t, e, h.ID())
			s := w.Stream("stdout")
			fmt.Fprintln(s, "before")
			round := 0
			o := LogOptions{Follow: true, Tail: -1, Idle: func() error {
				switch round++; round {
				case 1:
					fmt.Fprintln(s, "meanwhile")
				case 2:
					fmt.Fprintln(s, "last")
					return end(e, h)
				}
				return nil
			}}
			emit, got := collect()
			if err := e.Logs(t.Context(), "one", o, emit); err != nil || got() != "before\nmeanwhile\nlast\n" {
				t.Errorf("got %q, %v", got(), err)
			}
		})
	}
}

func exited(r *container.Record) error { r.Ended(0, time.Now()); return nil }

func writeExit(e *Engine, h *container.Handle) error {
	b, err := json.Marshal(container.Exit{Pid: h.Record.Pid, StartTicks: h.Record.StartTicks, Code: 3})
	if err != nil {
		return err
	}
	next := filepath.Join(h.Dir(), "exit.next")
	return errors.Join(os.WriteFile(next, b, 0o600), os.Rename(next, filepath.Join(h.Dir(), container.ExitFile)))
}
