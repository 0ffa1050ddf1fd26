package runtime

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"mydocker/initprog"
	"mydocker/plan"
	"mydocker/runtime/process"
)

// Launch says how to run a plan.
type Launch struct {
	Plan   *plan.Plan
	Runner *plan.Runner
	Stdio  [3]*os.File

	// Target is a pidfd (pidfd_open(2)) of the process whose namespaces a plan
	// of [CompileJoin] enters; nil for other plans. It stays the caller's.
	Target *os.File

	// Hold are the descriptors of a plan with [Container.Hold]: the read end of
	// what starts the container (a byte, or its end), and the write end of where
	// it tells a failure of its execve(2), as [Result] reads it. They stay the
	// caller's. Start returns when the process waits for the first.
	Hold [2]*os.File
	// Preserved are what the program inherits, see [Container.Preserve].
	Preserved []*os.File

	// Listener gets the descriptor of a seccomp filter that asks another process.
	Listener *Listener

	// Terminal says that the plan opens one: its master is in Running.Console.
	Terminal bool
	// Traced says that the system calls of the first process are timed.
	Traced bool

	// Parent starts the process and stays with it; nil is the caller itself.
	Parent Parent

	// Begin is called when the first process exists, with its process ID,
	// before it does anything that outlives it: the place to write it down.
	Begin func(pid int) error

	// BreakInit makes the init step with that number less one fail, for
	// tests: 1 is the first. 0: none.
	BreakInit int
}

// A Parent makes the first process its child.
type Parent interface {
	// Fork starts it. From status, where there is one, a reaper's answer is to
	// be read: a siginfo_t.
	Fork(p initprog.Start, status *os.File) (pid int, err error)
	// Reborn says that process first has cloned now to go on in its place,
	// another child, and ends.
	Reborn(first, now int) error
	// Kill kills a process that did not become the container's, and waits for
	// its end.
	Kill(pid int)
}

// Running is a container whose program was started, a child of its Parent.
type Running struct {
	Pid     int
	Console *os.File // master of the terminal, or nil

	status *os.File // where a reaper writes how the program ended
}

// Start makes the host steps, the first process and the attach steps of the
// plan, and returns when the container's program has been started by
// execve(2). When it fails no process is left; host steps stay, to be undone
// by the caller from the journal. The error is a *plan.Error.
func Start(l Launch) (*Running, error) {
	env := &plan.Env{}
	if err := l.Runner.Do(env, plan.PartHost, l.Plan.Host); err != nil {
		return nil, err
	}
	beside := l.beside()
	s, err := l.spawn()
	failed := <-beside
	if err != nil {
		return nil, errors.Join(&plan.Error{Part: plan.PartSpawn, Step: l.Plan.Spawn, Err: err}, failed)
	}
	defer s.proc.Close()
	if failed == nil {
		failed = s.through(env)
	}
	if err := failed; err != nil {
		s.kill()
		return nil, err
	}
	return s.running, nil
}

// starting is a container between clone(2) and execve(2).
type starting struct {
	Launch
	proc    *initprog.Process
	running *Running
	console *os.File // our end of the socket that brings the terminal
	born    time.Duration
	ready   bool // it holds
}

// through goes from clone to execve.
func (s *starting) through(env *plan.Env) error {
	if err := s.placed(env); err != nil {
		return err
	}
	if err := s.settled(env); err != nil {
		return err
	}
	env.Pid, env.Socket = s.running.Pid, s.console
	if s.Begin != nil {
		if err := s.Begin(env.Pid); err != nil {
			return &plan.Error{Part: plan.PartSpawn, Step: s.Plan.Spawn, Err: err}
		}
	}
	if err := s.Runner.Do(env, plan.PartAttach, s.Plan.Attach); err != nil {
		return s.firstCause(err)
	}
	if slices.Contains(s.Plan.Init, plan.InitStep(process.Wait{})) { // it does not ask
		if err := s.proc.Go(); err != nil && !errors.Is(err, syscall.EPIPE) { // EPIPE: it failed; Await tells
			return s.explain(fmt.Errorf("wake the first process: %w", err))
		}
	}
	err := s.proc.Await(func(kind, value int) (bool, error) { return s.answer(env, kind, value) })
	s.traceCalls()
	if err != nil {
		return s.explain(err)
	}
	if err := s.silent(); err != nil {
		return s.explain(err)
	}
	if s.console != nil {
		defer s.console.Close()
	}
	if s.Terminal {
		s.running.Console, err = receive(s.console)
	}
	return err
}

// firstCause returns what failed in the first process, if that is why an attach
// step could not be made, because the process was gone; or else the step's own
// failure.
func (s *starting) firstCause(attach error) error {
	gone := errors.Is(attach, syscall.ESRCH) || errors.Is(attach, syscall.ENOENT) || errors.Is(attach, syscall.EPIPE) || errors.Is(attach, syscall.ECONNRESET)
	if !gone {
		return attach
	}
	s.proc.Abandon()
	closeFiles([]*os.File{s.console})
	s.console = nil
	var e *initprog.Error
	if err := s.proc.Await(nil); errors.As(err, &e) {
		return s.explain(err)
	}
	return attach
}

// explain turns a failure of the program into one of its step.
func (s *starting) explain(err error) error {
	var done *plan.Error
	if errors.As(err, &done) {
		return err
	}
	var e *initprog.Error
	if !errors.As(err, &e) || e.Step < 0 {
		return &plan.Error{Part: plan.PartSpawn, Step: s.Plan.Spawn, Err: err}
	}
	return &plan.Error{Part: plan.PartInit, Step: s.Plan.Init[e.Step], Call: e.Label, Err: e.Errno}
}

func (s *starting) kill() {
	s.Listener.close()
	s.Parent.Kill(s.running.Pid)
	closeFiles([]*os.File{s.console, s.running.status})
}

// traceCalls hands on how long each call of the program took.
func (s *starting) traceCalls() {
	stamps, err := s.proc.Stamps()
	if err != nil || s.Runner.Trace == nil {
		return
	}
	last := s.born
	for _, st := range stamps {
		e := plan.Event{Part: plan.PartInit, Call: st.Call, Took: st.End - last, Start: last}
		if st.Step >= 0 {
			e.Step = s.Plan.Init[st.Step]
		} else {
			e.Part, e.Step, e.Call = plan.PartSpawn, s.Plan.Spawn, "clone and start"
		}
		s.Runner.Trace(e)
		last = st.End
	}
}

// receive takes a descriptor from the socket (SCM_RIGHTS, unix(7)).
func receive(sock *os.File) (*os.File, error) {
	buf, oob := make([]byte, 1), make([]byte, syscall.CmsgSpace(4))
	_, n, _, _, err := syscall.Recvmsg(int(sock.Fd()), buf, oob, syscall.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("receive the terminal: %w", err)
	}
	msgs, err := syscall.ParseSocketControlMessage(oob[:n])
	if err != nil || len(msgs) != 1 {
		return nil, fmt.Errorf("receive the terminal: no descriptor came")
	}
	fds, err := syscall.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("receive the terminal: no descriptor came")
	}
	// Non-blocking, so that closing it ends a read that waits.
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fds[0]), "terminal"), nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}
