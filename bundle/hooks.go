package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime"
	"mydocker/runtime/cgroup"
)

// Hooks runs a container's hooks while its first process waits; see "POSIX-platform
// Hooks" of config.md.
type Hooks struct {
	Kind  string
	Hooks []specs.Hook
	State specs.State // but for its process ID
	// Inside are in the container's namespaces, where its root is not yet
	// entered.
	Inside *specs.Spec
}

// Emit waits for them.
func (h Hooks) Emit(b *initprog.Builder) { b.Meet() }

// Shell shows the commands.
func (h Hooks) Shell() string {
	var lines []string
	for _, k := range h.Hooks {
		lines = append(lines, "# "+h.Kind+" hook, with the container's state on its standard input: "+plan.Cmd(k.Path))
	}
	return strings.Join(lines, "\n")
}

// Meet runs them.
func (h Hooks) Meet(env *plan.Env) error {
	h.State.Pid = env.Pid
	if h.Inside == nil {
		return runHooks(h.Kind, h.Hooks, h.State)
	}
	return runInside(h.Kind, h.Hooks, h.State, inside{h.Inside, h.Inside.Root.Path, nil, runtime.CompileHook})
}

// readyHooks are those of create.
func (m *making) readyHooks(h *specs.Hooks) (steps []plan.InitStep) {
	state := m.state()
	// What engines and their hooks have come to expect.
	state.Status = specs.StateCreated
	//lint:ignore SA1019 deprecated, and to be run
	for _, k := range []Hooks{{Kind: "prestart", Hooks: h.Prestart}, {Kind: "createRuntime", Hooks: h.CreateRuntime}, {Kind: "createContainer", Hooks: h.CreateContainer, Inside: m.spec}} {
		if k.State = state; len(k.Hooks) > 0 {
			steps = append(steps, k)
		}
	}
	return steps
}

// startHooks runs those of start, in the container, as its own process would be.
func (r *Runtime) startHooks(c *locked, spec *specs.Spec) error {
	if spec.Hooks == nil || len(spec.Hooks.StartContainer) == 0 {
		return nil
	}
	groups, err := c.groups(nil)
	if err != nil {
		return err
	}
	return runInside("startContainer", spec.Hooks.StartContainer, c.State(), inside{spec, spec.Process.Cwd, groups, runtime.CompileJoin})
}

// poststop runs the hooks that follow a container's end. That one fails is a
// warning.
func (r *Runtime) poststop(spec *specs.Spec, rec Record) {
	if spec.Hooks == nil {
		return
	}
	c := Container{Record: rec, Status: specs.StateStopped}
	for i := range spec.Hooks.Poststop {
		if err := runHook("poststop", i, spec.Hooks.Poststop[i], c.State(), fork); err != nil {
			r.warn("%v", err)
		}
	}
}

// runHooks runs hooks on the host, until one fails.
func runHooks(kind string, hooks []specs.Hook, s specs.State) error {
	for i, h := range hooks {
		if err := runHook(kind, i, h, s, fork); err != nil {
			return err
		}
	}
	return nil
}

// inside is where hooks run that are in the namespaces of a container.
type inside struct {
	spec *specs.Spec
	// dir is the working directory: createContainer hooks begin in the container's
	// root, as the host calls it then, startContainer hooks where the program will.
	dir     string
	groups  *cgroup.Steps
	compile func(runtime.Join, runtime.JoinFacts) (*plan.Plan, error)
}

// runInside runs hooks in the namespaces of a container, by a plan that joins
// them.
func runInside(kind string, hooks []specs.Hook, s specs.State, in inside) error {
	target, err := linux.OpenProcess(s.Pid)
	if err != nil {
		return err
	}
	defer target.Close()
	s.Pid = insidePid(s.Pid)
	for i, h := range hooks {
		p := *in.spec.Process
		p.Args, p.Env, p.Terminal, p.Cwd = h.Args, h.Env, false, in.dir
		plan, err := in.compile(runtime.Join{Spec: in.spec, Process: &p, Program: h.Path, Groups: in.groups}, runtime.JoinFacts{})
		if err != nil {
			return err
		}
		if err := runHook(kind, i, h, s, joining(plan, target)); err != nil {
			return err
		}
	}
	return nil
}

