package faults_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/pflag"

	"mydocker/cli/runflags"
	"mydocker/engine"
	"mydocker/internal/testenv"
	"mydocker/oci"
	"mydocker/plan"
)

// The environment of a child that runs one container and, at one point, kills itself.
const (
	envRoot  = "FAULTS_ROOT"
	envState = "FAULTS_STATE"
	envPoint = "FAULTS_POINT" // a number of calls of Around

	envProgram = "FAULTS_PROGRAM" // the command, for what goes on without the child

	envNetwork = "FAULTS_NETWORK" // set in the network namespace of the tests
)

func TestMain(m *testing.M) {
	if os.Getenv(envPoint) == "" {
		ownNetwork()
		os.Exit(m.Run())
	}
	if err := child(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// ownNetwork puts the whole process into a network namespace of its own: the
// engine's goroutines run on any thread.
func ownNetwork() {
	unshare, err := exec.LookPath("unshare")
	if os.Geteuid() != 0 || err != nil || os.Getenv(envNetwork) != "" {
		return
	}
	args := append([]string{"unshare", "--net", self()}, os.Args[1:]...)
	if err := syscall.Exec(unshare, args, append(os.Environ(), envNetwork+"=own")); err != nil {
		panic(err)
	}
}

// child runs the container, and is gone at the point it was told.
func child() error {
	point, err := strconv.Atoi(os.Getenv(envPoint))
	if err != nil {
		return err
	}
	e, err := engine.New(os.Getenv(envRoot), os.Getenv(envState))
	if err != nil {
		return err
	}
	e.Program = os.Getenv(envProgram)
	if err := e.Prepare(); err != nil {
		return err
	}
	calls := 0
	e.Around = func(string, int, bool) error {
		if calls++; calls == point {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	}
	_, err = runOnce(e, nil)
	fmt.Println("calls", calls)
	return err
}

// request is a container with everything switched on.
func request() (*oci.Request, error) {
	fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
	f := runflags.Add(fs, true)
	args := []string{"--memory", "100m", "--cpus", "0.5", "--pids-limit", "50", "--cpuset-cpus", "0", "--hostname", "faults", "--user", "1000:1000",
		"--cap-add", "NET_ADMIN", "--cap-drop", "MKNOD", "--read-only", "--tmpfs", "/run", "--tmpfs", "/tmp", "-v", "/usr:/data:ro", "--shm-size", "16m",
		"--ulimit", "nofile=100:100", "--oom-score-adj", "100", "-w", "/data", "--dns", "192.0.2.1", "--add-host", "db:192.0.2.2",
		"--device", "/dev/null:/dev/mynull", "--sysctl", "net.ipv4.ip_forward=1", "--init", "--time-offset", "boottime=+1h", "host", "true"}
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	return f.Request(runflags.OS(), fs.Args())
}

// runOnce makes and runs the container, and removes it.
func runOnce(e *engine.Engine, trace func(plan.Event)) (engine.Exit, error) {
	r, err := request()
	if err != nil {
		return engine.Exit{}, err
	}
	c, err := e.Create(r, engine.CreateOptions{AutoRemove: true, Start: true})
	if err != nil {
		return engine.Exit{}, err
	}
	defer c.Close()
	a, err := e.Start(c, engine.StartOptions{Trace: trace, Attach: engine.Attach{Out: true}})
	if err != nil {
		return engine.Exit{}, err
	}
	defer a.Close()
	return a.Wait()
}

// bed is an engine in a network namespace of its own, in which one container
// has run: what stays for all containers is there.
func bed(t *testing.T) (testenv.Engine, *engine.Engine) {
	testenv.Root(t)
	if os.Getenv(envNetwork) == "" {
		t.Skip("no unshare(1) to make a network namespace with")
	}
	env := testenv.NewEngine(t)
	e := open(t, env)
	if exit, err := runOnce(e, nil); err != nil || exit.Code != 0 {
		t.Fatalf("the container does not even run undisturbed: %v %v", exit, err)
	}
	testenv.Reaped(t, "veth")
	return env, e
}

func open(t *testing.T, env testenv.Engine) *engine.Engine {
	t.Helper()
	e, err := engine.New(env.Root, env.State)
	if err != nil {
		t.Fatal(err)
	}
	e.Program = testenv.Binary(t)
	settled(t, e)
	if err := e.Prepare(); err != nil {
		t.Fatal(err)
	}
	return e
}

// settled waits until the monitors that lost their command are done.
func settled(t *testing.T, e *engine.Engine) {
	t.Helper()
	active, err := e.Containers.Active()
	for _, id := range active {
		err = errors.Join(err, e.Containers.WaitFree(id))
	}
	if err != nil {
		t.Fatal(err)
	}
}

var errFault = errors.New("injected fault")

// TestEveryHostStepFails makes each host step fail in turn, and each undo.
func TestEveryHostStepFails(t *testing.T) {
	env, e := bed(t)
	total := 0
	e.Around = func(_ string, _ int, after bool) error { total++; return nil }
	if _, err := runOnce(e, nil); err != nil {
		t.Fatal(err)
	}
	for point := 1; point <= total; point++ {
		t.Run(strconv.Itoa(point), func(t *testing.T) {
			testenv.Reaped(t, "veth")
			testenv.Leaks(t, env.Root, env.State)
			calls := 0
			e.Around = func(string, int, bool) error {
				if calls++; calls == point {
					return errFault
				}
				return nil
			}
			if _, err := runOnce(e, nil); !errors.Is(err, errFault) {
				t.Errorf("the fault got lost: %v", err)
			}
			open(t, env) // the next command
		})
	}
	t.Logf("%d points before and after host steps and their undoing", total)
}

// TestEveryInitStepFails makes each step of the first process fail in turn.
func TestEveryInitStepFails(t *testing.T) {
	env, e := bed(t)
	steps := 0
	for ; ; steps++ {
		done := false
		t.Run(strconv.Itoa(steps+1), func(t *testing.T) {
			testenv.Reaped(t, "veth")
			testenv.Leaks(t, env.Root, env.State)
			e.BreakInit = steps + 1
			exit, err := runOnce(e, nil)
			done = err == nil
			if done && exit.Code != 0 {
				t.Errorf("exit code %d", exit.Code)
			}
		})
		if done {
			break
		}
	}
	if steps < 50 {
		t.Errorf("only %d init steps could fail: is everything switched on?", steps)
	}
	t.Logf("%d init steps", steps)
}

// TestKilledAtEveryHostStep kills the command right before and right after each
// host step, and each undo; the next command finds nothing left.
func TestKilledAtEveryHostStep(t *testing.T) {
	env, _ := bed(t)
	out, err := run(t, env, 1<<30)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var total int
	if _, err := fmt.Sscanf(lastLine(out), "calls %d", &total); err != nil || total == 0 {
		t.Fatalf("no count in %q", out)
	}
	testenv.Reaped(t, "veth")
	for point := 1; point <= total; point++ {
		t.Run(strconv.Itoa(point), func(t *testing.T) {
			testenv.Reaped(t, "veth")
			testenv.Leaks(t, env.Root, env.State)
			out, err := run(t, env, point)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the child was to be killed: %v\n%s", err, out)
			}
			e := open(t, env)
			if all, err := e.List(); err != nil || len(all) != 0 {
				t.Errorf("containers left: %v %v", all, err)
			}
			if left, _ := filepath.Glob(filepath.Join(env.Root, "containers", "*")); len(left) > 0 {
				t.Errorf("directories left: %v", left)
			}
		})
	}
	t.Logf("killed at %d points", total)
}

func run(t *testing.T, env testenv.Engine, point int) (string, error) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.Env = append(os.Environ(), envRoot+"="+env.Root, envState+"="+env.State, envPoint+"="+strconv.Itoa(point), envProgram+"="+testenv.Binary(t))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func lastLine(s string) string {
	l := strings.Split(strings.TrimSpace(s), "\n")
	return l[len(l)-1]
}

// self is the test's own executable by a name that another program can start.
func self() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}
