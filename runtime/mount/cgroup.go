package mount

import (
	"strings"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime/rootfs"
)

// CgroupV1 shows the container's own cgroups of version 1: a tmpfs with one
// directory for each hierarchy. See cgroups(7).
type CgroupV1 struct {
	Target  string
	Place   string // where Target leads through the image's links; empty: it is no link
	Options Options
	Mounts  []CgroupDir
	Links   [][2]string // name and target: cpu -> cpu,cpuacct
}

// CgroupDir is the container's directory in one hierarchy.
type CgroupDir struct {
	Name string // below Target
	Dir  string // on the host
}

// Emit builds the tmpfs, binds the directories and then sets the attributes
// of all of them.
func (c CgroupV1) Emit(b *initprog.Builder) {
	tmpfs := Filesystem{Type: "tmpfs", Source: "cgroup", Target: c.Target, Place: c.Place, Options: c.tmpfs()}
	tmpfs.Emit(b)
	top := b.Named("mount:" + c.Target)
	for _, m := range c.Mounts {
		tree := b.Slot()
		b.Sys("mkdirat", top, m.Name, 0o755)
		b.Sys("open_tree", linux.AT_FDCWD, m.Dir, linux.OPEN_TREE_CLONE|linux.OPEN_TREE_CLOEXEC).Into(tree)
		b.Sys("move_mount", tree, "", top, m.Name, linux.MOVE_MOUNT_F_EMPTY_PATH)
	}
	for _, l := range c.Links {
		b.Sys("symlinkat", l[1], top, l[0])
	}
	attr := b.Words(c.Options.whole().Set, 0, linux.MS_PRIVATE, 0)
	b.Sys("mount_setattr", top, "", linux.AT_EMPTY_PATH|linux.AT_RECURSIVE, attr, 32).Says("mount_setattr " + c.Target)
	setPropagations(b, top, c.Options.Propagation)
}

func (c CgroupV1) tmpfs() Options {
	return Options{Data: []string{"mode=755", "size=1024k"}, Label: c.Options.Label}
}

// Shell returns the commands.
func (c CgroupV1) Shell() string {
	top := rootfs.Shell(place(c.Target, c.Place))
	lines := []string{"mkdir -p " + top, plan.Cmd("mount", "-t", "tmpfs", "-o", strings.Join(c.tmpfs().labelled(c.tmpfs().Data), ","), "cgroup") + " " + top}
	for _, m := range c.Mounts {
		at := rootfs.Shell(place(c.Target, c.Place) + "/" + m.Name)
		lines = append(lines, "mkdir "+at, plan.Cmd("mount", "--bind", m.Dir)+" "+at)
	}
	for _, l := range c.Links {
		lines = append(lines, plan.Cmd("ln", "-s", l[1])+" "+rootfs.Shell(place(c.Target, c.Place)+"/"+l[0]))
	}
	w := strings.Join(words(c.Options.whole().Set), ",")
	if w == "" {
		return strings.Join(lines, "\n")
	}
	for _, m := range c.Mounts {
		lines = append(lines, "mount -o remount,bind,"+w+" "+rootfs.Shell(place(c.Target, c.Place)+"/"+m.Name))
	}
	return strings.Join(append(lines, "mount -o remount,bind,"+w+" "+top), "\n")
}
