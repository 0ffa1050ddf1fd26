// Package device plans a container's device nodes, its links in /dev, and its
// terminal.
package device

import (
	"fmt"
	"path"
	"strings"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime/rootfs"
)

// Node makes a device node; see mknod(2).
type Node struct {
	Path         string // inside the root
	Type         string // "c", "b", "u" (as c) or "p" (a fifo)
	Major, Minor int64
	Mode         uint32 // permission bits
	UID, GID     uint32
}

// Emit makes the node in its directory, which is opened inside the root. A
// node that an image, or a mount, brought along is replaced.
func (n Node) Emit(b *initprog.Builder) {
	dir := openDir(b, path.Dir(n.Path))
	name := path.Base(n.Path)
	b.Sys("unlinkat", dir, name, 0).Allow(enoent).Says("unlink " + n.Path)
	b.Sys("mknodat", dir, name, n.format()|n.Mode, makedev(n.Major, n.Minor)).Says("mknod " + n.Path)
	if n.UID != 0 || n.GID != 0 {
		b.Sys("fchownat", dir, name, n.UID, n.GID, linux.AT_SYMLINK_NOFOLLOW)
	}
}

func (n Node) format() uint32 {
	switch n.Type {
	case "b":
		return linux.S_IFBLK
	case "p":
		return linux.S_IFIFO
	}
	return linux.S_IFCHR
}

// makedev packs a device number as mknod(2) takes it.
func makedev(major, minor int64) int {
	return int(minor&0xff | major&0xfff<<8 | (minor&^0xff)<<12)
}

// Shell returns the mknod(1) command.
func (n Node) Shell() string {
	at := rootfs.Shell(n.Path)
	kind := n.Type
	if kind == "u" || kind == "" {
		kind = "c"
	}
	s := fmt.Sprintf("mknod -m %04o %s %s", n.Mode, at, kind)
	if kind != "p" {
		s += fmt.Sprintf(" %d %d", n.Major, n.Minor)
	}
	lines := []string{}
	if d := path.Dir(n.Path); d != "/dev" {
		lines = append(lines, "mkdir -p "+rootfs.Shell(d))
	}
	lines = append(lines, "rm -f "+at, s)
	if n.UID != 0 || n.GID != 0 {
		lines = append(lines, fmt.Sprintf("chown %d:%d %s", n.UID, n.GID, at))
	}
	return strings.Join(lines, "\n")
}

// Bound shows a device node of the host, where mknod(2) is not allowed: in a
// user namespace.
type Bound struct {
	Path string // inside the root
	Host string // on the host
}

// Emit binds the host's node onto an empty file.
func (d Bound) Emit(b *initprog.Builder) {
	at, tree := rootfs.OpenFile(b, d.Path), b.Slot()
	b.Sys("open_tree", linux.AT_FDCWD, d.Host, linux.OPEN_TREE_CLONE|linux.OPEN_TREE_CLOEXEC).Into(tree)
	b.Sys("move_mount", tree, "", at, "", linux.MOVE_MOUNT_F_EMPTY_PATH|linux.MOVE_MOUNT_T_EMPTY_PATH).Says("move_mount " + d.Path)
}

// Shell returns the mount(8) command.
func (d Bound) Shell() string {
	at := rootfs.Shell(d.Path)
	return "mkdir -p " + rootfs.Shell(path.Dir(d.Path)) + "; : >> " + at + "\n" + plan.Cmd("mount", "--bind", d.Host) + " " + at
}

// Symlink makes Path, inside the root, a link to Target. What is there already
// stays, unless it is to be replaced.
type Symlink struct {
	Path, Target string
	Replace      bool
}

// Emit makes the link in its directory, which is opened inside the root.
func (s Symlink) Emit(b *initprog.Builder) {
	dir, name := openDir(b, path.Dir(s.Path)), path.Base(s.Path)
	if s.Replace {
		b.Sys("unlinkat", dir, name, 0).Allow(enoent).Says("unlink " + s.Path)
	}
	b.Sys("symlinkat", s.Target, dir, name).Allow(eexist).Says("symlink " + s.Path)
}

// Shell returns the ln(1) command.
func (s Symlink) Shell() string {
	at := rootfs.Shell(s.Path)
	if s.Replace {
		return plan.Cmd("ln", "-sfn", s.Target) + " " + at
	}
	return "[ -e " + at + " ] || [ -L " + at + " ] || " + plan.Cmd("ln", "-s", s.Target) + " " + at
}

// Links are those of every container's /dev, as the runtime specification and
// its walkthroughs have them.
func Links() []plan.InitStep {
	return []plan.InitStep{
		Symlink{"/dev/fd", "/proc/self/fd", false},
		Symlink{"/dev/stdin", "/proc/self/fd/0", false},
		Symlink{"/dev/stdout", "/proc/self/fd/1", false},
		Symlink{"/dev/stderr", "/proc/self/fd/2", false},
		Symlink{"/dev/ptmx", "pts/ptmx", true},
		Symlink{"/dev/core", "/proc/kcore", false},
	}
}

// Defaults are the nodes that every container has, by the runtime specification.
func Defaults() []Node {
	return []Node{
		{"/dev/null", "c", 1, 3, 0o666, 0, 0},
		{"/dev/zero", "c", 1, 5, 0o666, 0, 0},
		{"/dev/full", "c", 1, 7, 0o666, 0, 0},
		{"/dev/random", "c", 1, 8, 0o666, 0, 0},
		{"/dev/urandom", "c", 1, 9, 0o666, 0, 0},
		{"/dev/tty", "c", 5, 0, 0o666, 0, 0},
	}
}

// openDir opens the directory once for all nodes that lie in it. Device steps
// come after all mounts, so that it stays the right one.
func openDir(b *initprog.Builder, dir string) initprog.Slot {
	s, first := b.Once("devices:" + dir)
	if first {
		fd := rootfs.OpenDir(b, dir, 0o755)
		b.Sys("fcntl", fd, linux.F_DUPFD_CLOEXEC, 0).Into(s).Says("open " + dir)
	}
	return s
}
