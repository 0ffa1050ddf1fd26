package mount

import (
	"slices"
	"strings"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime/rootfs"
)

// Remount changes what is mounted at a target already: a bind's attributes
// only, else those of the file system as a whole. See MS_REMOUNT of mount(2).
type Remount struct {
	Target, Place string // as of [Bind]
	Options       Options
}

// Emit opens the mount inside the root. A file system is remounted from within
// by the name ".", which leads nowhere else.
func (r Remount) Emit(b *initprog.Builder) {
	at := b.Slot()
	rootfs.Open(b, place(r.Target, r.Place), at, 0)
	o := r.Options.whole()
	if o.Bind {
		b.Sys("mount_setattr", at, "", linux.AT_EMPTY_PATH, b.Words(o.Set, o.Clear, 0, 0), 32).Says("remount " + r.Target)
	} else {
		b.Sys("fchdir", at).Says("remount " + r.Target)
		b.Sys("mount", nil, ".", nil, linux.MS_REMOUNT|o.oldFlags(), strings.Join(o.Data, ",")).Says("remount " + r.Target)
	}
	setPropagations(b, at, o.Propagation)
}

// Shell returns the mount(8) command.
func (r Remount) Shell() string {
	o := r.Options.whole()
	w := []string{"remount"}
	if o.Bind {
		w = append(w, "bind")
	}
	w = slices.Concat(w, o.superWords(), words(o.Set), cleared(o.Set, o.Clear), o.Data)
	target := rootfs.Shell(place(r.Target, r.Place))
	lines := []string{plan.Cmd("mount", "-o", strings.Join(w, ",")) + " " + target}
	return strings.Join(append(lines, propagationCommands(target, o.Propagation)...), "\n")
}

// Seal makes a mount read-only that had to be written first: a tmpfs, for the
// mount points and device nodes in it.
type Seal struct {
	Target, Place string // of its [Filesystem]
}

// Emit sets the attribute on the mount that was made.
func (s Seal) Emit(b *initprog.Builder) {
	b.Sys("mount_setattr", b.Named("mount:"+s.Target), "", linux.AT_EMPTY_PATH, b.Words(linux.MOUNT_ATTR_RDONLY, 0, 0, 0), 32).
		Says("mount_setattr " + s.Target + " read-only")
}

// Shell returns the mount(8) command.
func (s Seal) Shell() string { return remount(rootfs.Shell(place(s.Target, s.Place)), "ro", false) }
