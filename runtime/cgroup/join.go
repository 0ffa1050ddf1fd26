package cgroup

import (
	"errors"
	"path/filepath"
	"strings"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
)

// Join moves the first process into groups of version 1. It has one thread and
// moves itself, which needs no grace period of the kernel.
type Join struct{ Dirs []string }

// Emit writes 0, the caller, to the tasks file of each group.
func (j Join) Emit(b *initprog.Builder) {
	for _, d := range j.Dirs {
		fd := b.Slot()
		b.Sys("openat", linux.AT_FDCWD, d+"/tasks", linux.O_WRONLY|linux.O_CLOEXEC, 0).Into(fd)
		b.Sys("write", fd, "0", 1).Says("join " + d)
		b.Sys("close", fd)
	}
}

// Shell returns the echo commands.
func (j Join) Shell() string {
	var lines []string
	for _, d := range j.Dirs {
		lines = append(lines, "echo 0 > "+plan.Quote(d+"/tasks"))
	}
	return strings.Join(lines, "\n")
}

// JoinV2 moves a process into a group of version 2 that it was not to be born in.
type JoinV2 struct{ Dir string }

// Emit writes 0, the caller, to the group's list of processes.
func (j JoinV2) Emit(b *initprog.Builder) {
	fd := b.Slot()
	b.Sys("openat", linux.AT_FDCWD, j.Dir+"/cgroup.procs", linux.O_WRONLY|linux.O_CLOEXEC, 0).Into(fd)
	b.Sys("write", fd, "0", 1).Says("join " + j.Dir)
	b.Sys("close", fd)
}

// Shell returns the echo command.
func (j JoinV2) Shell() string { return "echo 0 > " + plan.Quote(j.Dir+"/cgroup.procs") }

// OOMFile returns the file with a line "oom_kill N": how many processes of a
// group the kernel killed for want of memory; or nothing.
func OOMFile(l Layout, path string) string {
	if l.Mode == V2 {
		return filepath.Join(l.dir(path), "memory.events")
	}
	if h := l.hierarchy("memory"); h != nil {
		return filepath.Join(h.dir(path), "memory.oom_control")
	}
	return ""
}

// Dir returns the directory of a group whose processes are all of a
// container's, or nothing.
func Dir(l Layout, path string) string {
	if l.Unified != "" {
		return l.dir(path)
	}
	for _, name := range []string{"pids", "freezer", "memory", "name=systemd"} {
		if h := l.hierarchy(name); h != nil {
			return h.dir(path)
		}
	}
	return ""
}

// Kill kills every process of a container, one that is frozen, too: in a
// freezer of version 1 a signal has no effect before the thaw.
func Kill(l Layout, path string) error {
	dir := Dir(l, path)
	if dir == "" {
		return nil
	}
	h := l.hierarchy("freezer")
	if write(dir, "cgroup.kill", "1") == nil { // version 2, Linux 5.14
		if h == nil {
			return nil
		}
		return thawTree(h.dir(path))
	}
	if f, err := l.freezer(path); err == nil { // so that none is born meanwhile
		_ = f.begin()
	}
	err := killGroup(dir)
	if h == nil {
		return errors.Join(err, Thaw(l, path))
	}
	return errors.Join(err, thawTree(h.dir(path)))
}
