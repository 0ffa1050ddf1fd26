package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

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
func (m Make) Undo() plan.HostStep { return Remove{Dir: m.Dir, Own: m.Own} }

// Present tells whether the group is there.
func (m Make) Present() bool { _, err := os.Lstat(m.Dir); return err == nil }

// Remove removes a control group with the groups below it. What is still in
// it is killed: the container has ended, so these are strays.
type Remove struct{ Dir, Own string }

// patience is how long a group may stay busy with processes that are dying.
const patience = 10 * time.Second

// Do removes the group.
func (r Remove) Do(*plan.Env) error {
	wait := time.Millisecond / 4
	for start := time.Now(); ; {
		err := removeGroup(r.Dir)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EBUSY) || time.Since(start) > patience {
			return fmt.Errorf("remove control group: %w", err)
		}
		if err := killGroup(r.Dir); err != nil {
			return err
		}
		// The kernel tells nobody when the last process of a group of
		// version 1 is gone.
		time.Sleep(wait)
		wait = min(2*wait, 50*time.Millisecond)
	}
	for p := filepath.Dir(r.Dir); r.Own != "" && strings.HasPrefix(p+"/", r.Own+"/"); p = filepath.Dir(p) {
		if syscall.Rmdir(p) != nil {
			break // others are in it
		}
	}
	return nil
}

// removeGroup removes a group from the bottom up.
func removeGroup(dir string) error {
	err := syscall.Rmdir(dir)
	if err == nil || err == syscall.ENOENT {
		return nil
	}
	entries, rerr := os.ReadDir(dir)
	if errors.Is(rerr, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeGroup(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := syscall.Rmdir(dir); err != nil && err != syscall.ENOENT {
		return &os.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

// killGroup kills every process in a group and those below.
func killGroup(dir string) error {
	if write(dir, "cgroup.kill", "1") == nil { // version 2, Linux 5.14
		return nil
	}
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return nil
		}
		pids, err := processes(path)
		if err != nil {
			return nil
		}
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		return nil
	})
}

func processes(dir string) (pids []int, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	for _, f := range strings.Fields(string(b)) {
		if pid, err := strconv.Atoi(f); err == nil && pid > 0 { // 0: of another PID namespace
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// Shell returns the rmdir(1) command.
func (r Remove) Shell() string {
	s := "[ ! -d " + plan.Quote(r.Dir) + " ] || rmdir " + plan.Quote(r.Dir)
	if r.Own != "" {
		s += "; cd " + plan.Quote(filepath.Dir(r.Own)) + " && rmdir -p " + plan.Quote(strings.TrimPrefix(filepath.Dir(r.Dir), filepath.Dir(r.Own)+"/")) + " 2>/dev/null || true"
	}
	return s
}

// Undo returns nil.
func (Remove) Undo() plan.HostStep { return nil }

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
