// Package plan describes the making of a container as data: steps in order,
// each of which can be run, timed, printed as a shell command, written to a
// journal before it runs, and undone.
//
// A plan is compiled by package runtime from an OCI runtime specification and
// probed facts; it holds no conditions, variables or loops. What only run time
// knows (the process ID of the container) is in [Env].
package plan

import (
	"os"

	"mydocker/initprog"
)

// A Step is one change to the host or to the container being made, small
// enough that a person could make it with one shell command.
//
// A Step holds everything it needs, so that two equal Steps make the same
// change. Its exported fields are its whole content: they are what the journal
// stores.
type Step interface {
	// Shell returns the command of sh(1) that makes the same change: one
	// line, or a few. A Step that no command can make returns a comment
	// ("# ...") that says what it does. "$pid" stands for the process ID of
	// the container's first process, seen from the host.
	Shell() string
}

// A HostStep is a Step made by the engine on the host. Its effect outlives the
// container's namespaces: nothing but its Undo takes it back.
type HostStep interface {
	Step

	// Do makes the change. Where it fails it changed nothing, or left
	// something that Undo takes back.
	Do(*Env) error

	// Undo returns the step that takes the change back, or nil where there
	// is nothing to take back. That step succeeds when there is nothing left
	// to undo, also when Do never ran or stopped half way. It never follows
	// a mount and never removes across a mount point.
	Undo() HostStep
}

// An InitStep is a Step made by the container's first process, before its
// execve(2).
type InitStep interface {
	Step

	// Emit appends the system calls that make the change to the program of
	// the container's first process. It makes no system call itself.
	Emit(*initprog.Builder)
}

// A Meeting is an InitStep for which the first process waits while the host's
// side does what only it can do: hooks, a copy of files. Its Emit appends
// [initprog.Builder.Meet].
type Meeting interface {
	InitStep

	// Meet does the host's part. What it does ends with the container's
	// namespaces, or needs no undoing.
	Meet(*Env) error
}

// A Telling step says in its errors what it is for, in the words of the
// specification: they begin with that.
type Telling interface {
	Step

	Tells() string
}

// Env is what steps may learn only while the plan runs.
type Env struct {
	// Pid is the container's first process, seen from the host; 0 before
	// Spawn. Attach steps may rely on it.
	Pid int

	// Socket is connected to the first process where its plan says so; see
	// rootfs.Mapped. Nil otherwise.
	Socket *os.File

	// Dead says that the container's processes and with them its namespaces
	// are known to be gone, so that what lived in them needs no undoing.
	Dead bool
}

// A Plan makes one container. Its parts follow the processes that run them:
// Create, Host and Attach in the engine, Init in the container's first process.
type Plan struct {
	Create []HostStep // for as long as the container is, running or not
	Host   []HostStep // before the first process exists; undone when it has ended
	Beside []HostStep // likewise, at the same time as it is started: it waits for them
	Spawn  Spawn      // start it in new namespaces
	Placed []HostStep // it exists, and waits before it does anything
	Attach []HostStep // it exists, and prepares or waits
	Init   []InitStep // what it does, ending in execve(2)
}
