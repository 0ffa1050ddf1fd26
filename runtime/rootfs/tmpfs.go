package rootfs

import (
	"fmt"
	"os"

	"mydocker/linux"
	"mydocker/plan"
)

// Tmpfs mounts a tmpfs on the host, for what several containers share: the
// /dev/shm of IPC mode "shareable". It is the only mount that the host sees.
type Tmpfs struct {
	Path string
	Size int64 // bytes
}

// Do makes the directory and mounts.
func (t Tmpfs) Do(*plan.Env) error {
	if err := os.Mkdir(t.Path, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	return linux.MountTmpfs(t.Path, t.options())
}

func (t Tmpfs) options() string { return fmt.Sprintf("mode=1777,size=%d", t.Size) }

// Shell returns the mount(8) command.
func (t Tmpfs) Shell() string {
	return plan.Cmd("mkdir", "-p", t.Path) + "; " + plan.Cmd("mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec,"+t.options(), "shm", t.Path)
}

// Undo unmounts.
func (t Tmpfs) Undo() plan.HostStep { return Unmount{t.Path} }

// Unmount detaches what is mounted at Path. Where nothing is, it does nothing.
type Unmount struct{ Path string }

// Do detaches the mount; a symbolic link is not followed.
func (u Unmount) Do(*plan.Env) error { return linux.Unmount(u.Path) }

// Shell returns the umount(8) command.
func (u Unmount) Shell() string { return plan.Cmd("umount", "--lazy", u.Path) + " || true" }

// Undo returns nil.
func (Unmount) Undo() plan.HostStep { return nil }
