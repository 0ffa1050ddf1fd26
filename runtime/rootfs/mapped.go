package rootfs

import (
	"fmt"
	"os"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
)

// Mapped mounts the overlay of a container in a user namespace: its layers
// show owners that exist there. Only the host's root may map what the host
// owns, so the engine makes the mount and passes it to the first process, where
// [Received] attaches it.
type Mapped struct {
	Overlay
	Scratch string // an empty directory of the container's
}

// Do makes the mount, attached nowhere, and sends it.
func (m Mapped) Do(env *plan.Env) error {
	userns, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", env.Pid))
	if err != nil {
		return err
	}
	defer userns.Close()
	f, err := linux.MappedOverlay(m.Lower, m.Upper, m.Work, m.Scratch, m.Volatile, userns)
	if err != nil {
		return err
	}
	defer f.Close()
	return linux.SendFile(env.Socket, f)
}

// Undo returns nil: the mount ends with the container's namespaces.
func (Mapped) Undo() plan.HostStep { return nil }

// Shell says what the script does without.
func (m Mapped) Shell() string {
	return "# open_tree(2) and mount_setattr(2) with MOUNT_ATTR_IDMAP give the layers the owners of the user namespace; no command here can:\n" +
		"# in this script's container files of the image belong to nobody"
}

// Received attaches the mount that [Mapped] sent.
type Received struct {
	Overlay
	Socket int // descriptor in the new process
}

// Emit takes hold of the mount point while the process still owns what the
// host's root owns, and receives the mount.
func (r Received) Emit(b *initprog.Builder) {
	at := b.Slot()
	b.Sys("openat", linux.AT_FDCWD, r.Target, linux.O_PATH|linux.O_DIRECTORY|linux.O_CLOEXEC, 0).Into(at)
	Receive(b, r.Socket, Root(b), "receive the overlay of mapped layers")
	b.Sys("move_mount", Root(b), "", at, "", linux.MOVE_MOUNT_F_EMPTY_PATH|linux.MOVE_MOUNT_T_EMPTY_PATH).Says("move_mount " + r.Target)
	b.Sys("umask", 0)
}

// Receive takes a descriptor that a [Sender] sent from the socket (SCM_RIGHTS,
// unix(7)).
func Receive(b *initprog.Builder, socket int, into initprog.Slot, says string) {
	const header = 16 // struct cmsghdr
	control := b.Bytes(make([]byte, header+8))
	msg := b.Words(0, 0, uint64(b.Words(uint64(b.Words(0)), 1)), 1, uint64(control), header+8, 0)
	b.Sys("recvmsg", socket, msg, linux.MSG_CMSG_CLOEXEC).Says(says)
	b.Sys("fcntl", b.SlotAt(control, header), linux.F_DUPFD_CLOEXEC, 0).Into(into).Says(says)
}

// A Sender is a step of the host's side that talks to the first process over
// its socket, [plan.Env.Socket].
type Sender interface{ Sends() }

// Sends marks a [Sender].
func (Mapped) Sends() {}

// Shell mounts the overlay without mapped owners.
func (r Received) Shell() string { return r.Overlay.Shell() + "\numask 022" }
