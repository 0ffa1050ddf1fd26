// Package namespace plans which namespaces a container has: new ones, those of
// another container, or the host's. See namespaces(7).
package namespace

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
)

// Join enters a namespace that exists already.
type Join struct {
	Kind string // "ipc", "net", "uts", "pid", "cgroup", "time", "mnt"
	Path string // /proc/PID/ns/KIND, or another file of that kind
}

var flags = map[string]int{
	"cgroup": linux.CLONE_NEWCGROUP, "ipc": linux.CLONE_NEWIPC, "mnt": linux.CLONE_NEWNS, "net": linux.CLONE_NEWNET,
	"pid": linux.CLONE_NEWPID, "time": linux.CLONE_NEWTIME, "user": linux.CLONE_NEWUSER, "uts": linux.CLONE_NEWUTS,
}

// CloneFlags returns the flags of clone(2) that make new namespaces of these kinds.
func CloneFlags(kinds []string) (f uintptr) {
	for _, k := range kinds {
		f |= uintptr(flags[k])
	}
	return f
}

// Emit opens the file and calls setns(2). To be in another PID namespace the
// process must be born there: it clones itself once more, as a child of its
// parent, and leaves the rest to the clone.
func (j Join) Emit(b *initprog.Builder) {
	fd := b.Slot()
	b.Sys("openat", linux.AT_FDCWD, j.Path, linux.O_CLOEXEC, 0).Into(fd)
	b.Sys("setns", fd, flags[j.Kind]).Says("setns " + j.Path)
	b.Sys("close", fd)
	if j.Reborn() {
		reborn(b)
	}
}

// A Reborn step may end with another process than it began: a child of the
// same parent that was born in another PID namespace.
type Reborn interface{ Reborn() bool }

// Reborn tells whether the process clones itself.
func (j Join) Reborn() bool { return j.Kind == "pid" }

// reborn goes on in a clone. The clone waits until its parent knows of it: what
// it tells, or how it ends, comes after its number.
func reborn(b *initprog.Builder) {
	pid, told, child, on := b.Slot(), b.Slot(), b.NewLabel(), b.NewLabel()
	pipe := b.Words(0)
	rd, wr := b.SlotAt(pipe, 0), b.SlotAt(pipe, 4)
	b.Sys("pipe2", pipe, linux.O_CLOEXEC)
	b.Sys("clone3", b.Words(linux.CLONE_PARENT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 88).Into(pid)
	b.JumpEqual(pid, b.Cell(0), child)
	b.Note(initprog.NotePid, pid)
	b.Sys("write", wr, b.Words(0), 1)
	b.Sys("exit_group", 0)
	b.Place(child)
	b.Sys("close", wr)
	b.Sys("read", rd, b.Words(0), 1).Into(told).Says("wait for the first process")
	b.JumpNonZero(told, on)
	b.Sys("exit_group", 127)
	b.Place(on)
	b.Sys("close", rd)
}

// Shell returns the words that nsenter(1) takes for it, in a comment: nsenter
// starts the rest of the script.
func (j Join) Shell() string {
	return "# " + j.Kind + " namespace of " + j.Path + ": see nsenter, above"
}

// Nsenter returns the option of nsenter(1).
func (j Join) Nsenter() string { return plan.Cmd(option(j)) }

func option(j Join) string {
	if j.Kind == "mnt" {
		return "--mount=" + j.Path
	}
	return "--" + j.Kind + "=" + j.Path
}

// Cgroup makes a new cgroup namespace, whose root is the cgroup that the
// process is in by now.
type Cgroup struct{}

// Emit calls unshare(2).
func (Cgroup) Emit(b *initprog.Builder) { b.Sys("unshare", linux.CLONE_NEWCGROUP) }

// Shell says where the script does it.
func (Cgroup) Shell() string {
	return "# a new cgroup namespace: unshare --cgroup starts the next part"
}

// Unshare returns the option of unshare(1).
func (Cgroup) Unshare() string { return "--cgroup" }

// Time makes a new time namespace with its clocks moved; see time_namespaces(7).
// The process is in it from its execve(2) on.
type Time struct {
	// Offsets of "monotonic" and "boottime", in nanoseconds.
	Offsets map[string]int64
}

// Emit calls unshare(2), then writes the offsets, if there are any.
func (t Time) Emit(b *initprog.Builder) {
	b.Sys("unshare", linux.CLONE_NEWTIME)
	if len(t.Offsets) == 0 {
		return
	}
	fd := b.Slot()
	b.Sys("openat", linux.AT_FDCWD, "/proc/self/timens_offsets", linux.O_WRONLY|linux.O_CLOEXEC, 0).Into(fd)
	text := t.text()
	b.Sys("write", fd, b.String(text), len(text)).Says("write /proc/self/timens_offsets")
	b.Sys("close", fd)
}

func (t Time) text() string {
	var s strings.Builder
	for _, clock := range slices.Sorted(maps.Keys(t.Offsets)) {
		sec, nsec := t.Offsets[clock]/1e9, t.Offsets[clock]%1e9
		if nsec < 0 {
			sec, nsec = sec-1, nsec+1e9
		}
		fmt.Fprintf(&s, "%s %d %d\n", clock, sec, nsec)
	}
	return s.String()
}

// Unshare returns the options of unshare(1).
func (t Time) Unshare() string {
	w := []string{"--time"}
	for _, clock := range slices.Sorted(maps.Keys(t.Offsets)) {
		w = append(w, "--"+clock, fmt.Sprint(t.Offsets[clock]/1e9))
	}
	return strings.Join(w, " ")
}

// Shell says where the script does it.
func (t Time) Shell() string {
	return "# a new time namespace: unshare " + t.Unshare() + " starts the next part"
}

// Hostname names the UTS namespace; see sethostname(2).
type Hostname struct{ Name string }

// Emit calls sethostname.
func (h Hostname) Emit(b *initprog.Builder) { b.Sys("sethostname", h.Name, len(h.Name)) }

// Shell writes the name where a shell can.
func (h Hostname) Shell() string { return plan.Cmd("echo", h.Name) + " > /proc/sys/kernel/hostname" }

// Domainname sets the NIS domain name of the UTS namespace.
type Domainname struct{ Name string }

// Emit calls setdomainname.
func (d Domainname) Emit(b *initprog.Builder) { b.Sys("setdomainname", d.Name, len(d.Name)) }

// Shell writes the name where a shell can.
func (d Domainname) Shell() string {
	return plan.Cmd("echo", d.Name) + " > /proc/sys/kernel/domainname"
}
