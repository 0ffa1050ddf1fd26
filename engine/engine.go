// Package engine is containers as their users know them: made, started,
// listed, explained and removed. It is the floor between the doors (command
// line, APIs) and the stores and runtime below; it keeps no state but files.
package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"mydocker/bridge"
	"mydocker/container"
	"mydocker/firewall"
	"mydocker/image"
	"mydocker/ipam"
	"mydocker/network"
	"mydocker/plan"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/mount"
	"mydocker/runtime/process"
	"mydocker/runtime/rootfs"
)

// Default directories; see --root and --state.
const (
	DefaultRoot  = "/var/lib/mydocker"
	DefaultState = "/run/mydocker"
)

// An Engine works in two directories. Engines with different ones do not see
// each other.
type Engine struct {
	Root  string // kept: images, containers
	State string // of this boot: locks, addresses

	Containers *container.Store
	Images     *image.Store

	// Program is the path of the command mydocker, for processes that go on
	// alone; empty is the program that runs.
	Program string

	// Command says in the journal of events what the engine was asked to do.
	Command string

	// Around and BreakInit make steps fail, for tests; see [plan.Runner] and
	// runtime.Launch.
	Around    func(part string, n int, after bool) error
	BreakInit int

	layout func() (cgroup.Layout, error)
	codec  func() plan.Codec
}

// New returns the engine of these directories. It touches nothing.
func New(root, state string) (*Engine, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	state, err = filepath.Abs(state)
	if err != nil {
		return nil, err
	}
	return &Engine{
		Root: root, State: state,
		Containers: &container.Store{Root: root, State: state},
		Images:     image.Open(root),
		layout:     sync.OnceValues(cgroup.Probe),
		codec:      sync.OnceValue(codec),
	}, nil
}

// codec knows every host step that a journal may hold.
func codec() plan.Codec {
	var all []plan.HostStep
	for _, room := range [][]plan.HostStep{rootfs.Steps(), mount.Steps(), process.Steps(), cgroup.HostSteps(), bridge.Steps(), firewall.Steps(), ipam.Steps(), network.Steps()} {
		all = append(all, room...)
	}
	return plan.NewCodec(all...)
}

// ErrNotRoot says that a command needs privileges that the caller lacks.
var ErrNotRoot = errors.New("permission denied: this needs root")

// A RepairError says that something which a killed command left could not be
// taken back. The next command tries again; this one can go on.
type RepairError struct{ Err error }

func (e *RepairError) Error() string { return e.Err.Error() }
func (e *RepairError) Unwrap() error { return e.Err }

// Prepare makes the engine's directories and repairs what a killed command
// left. Every command but those that only print calls it first. A *RepairError
// keeps none from going on.
func (e *Engine) Prepare() error {
	if os.Geteuid() != 0 {
		return ErrNotRoot
	}
	for _, d := range []string{e.Root, e.State} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("make the engine's directories: %w", err)
		}
	}
	if err := e.Repair(); err != nil {
		return &RepairError{err}
	}
	return nil
}

func (e *Engine) network() network.Config {
	return network.ConfigFor(e.Root, e.Root == DefaultRoot)
}
