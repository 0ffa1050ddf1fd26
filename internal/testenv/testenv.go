// Package testenv is what tests that touch the real kernel share: the check
// that they may, the comparison of the machine before and after, a root
// filesystem, an engine's directories, the command built once, and a network
// namespace of their own.
//
// Tests that use it do not run in parallel with each other: [Root] keeps those
// of other processes waiting, and they must not call [testing.T.Parallel].
package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"mydocker/linux"
)

// Root skips the test unless it runs as root. It also takes the machine for
// this test: tests of other processes that called Root wait until it has ended,
// so that what they make is not taken for a leak of this one.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	turn.take(t)
}

// turn is shared by the tests of this process.
var turn machine

// A machine is a lock that processes of one mount namespace hold in turn. What
// is locked is the namespace's own file, which everybody has and nobody needs
// to remove.
type machine struct {
	mu   sync.Mutex
	held int
	file *os.File
}

// take holds the machine until the test, with its clean-ups, has ended. A test
// inside one that holds it holds it too.
func (m *machine) take(t testing.TB) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held == 0 {
		f, err := lockFile("/proc/self/ns/mnt")
		if err != nil {
			t.Fatal(err)
		}
		m.file = f
	}
	m.held++
	t.Cleanup(m.release)
}

func (m *machine) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held--; m.held == 0 {
		m.file.Close()
	}
}

// lockFile opens a file or directory and waits for its exclusive lock, which
// lives as long as the descriptor.
func lockFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err == nil {
			return f, nil
		}
		if err != syscall.EINTR {
			f.Close()
			return nil, &os.PathError{Op: "flock", Path: path, Err: err}
		}
	}
}

// Engine is the directories of an engine of the test's own.
type Engine struct {
	Root  string // of --root: what is kept
	State string // of --state: what lasts as long as the machine is up
}

// NewEngine makes empty directories for an engine and removes them after the
// test, unless something is still mounted below: that fails the test, and
// nothing is removed, because removing would reach through the mount.
func NewEngine(t testing.TB) Engine {
	t.Helper()
	top := Dir(t)
	e := Engine{Root: filepath.Join(top, "root"), State: filepath.Join(top, "state")}
	for _, d := range []string{e.Root, e.State} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// Flags returns the global flags that choose the engine.
func (e Engine) Flags() []string { return []string{"--root", e.Root, "--state", e.State} }

// Command returns the command mydocker with the engine's flags and args. It
// has the test's own environment and no standard input.
func (e Engine) Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), Binary(t), append(e.Flags(), args...)...)
}

// Dir is [testing.T.TempDir] for tests that mount: a directory that is removed
// after the test, but never through a mount, on the filesystem of the
// temporary directory, which can hold an overlay's upper directory where
// TMPDIR is chosen so.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mydocker-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := linux.RemoveTree(dir); err != nil {
			t.Errorf("the test's directory is not removed: %v", err)
		}
	})
	return dir
}
