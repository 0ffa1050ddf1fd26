package mount

import (
	"slices"
	"strings"
	"syscall"

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
	Handed  int    // descriptor of the socket over which [Handed] sends its mount, or 0
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
	outsideProc(b, at, m.Target)
	tree := b.Named("mount:" + m.Target)
	switch {
	case m.Handed != 0:
		rootfs.Receive(b, m.Handed, tree, "receive the mount of "+m.Source)
	case m.Fetched:
		b.Sys("fcntl", fetched(b, m.Target), linux.F_DUPFD_CLOEXEC, 0).Into(tree).Says("the mount of " + m.Source)
	default:
		b.Sys("open_tree", linux.AT_FDCWD, m.Source, m.clone()).Into(tree)
	}
	m.attributes(b, tree)
	attach(b, tree, at, m.Target)
}

// clone returns the flags of open_tree(2).
func (m Bind) clone() int {
	flags := linux.OPEN_TREE_CLONE | linux.OPEN_TREE_CLOEXEC
	if m.Options.Rbind {
		flags |= linux.AT_RECURSIVE
	}
	return flags
}

// parts returns the attributes of the mounts at and below the target, and of
// the one at the target.
func (m Bind) parts() (all, top Options) {
	o := m.Options
	if !m.Options.Rbind {
		return Options{}, o.whole()
	}
	return Options{Set: o.AllSet, Clear: o.AllClear}, Options{Set: o.Set, Clear: o.Clear}
}

// named tells whether the options name an attribute of the mount at the target.
// Then those are all that it has, as after a remount by mount(2), and as with
// runc: a source that is nosuid is not, for options that only say ro. Without
// any it is like its source.
func (m Bind) named() bool { return m.Options.Set|m.Options.Clear != 0 }

// only completes the attributes to all of them.
func (m Bind) only(o Options) Options {
	const all = uint64(linux.MOUNT_ATTR_RDONLY | linux.MOUNT_ATTR_NOSUID | linux.MOUNT_ATTR_NODEV | linux.MOUNT_ATTR_NOEXEC | linux.MOUNT_ATTR_NOSYMFOLLOW)
	o.Clear |= all &^ (o.Set | m.Options.AllSet)
	return o
}

// attributes sets those of all mounts first. In a user namespace those of the
// host are locked (mount_namespaces(7)): they stay, unless it is an error
// because the options say that one of them is not to be.
func (m Bind) attributes(b *initprog.Builder, tree initprog.Slot) {
	set := func(o Options, flag int) *initprog.Op {
		return b.Sys("mount_setattr", tree, "", linux.AT_EMPTY_PATH|flag, b.Words(o.Set, o.Clear, 0, 0), 32).Says("mount_setattr " + m.Target)
	}
	all, top := m.parts()
	if all.Set|all.Clear != 0 {
		set(all, linux.AT_RECURSIVE)
	}
	switch {
	case m.named():
		done, locked, on := b.Slot(), b.NewLabel(), b.NewLabel()
		set(m.only(top), 0).Into(done).Allow(syscall.EPERM)
		b.JumpNegative(done, locked)
		b.Jump(on)
		b.Place(locked)
		set(top, 0)
		b.Place(on)
	case top.Set|top.Clear != 0:
		set(top, 0)
	}
	setPropagations(b, tree, m.Options.Propagation)
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
	all, top := m.parts()
	if m.named() {
		top = m.only(top)
	}
	for i, o := range []Options{all, top} {
		if w := slices.Concat(words(o.Set), cleared(o.Set, o.Clear)); len(w) > 0 {
			lines = append(lines, remount(target, strings.Join(w, ","), i == 0))
		}
	}
	return strings.Join(append(lines, propagationCommands(target, m.Options.Propagation)...), "\n")
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
	b.Sys("open_tree", linux.AT_FDCWD, f.Bind.Source, f.Bind.clone()).Into(fetched(b, f.Bind.Target))
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