// insidePid returns a process's number in its own PID namespace.
func insidePid(pid int) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		if list, ok := strings.CutPrefix(line, "NSpid:"); ok {
			var n int
			f := strings.Fields(list)
			if _, err := fmt.Sscan(f[len(f)-1], &n); err == nil {
				return n
			}
		}
	}
	return pid
}

// starter starts a hook with these standard streams.
type starter func(h specs.Hook, s specs.State, stdio [3]*os.File) (pid int, err error)

// fork starts a hook on the host, in the bundle's directory.
func fork(h specs.Hook, s specs.State, stdio [3]*os.File) (int, error) {
	p, err := os.StartProcess(h.Path, h.Args, &os.ProcAttr{Dir: s.Bundle, Env: append([]string{}, h.Env...), Files: stdio[:]})
	if err != nil {
		return 0, err
	}
	pid := p.Pid
	p.Release()
	return pid, nil
}

func joining(p *plan.Plan, target *os.File) starter {
	return func(_ specs.Hook, _ specs.State, stdio [3]*os.File) (int, error) {
		running, err := runtime.Start(runtime.Launch{Plan: p, Runner: &plan.Runner{}, Stdio: stdio, Target: target})
		if err != nil {
			return 0, err
		}
		return running.Pid, nil
	}
}

// runHook runs one: the container's state is on its standard input, what it
// says is part of the error.
func runHook(kind string, i int, h specs.Hook, s specs.State, start starter) error {
	if len(h.Args) == 0 {
		h.Args = []string{h.Path}
	}
	said, err := hookProcess(h, s, start)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("error running %s hook #%d (%s): %w", kind, i, h.Path, err)
	if said = strings.TrimSpace(said); said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return err
}

// maxSaid is how much of a hook's output becomes part of an error.
const maxSaid = 4096

func hookProcess(h specs.Hook, s specs.State, start starter) (said string, err error) {
	state, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	inR, inW, err := os.Pipe()
	if err != nil {
		return "", err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return "", errors.Join(err, inR.Close(), inW.Close())
	}
	pid, err := start(h, s, [3]*os.File{inR, outW, outW})
	inR.Close()
	outW.Close()
	if err != nil {
		inW.Close()
		outR.Close()
		return "", err
	}
	go func() {
		defer inW.Close()
		inW.Write(state) // a hook need not read it
	}()
	out := make(chan string, 1)
	go func() {
		defer outR.Close()
		b, _ := io.ReadAll(io.LimitReader(outR, maxSaid))
		io.Copy(io.Discard, outR)
		out <- string(b)
	}()
	err = waitHook(pid, h.Timeout)
	select { // what it started may hold its output open
	case said = <-out:
	case <-time.After(100 * time.Millisecond):
		outR.SetReadDeadline(time.Now())
		said = <-out
	}
	return said, err
}

// waitHook waits for a hook's end, at most for the seconds that it has.
func waitHook(pid int, timeout *int) error {
	late := false
	if timeout != nil {
		p, err := linux.OpenProcess(pid)
		if err != nil {
			return err
		}
		defer p.Close()
		ended, err := linux.WaitProcessFor(p, time.Duration(*timeout)*time.Second)
		if late = err == nil && !ended; late {
			linux.SendSignal(p, syscall.SIGKILL)
		}
	}
	var ws syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &ws, 0, nil)
		if err == nil {
			break
		}
		if err != syscall.EINTR {
			return os.NewSyscallError("wait4", err)
		}
	}
	switch {
	case late:
		return fmt.Errorf("it did not end within %d seconds and was killed", *timeout)
	case ws.Signaled():
		return fmt.Errorf("it was killed by signal %d (%v)", ws.Signal(), ws.Signal())
	case ws.ExitStatus() != 0:
		return fmt.Errorf("exit status %d", ws.ExitStatus())
	}
	return nil
}
