// Package cli_test runs the command line's scripts, testdata/*.txtar: what is
// typed, and what comes back.
package cli_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mydocker/internal/testenv"
)

// TestScripts runs each script with an engine, a network namespace, and a
// comparison of the machine of its own. In a script are
//
//	$BUSYBOX       a root filesystem, for --rootfs; not to be written to
//	status N CMD   runs CMD, which must end with exit code N
func TestScripts(t *testing.T) {
	testenv.Root(t)
	busybox, binary := testenv.Busybox(t), testenv.Binary(t)
	work := testenv.Dir(t)
	// Ordinary users run the command from here.
	if err := os.Chmod(work, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(work, "mydocker")); err != nil {
		t.Fatal(err)
	}
	testscript.RunT(shim{t}, testscript.Params{
		Dir:         "testdata",
		WorkdirRoot: work,
		Deadline:    deadline(t),
		Cmds:        map[string]func(*testscript.TestScript, bool, []string){"status": status},
		Setup: func(env *testscript.Env) error {
			env.Setenv("BUSYBOX", busybox)
			env.Setenv("PATH", work+":"+os.Getenv("PATH"))
			e := testenv.Engine{Root: filepath.Join(env.WorkDir, "engine", "root"), State: filepath.Join(env.WorkDir, "engine", "state")}
			env.Setenv("MYDOCKER_ROOT", e.Root)
			env.Setenv("MYDOCKER_STATE", e.State)
			return watch(env.T().(shim).T, e, busybox)
		},
	})
}

// deadline is when a script that hangs is ended: before the tests are.
func deadline(t *testing.T) time.Time {
	if d, ok := t.Deadline(); ok {
		return d.Add(-30 * time.Second)
	}
	return time.Time{}
}

// watch compares the machine before and after the script. The engine's first
// container, before it, makes what stays: the bridge, the parents of control
// groups.
func watch(t *testing.T, e testenv.Engine, rootfs string) error {
	if out, err := e.Command(t, "run", "--rm", "--rootfs", rootfs, "true").CombinedOutput(); err != nil {
		return fmt.Errorf("the first container: %w: %s", err, out)
	}
	testenv.Reaped(t, "veth")
	testenv.Leaks(t)
	return nil
}

// shim gives the scripts to the testing package one after the other: they
// share the machine, and each its thread with the commands it starts.
type shim struct{ *testing.T }

func (s shim) Parallel()     {}
func (s shim) Verbose() bool { return testing.Verbose() }

func (s shim) Run(name string, f func(testscript.T)) {
	s.T.Run(name, func(t *testing.T) {
		testenv.NetNS(t)
		f(shim{t})
	})
}

// status runs a command and compares its exit code.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case err == nil && want == 0:
	case errors.As(err, &exit) && exit.ExitCode() == want:
	default:
		ts.Fatalf("%v, want exit code %d", err, want)
	}
}
