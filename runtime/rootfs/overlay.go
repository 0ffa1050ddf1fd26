package rootfs

import (
	"strings"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
)

func quote(s string) string { return plan.Quote(s) }

// Overlay mounts the layers of an image under a writable directory, in the
// container's own mount namespace: the host sees nothing of it. It is
// overlayfs, see Documentation/filesystems/overlayfs.rst of the kernel.
type Overlay struct {
	Lower  []string // directories, the top one first
	Upper  string   // takes the container's changes
	Work   string   // empty, on the file system of Upper
	Target string   // where the root appears

	// Volatile leaves out syncing: for containers that are removed when they
	// end. The last unmount would sync the whole upper file system.
	Volatile bool
	// OneByOne passes each lower directory on its own (lowerdir+, Linux 6.8),
	// which lifts the limit of one page on their names.
	OneByOne bool
}

// Emit mounts by the interface of fsopen(2), or mount(2) on older kernels.
func (o Overlay) Emit(b *initprog.Builder) {
	if !o.OneByOne {
		b.Sys("mount", "overlay", o.Target, "overlay", 0, o.options())
		return
	}
	fs, mnt := b.Slot(), b.Slot()
	b.Sys("fsopen", "overlay", linux.FSOPEN_CLOEXEC).Into(fs)
	for _, l := range o.Lower {
		b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, "lowerdir+", l, 0)
	}
	b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, "upperdir", o.Upper, 0)
	b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, "workdir", o.Work, 0)
	if o.Volatile {
		b.Sys("fsconfig", fs, linux.FSCONFIG_SET_FLAG, "volatile", nil, 0)
	}
	b.Sys("fsconfig", fs, linux.FSCONFIG_SET_STRING, "source", "overlay", 0)
	b.Sys("fsconfig", fs, linux.FSCONFIG_CMD_CREATE, nil, nil, 0).Says("mount overlay")
	b.Sys("fsmount", fs, linux.FSMOUNT_CLOEXEC, 0).Into(mnt)
	b.Sys("move_mount", mnt, "", linux.AT_FDCWD, o.Target, linux.MOVE_MOUNT_F_EMPTY_PATH)
}

// options returns the data of mount(2). Colons, commas and backslashes in
// names are escaped as overlayfs wants it.
func (o Overlay) options() string {
	esc := strings.NewReplacer(`\`, `\\`, ":", `\:`, ",", `\,`)
	var lower []string
	for _, l := range o.Lower {
		lower = append(lower, esc.Replace(l))
	}
	s := "lowerdir=" + strings.Join(lower, ":") + ",upperdir=" + esc.Replace(o.Upper) + ",workdir=" + esc.Replace(o.Work)
	if o.Volatile {
		s += ",volatile"
	}
	return s
}

// Shell returns the mount(8) command.
func (o Overlay) Shell() string {
	return `mount -t overlay -o ` + quote(o.options()) + ` overlay "$root"`
}

// Bind makes a directory a mount point of its own, as pivot_root(2) wants it.
type Bind struct{ Dir string }

// Emit clones the directory's mounts onto it.
func (r Bind) Emit(b *initprog.Builder) {
	b.Sys("mount", r.Dir, r.Dir, nil, linux.MS_BIND|linux.MS_REC, nil)
}

// Shell returns the mount(8) command.
func (r Bind) Shell() string { return `mount --rbind "$root" "$root"` }
