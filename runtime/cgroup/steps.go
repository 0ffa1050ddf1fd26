package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"mydocker/linux"
	"mydocker/plan"
)

// HostSteps lists the host steps of this room, for the journal.
func HostSteps() []plan.HostStep {
	return []plan.HostStep{Make{}, Remove{}, Write{}, Devices{}, DeviceFilter{}}
}

// Make makes a control group, with its parents.
type Make struct {
	Dir string
	// Own is the parent that belongs to the engine: it goes with the last
	// group in it. Empty: the parents are the user's and stay.
	Own string
	// Cpuset says that the group is born without CPUs and memory nodes
	// (version 1) and inherits those of its parent.
	Cpuset bool
	// Delegate are the controllers of version 2 that the parents pass down.
	Delegate []string
	// Mount is where the hierarchy is mounted: parents end there.
	Mount string
	// Freezer is the same container's group in the freezer hierarchy of version
	// 1, or empty; see [Remove].
	Freezer string `json:",omitempty"`
}

// Do makes the group. A parent may be removed by another engine's Remove
// meanwhile; then it is made again.
func (m Make) Do(*plan.Env) (err error) {
	if len(m.Delegate) == 0 && !m.Cpuset && os.Mkdir(m.Dir, 0o755) == nil {
		return nil // the usual case: the parent is there
	}
	for range 20 {
		// ENODEV: a parent is just going.
		if err = m.makeAll(); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENODEV) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("make control group: %w", err)
	}
	return nil
}

// makeAll makes the group and its parents, from the top.
func (m Make) makeAll() error {
	if err := m.delegate(m.Mount); err != nil {
		return err
	}
	for _, dir := range m.chain() {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if m.Cpuset {
			if err := inherit(dir); err != nil {
				return err
			}
		}
		if dir != m.Dir {
			if err := m.delegate(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// chain returns the groups from below the mount point down to Dir.
func (m Make) chain() (dirs []string) {
	for dir := m.Dir; dir != m.Mount && len(dir) > len(m.Mount); dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
	}
	slices.Reverse(dirs)
	return dirs
}

// delegate lets a group of version 2 pass its controllers to its children.
func (m Make) delegate(dir string) error {
	for _, c := range m.Delegate {
		if err := write(dir, "cgroup.subtree_control", "+"+c); err != nil {
			return err
		}
	}
	return nil
}

// inherit gives a new cpuset of version 1 what its parent has.
func inherit(dir string) error {
	for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
		now, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			return err
		}
		if strings.TrimSpace(string(now)) != "" {
			continue
		}
		have, err := os.ReadFile(filepath.Join(filepath.Dir(dir), f))
		if err != nil {
			return err
		}
		if err := write(dir, f, strings.TrimSpace(string(have))); err != nil {
			return err
		}
	}
	return nil
}

// Shell returns the mkdir(1) commands, and what parents pass down.
func (m Make) Shell() string {
	if len(m.Delegate) == 0 && !m.Cpuset {
		return plan.Cmd("mkdir", "-p", m.Dir)
	}
	lines := m.delegateShell(m.Mount)
	for _, dir := range m.chain() {
		lines = append(lines, plan.Cmd("mkdir", "-p", dir))
		if m.Cpuset {
			for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
				at, from := plan.Quote(dir+"/"+f), plan.Quote(filepath.Dir(dir)+"/"+f)
				lines = append(lines, "[ -n \"$(cat "+at+")\" ] || cat "+from+" > "+at)
			}
		}
		if dir != m.Dir {
			lines = append(lines, m.delegateShell(dir)...)
		}
	}
	return strings.Join(lines, "\n")
}

func (m Make) delegateShell(dir string) []string {
	if len(m.Delegate) == 0 {
		return nil
	}
	return []string{plan.Cmd("echo", "+"+strings.Join(m.Delegate, " +")) + " > " + plan.Quote(dir+"/cgroup.subtree_control")}
}

// Undo removes the group, and the engine's own parent if it was the last in it.
func (m Make) Undo() plan.HostStep { return Remove{m.Dir, m.Own, m.Freezer} }

// Present tells whether the group is there.
func (m Make) Present() bool { _, err := os.Lstat(m.Dir); return err == nil }

// Write sets a limit.
type Write struct{ Dir, File, Value string }

// Do writes the value.
func (w Write) Do(*plan.Env) error { return write(w.Dir, w.File, w.Value) }

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

// Shell returns the echo command.
func (w Write) Shell() string {
	return plan.Cmd("echo", w.Value) + " > " + plan.Quote(w.Dir+"/"+w.File)
}

// Undo returns nil: the group goes as a whole.
func (Write) Undo() plan.HostStep { return nil }

// Devices sets which devices a group of version 1 may use, see
// cgroup-v1/devices.rst. Each rule is "allow" or "deny" and a line for the
// kernel.
type Devices struct {
	Dir   string
	Rules [][2]string
}

// Do writes the rules in order.
func (d Devices) Do(*plan.Env) error {
	for _, r := range d.Rules {
		if err := write(d.Dir, "devices."+r[0], r[1]); err != nil {
			return err
		}
	}
	return nil
}

// Shell returns an echo command for each rule.
func (d Devices) Shell() string {
	var lines []string
	for _, r := range d.Rules {
		lines = append(lines, plan.Cmd("echo", r[1])+" > "+plan.Quote(d.Dir+"/devices."+r[0]))
	}
	return strings.Join(lines, "\n")
}

// Undo returns nil.
func (Devices) Undo() plan.HostStep { return nil }

// DeviceFilter sets which devices a group of version 2 may use: a program of
// type BPF_PROG_TYPE_CGROUP_DEVICE. The last rule that fits decides; without
// one, no.
type DeviceFilter struct {
	Dir   string
	Rules []linux.DeviceRule
}

// Do loads the program and attaches it to the group.
func (d DeviceFilter) Do(*plan.Env) error { return linux.AttachDeviceFilter(d.Dir, d.Rules) }

// Shell says what the program allows.
func (d DeviceFilter) Shell() string {
	var rules []string
	for _, r := range d.Rules {
		rules = append(rules, r.String())
	}
	return "# bpf(2), no command: a device filter for " + d.Dir + ": " + strings.Join(rules, ", ")
}

// Undo returns nil: the program goes with the group.
func (DeviceFilter) Undo() plan.HostStep { return nil }
