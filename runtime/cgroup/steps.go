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

	"mydocker/plan"
)

// HostSteps lists the host steps of this room, for the journal.
func HostSteps() []plan.HostStep {
	return []plan.HostStep{Make{}, Remove{}, Write{}, Together{}, Devices{}, DeviceFilter{}, Give{}}
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
	// Delegate are the controllers of version 2 that the parents pass down. One
	// that they do not have is missing, unless it is Needed for a limit.
	Delegate []string
	Needed   []string `json:",omitempty"`
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
	return err
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
	if len(m.Delegate) == 0 || write(dir, subtree, "+"+strings.Join(m.Delegate, " +")) == nil {
		return nil
	}
	for _, c := range m.Delegate { // those that it can
		if err := write(dir, subtree, "+"+c); err != nil && slices.Contains(m.Needed, c) && !hands(dir, c) {
			return fmt.Errorf("pass on the %s controller: %w", c, err)
		}
	}
	return nil
}

const subtree = "cgroup.subtree_control"

// hands tells whether a group passes on a controller.
func hands(dir, controller string) bool {
	b, err := os.ReadFile(filepath.Join(dir, subtree))
	return err == nil && slices.Contains(strings.Fields(string(b)), controller)
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

// Give gives a group of version 2 to a user, who may then make groups in it, as
// cgroups(7) has it: the directory, and the files that the kernel names.
type Give struct {
	Dir string
	UID uint32
}

// Do changes the owner. A file that this group has not is left out.
func (g Give) Do(*plan.Env) error {
	names, err := os.ReadFile(delegated)
	if err != nil {
		return err
	}
	for _, name := range append(strings.Fields(string(names)), ".") {
		if err := os.Chown(filepath.Join(g.Dir, name), int(g.UID), -1); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

const delegated = "/sys/kernel/cgroup/delegate"

// Shell returns chown(1) commands.
func (g Give) Shell() string {
	uid := strconv.FormatUint(uint64(g.UID), 10)
	return "for f in $(cat " + delegated + "); do chown -f " + uid + " " + plan.Quote(g.Dir) + "/$f || true; done\n" + plan.Cmd("chown", uid, g.Dir)
}

// Undo returns nil: the group goes as a whole.
func (Give) Undo() plan.HostStep { return nil }

// Present tells whether the group is there.
func (m Make) Present() bool { _, err := os.Lstat(m.Dir); return err == nil }
