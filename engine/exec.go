package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/container"
	"mydocker/monitor/wire"
	"mydocker/oci"
	"mydocker/plan"
	"mydocker/runtime"
	"mydocker/runtime/security/seccomp"
)

// ExecOptions are one more process in a container that runs.
type ExecOptions struct {
	oci.ExecRequest
	// Attach are the streams that the caller gets; without any the process goes
	// on alone.
	Attach Attach
	Trace  func(plan.Event)
}

// A PausedError says that a container would have to go on for that.
type PausedError struct{ Ref string }

func (e *PausedError) Error() string {
	return fmt.Sprintf("Container %s is paused, unpause the container before exec", e.Ref)
}

// Hint says what to do.
func (e *PausedError) Hint() string { return "mydocker unpause " + e.Ref }

// joining is an exec between request and process.
type joining struct {
	e      *Engine
	rec    *container.Record
	conn   *wire.Conn // to the container's monitor
	target *os.File   // pidfd of the container's first process
	view   rootView
	plan   *plan.Plan
	user   specs.User
	maps   *specs.Linux
}

// Exec starts a process in a container, by name or ID. It is a child of the
// container's monitor and outlives the caller.
func (e *Engine) Exec(nameOrID string, o ExecOptions) (*Execution, error) {
	j, err := e.join(nameOrID, o.ExecRequest)
	if err != nil {
		return nil, err
	}
	defer j.close()
	x, err := j.enter(o)
	if err != nil && over(j.rec) { // meanwhile
		err = &NotRunningError{j.rec.ID}
	}
	return x, err
}

// enter has the container's monitor start the process.
func (j *joining) enter(o ExecOptions) (*Execution, error) {
	k := &keeper{conn: j.conn, start: wire.Start{Exec: true, ID: j.rec.ID}}
	j.conn = nil
	x, err := j.start(k, o)
	if err != nil {
		k.dismiss()
		return nil, err
	}
	return x, nil
}

// entrance connects to the monitor of a container, and returns when that runs its
// program. Before, its root is still the host's.
func (e *Engine) entrance(rec *container.Record) (*wire.Conn, error) {
	conn, err := e.dial(rec)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLost, err)
	}
	var p wire.Packet
	if err = conn.SendWant(wire.Attach, wire.Want{}); err == nil {
		p, err = conn.Recv()
	}
	if err == nil && p.Kind != wire.Attached {
		err = fmt.Errorf("an answer of kind %c", p.Kind)
	}
	p.Close()
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%w: %w", errLost, err)
	}
	return conn, nil
}

// PlanExec returns the plan of a process in a container, and the number of the
// container's first process. It changes nothing.
func (e *Engine) PlanExec(nameOrID string, r oci.ExecRequest) (*plan.Plan, int, error) {
	j, err := e.join(nameOrID, r)
	if err != nil {
		return nil, 0, err
	}
	defer j.close()
	return j.plan, j.rec.Pid, nil
}

// join makes the plan.
func (e *Engine) join(nameOrID string, r oci.ExecRequest) (*joining, error) {
	rec, err := e.Containers.Find(nameOrID)
	if err != nil {
		return nil, err
	}
	switch rec.Status {
	case container.Running:
	case container.Paused:
		return nil, &PausedError{nameOrID}
	default:
		return nil, &NotRunningError{rec.ID}
	}
	j := &joining{e: e, rec: rec}
	err = j.open(r)
	if err == nil {
		return j, nil
	}
	j.close()
	if over(rec) { // meanwhile
		err = &NotRunningError{rec.ID}
	}
	return nil, err
}

// open reaches the container, and compiles the plan. What it opened before it
// failed is the caller's to close.
func (j *joining) open(r oci.ExecRequest) (err error) {
	if j.conn, err = j.e.entrance(j.rec); err != nil {
		return err
	}
	if j.target, err = openProcess(j.rec); err != nil {
		return err
	}
	if j.view, err = openRootView(j.rec.Pid, j.target); err != nil {
		return err
	}
	return j.compile(r)
}

func (j *joining) compile(r oci.ExecRequest) error {
	spec, filter, err := j.e.Containers.JoinSpec(j.rec.ID)
	if err != nil {
		return err
	}
	r.Groups, r.Given = j.rec.Request.GroupAdd, append(j.e.ImageConfig(j.rec).Env, j.rec.Request.Env...)
	p, err := oci.ExecProcess(spec, r, oci.HostBounding(), j.view)
	if err != nil {
		return &StartError{What: err.Error(), Code: 126}
	}
	j.user, j.maps = p.User, spec.Linux
	f := runtime.JoinFacts{}
	if f.Cgroups, err = j.e.layout(); err != nil {
		return err
	}
	if filter != nil {
		if f.Filter, err = seccomp.CachedText(filepath.Join(j.e.Root, "cache", "seccomp"), filter); err != nil {
			return err
		}
	}
	j.plan, err = runtime.CompileJoin(runtime.Join{Spec: spec, Process: p, CgroupPath: j.rec.CgroupPath}, f)
	return err
}

func (j *joining) close() {
	closeAll([]*os.File{j.target, j.view.root})
	if j.conn != nil {
		j.conn.Close()
	}
}

// start runs the plan.
func (j *joining) start(k *keeper, o ExecOptions) (*Execution, error) {
	s, err := j.streams(o)
	defer s.close()
	if err != nil {
		return nil, err
	}
	k.start.In, k.start.Out, k.start.Err = s.ours[0], s.ours[1], s.ours[2]
	c, err := runtime.Start(runtime.Launch{
		Plan: j.plan, Runner: &plan.Runner{Trace: o.Trace}, Stdio: s.theirs, Terminal: o.TTY,
		Parent: k, Target: j.target, Traced: o.Trace != nil,
	})
	if err != nil {
		return nil, diagnoseJoin(err, j.view)
	}
	if err := k.begun(c.Console); err != nil {
		c.Close()
		return nil, err
	}
	j.e.note("exec_start", j.rec, "command", plan.Cmd(o.Args...))
	x := &Execution{conn: k.conn, process: k.process, terminal: c.Console, ours: s.ours}
	s.ours = [3]*os.File{}
	return x, nil
}

// streams makes the pipes between the process and the caller. The monitor does
// not copy them; it only keeps them open.
func (j *joining) streams(o ExecOptions) (*streams, error) {
	s := &streams{}
	uid, gid := hostID(j.maps.UIDMappings, int(j.user.UID)), hostID(j.maps.GIDMappings, int(j.user.GID))
	for i, wanted := range []bool{o.Attach.In, o.Attach.Out, o.Attach.Err} {
		if err := s.open(i, wanted && !o.TTY, uid, gid); err != nil {
			return s, err
		}
	}
	return s, nil
}

var errNoExit = errors.New("the process that kept the container was killed: how the command ended is not known")
