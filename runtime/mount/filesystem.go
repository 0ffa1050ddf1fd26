package mount

import (
	"slices"
	"strings"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime/rootfs"
)

// Filesystem mounts a new instance of a file system: proc, sysfs, tmpfs,
// devpts, mqueue, cgroup2, ...
type Filesystem struct {
	Type, Source string
	Target       string // inside the root; made where missing
	Place        string // where Target leads through the image's links; empty: it is no link
	Options      Options
}

// Emit makes the instance (fsopen(2)), then attaches it at its mount point,
// which was opened inside the root.
func (f Filesystem) Emit(b *initprog.Builder) {
	at := rootfs.OpenDir(b, place(f.Target, f.Place), 0o755)
	b.Sys("move_mount", f.make(b), "", at, "", linux.MOVE_MOUNT_F_EMPTY_PATH|linux.MOVE_MOUNT_T_EMPTY_PATH).Says("move_mount " + f.Target)
	if f.Options.Propagation != "" {
		setPropagation(b, b.Named("mount:"+f.Target), f.Options.Propagation)
	}
}

// make appends the creation; the cell of the mount is shared under its target's name.
func (f Filesystem) make(b *initprog.Builder) initprog.Slot {
	fs, mnt := b.Slot(), b.Named("mount:"+f.Target)
	b.Sys("fsopen", f.Type, linux.FSOPEN_CLOEXEC).Into(fs)
	if f.Source != "" {
		b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, "source", f.Source, 0)
	}
	for _, d := range f.Options.Data {
		if d == "newinstance" && f.Type == "devpts" {
			continue // every instance of devpts is new since Linux 4.7
		}
		if k, v, ok := strings.Cut(d, "="); ok {
			b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, k, v, 0)
		} else {
			b.Sys("fsconfig", fs, linux.FSCONFIG_SET_FLAG, k, nil, 0)
		}
	}
	b.Sys("fsconfig", fs, linux.FSCONFIG_CMD_CREATE, nil, nil, 0).Says("mount " + f.Type)
	b.Sys("fsmount", fs, linux.FSMOUNT_CLOEXEC, f.Options.Set).Into(mnt).Says("fsmount " + f.Type)
	return mnt
}

// Shell returns the mount(8) command.
func (f Filesystem) Shell() string {
	w := append([]string{"mount", "-t", f.Type}, dash(slices.Concat(f.Options.words(), f.Options.Data)...)...)
	source := f.Source
	if source == "" {
		source = f.Type
	}
	target := rootfs.Shell(place(f.Target, f.Place))
	s := "mkdir -p " + target + "\n" + plan.Cmd(append(w, source)...) + " " + target
	if f.Options.Propagation != "" {
		s += "\nmount --make-" + f.Options.Propagation + " " + target
	}
	return s
}

// place is where a mount goes: where its target leads, if that is known.
func place(target, leads string) string {
	if leads == "" {
		return target
	}
	return leads
}

// setPropagation sets how mounts travel between mnt and its peers, with
// mount_setattr(2).
func setPropagation(b *initprog.Builder, mnt initprog.Slot, name string) {
	flags := propagations[name]
	at := linux.AT_EMPTY_PATH
	if flags&linux.MS_REC != 0 {
		at |= linux.AT_RECURSIVE
	}
	attr := b.Words(0, 0, flags&^uint64(linux.MS_REC), 0)
	b.Sys("mount_setattr", mnt, "", at, attr, 32).Says("mount_setattr " + name)
}
