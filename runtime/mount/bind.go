package mount

import (
	"slices"
	"strings"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime/rootfs"
)

// Bind shows a file or directory of the host in the container.
type Bind struct {
	Source  string // on the host, absolute
	Target  string // inside the root; made where missing, a directory or an empty file as Source is
	Place   string // where Target leads through the image's links; empty: it is no link
	File    bool   // Source is not a directory
	Fetched bool   // its mount was cloned by [Fetch] already
	Options Options
}

// Emit clones the source's mount (open_tree(2)), sets its attributes while
// nobody sees it, and attaches it.
func (m Bind) Emit(b *initprog.Builder) {
	var at initprog.Slot
	if m.File {
		at = rootfs.OpenFile(b, place(m.Target, m.Place))
	} else {
		at = rootfs.OpenDir(b, place(m.Target, m.Place), 0o755)
	}
	tree := b.Named("mount:" + m.Target)
	flags := linux.OPEN_TREE_CLONE | linux.OPEN_TREE_CLOEXEC
	if m.Options.Rbind {
		flags |= linux.AT_RECURSIVE
	}
	if m.Fetched {
		b.Sys("fcntl", fetched(b, m.Target), linux.F_DUPFD_CLOEXEC, 0).Into(tree).Says("the mount of " + m.Source)
	} else {
		b.Sys("open_tree", linux.AT_FDCWD, m.Source, flags).Into(tree)
	}
	m.attributes(b, tree)
	b.Sys("move_mount", tree, "", at, "", linux.MOVE_MOUNT_F_EMPTY_PATH|linux.MOVE_MOUNT_T_EMPTY_PATH).Says("move_mount " + m.Target)
}

func (m Bind) attributes(b *initprog.Builder, tree initprog.Slot) {
	at := linux.AT_EMPTY_PATH
	if m.Options.Recursive {
		at |= linux.AT_RECURSIVE
	}
	if m.Options.Set != 0 || m.Options.atime() != 0 {
		attr := b.Words(m.Options.Set, m.Options.atime(), 0, 0)
		b.Sys("mount_setattr", tree, "", at, attr, 32).Says("mount_setattr " + m.Target)
	}
	if m.Options.Propagation != "" {
		setPropagation(b, tree, m.Options.Propagation)
	}
}

// Shell returns the mount(8) commands: the bind, then its attributes.
func (m Bind) Shell() string {
	target := rootfs.Shell(place(m.Target, m.Place))
	kind := "--bind"
	if m.Options.Rbind {
		kind = "--rbind"
	}
	lines := []string{"mkdir -p " + target}
	if m.File {
		lines[0] = touch(place(m.Target, m.Place))
	}
	lines = append(lines, plan.Cmd("mount", kind, m.Source)+" "+target)
	if w := slices.Concat(m.Options.words(), m.Options.cleared()); len(w) > 0 {
		lines = append(lines, remount(target, strings.Join(w, ","), m.Options.Recursive && m.Options.Rbind))
	}
	if m.Options.Propagation != "" {
		lines = append(lines, "mount --make-"+m.Options.Propagation+" "+target)
	}
	return strings.Join(lines, "\n")
}

// remount returns the command that sets attributes on a mount, or on it and
// all below.
func remount(target, words string, recursive bool) string {
	if recursive {
		return "findmnt -nrRo TARGET " + target + " | while read -r m; do mount -o remount,bind," + words + ` "$m"; done`
	}
	return "mount -o remount,bind," + words + " " + target
}

// Fetch clones the source of a bind early: in a user namespace, while the
// process still owns what the host's root owns and may go where it may.
type Fetch struct{ Bind Bind }

// Emit clones the mount.
func (f Fetch) Emit(b *initprog.Builder) {
	flags := linux.OPEN_TREE_CLONE | linux.OPEN_TREE_CLOEXEC
	if f.Bind.Options.Rbind {
		flags |= linux.AT_RECURSIVE
	}
	b.Sys("open_tree", linux.AT_FDCWD, f.Bind.Source, flags).Into(fetched(b, f.Bind.Target))
}

func fetched(b *initprog.Builder, target string) initprog.Slot { return b.Named("fetched:" + target) }

// Shell says that the bind does it.
func (f Fetch) Shell() string { return "# " + f.Bind.Source + " is mounted below" }

// touch returns the commands that make an empty file and its directory,
// following links inside of the root only as far as a script can.
func touch(p string) string {
	dir := p[:strings.LastIndex(p, "/")+1]
	t := rootfs.Shell(p)
	return "[ -e " + t + " ] || { mkdir -p " + rootfs.Shell(dir) + "; : > " + t + "; }"
}
