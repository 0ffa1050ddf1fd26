package device

import (
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/runtime/rootfs"
)

const (
	enoent = syscall.ENOENT
	eexist = syscall.EEXIST
)

// Terminal opens a pseudoterminal of the container's own devpts, gives its
// master to the parent over a socket (SCM_RIGHTS, unix(7)), and shows the
// slave as /dev/console. It becomes the controlling terminal and standard
// input, output and error of the process by [Control].
type Terminal struct {
	Socket        int // descriptor in the new process, connected to the parent
	Width, Height uint16
	// Found says that the plan mounts no devpts: that of a directory that the
	// container shares is used.
	Found bool
}

func slave(b *initprog.Builder) initprog.Slot { return b.Named("terminal") }

// Emit opens ptmx of the file system that was mounted at /dev/pts: nothing of
// an image is in the way (CVE-2025-52565).
func (t Terminal) Emit(b *initprog.Builder) {
	pts := b.Named("mount:/dev/pts")
	if t.Found {
		rootfs.Open(b, "/dev/pts", pts, linux.O_DIRECTORY).Says("open /dev/pts")
		onlyDevpts(b, pts)
	}
	master, control := masterCell(b)
	b.Sys("openat", pts, "ptmx", linux.O_RDWR|linux.O_NOCTTY|linux.O_CLOEXEC, 0).Into(master)
	t.pair(b, master, control)
	console(b)
}

// onlyDevpts checks that a directory is of type devpts.
func onlyDevpts(b *initprog.Builder, pts initprog.Slot) {
	stat, isPts := b.Bytes(make([]byte, statfsSize)), b.NewLabel()
	b.Sys("fstatfs", pts, stat)
	b.JumpEqual(b.SlotAt(stat, 0), b.Cell(linux.DEVPTS_SUPER_MAGIC), isPts)
	b.Check(b.Cell(-int32(NoTerminals)), "open /dev/pts as devpts")
	b.Place(isPts)
}

// masterCell returns the cell for a master, in a control message that carries it.
func masterCell(b *initprog.Builder) (master initprog.Slot, control initprog.Ptr) {
	control = b.Bytes(cmsgRights())
	return b.SlotAt(control, cmsgHeader), control
}

// pair opens the slave of a master, and gives the master away.
func (t Terminal) pair(b *initprog.Builder, master initprog.Slot, control initprog.Ptr) {
	b.Sys("ioctl", master, linux.TIOCSPTLCK, b.Words(0)).Says("unlockpt")
	b.Sys("ioctl", master, linux.TIOCGPTPEER, linux.O_RDWR|linux.O_NOCTTY|linux.O_CLOEXEC).Into(slave(b)).Says("open the terminal")
	if t.Width > 0 {
		size := uint64(t.Height) | uint64(t.Width)<<16
		b.Sys("ioctl", master, linux.TIOCSWINSZ, b.Words(size)).Says("set the window size")
	}
	byteOut := b.Words(uint64(b.String("t")), 1)
	msg := b.Words(0, 0, uint64(byteOut), 1, uint64(control), uint64(cmsgHeader+8), 0)
	b.Sys("sendmsg", t.Socket, msg, 0).Says("send the terminal")
	b.Sys("close", master)
}

// console binds the slave onto /dev/console.
func console(b *initprog.Builder) {
	at, tree := rootfs.OpenFile(b, "/dev/console"), b.Slot()
	b.Sys("open_tree", slave(b), "", linux.OPEN_TREE_CLONE|linux.OPEN_TREE_CLOEXEC|linux.AT_EMPTY_PATH).Into(tree).Says("open_tree of the terminal")
	b.Sys("move_mount", tree, "", at, "", linux.MOVE_MOUNT_F_EMPTY_PATH|linux.MOVE_MOUNT_T_EMPTY_PATH).Says("move_mount /dev/console")
}

// cmsgHeader is the size of struct cmsghdr.
const cmsgHeader = 16

// cmsgRights returns a control message that carries one descriptor, to be
// filled in behind the header.
func cmsgRights() []byte {
	c := make([]byte, cmsgHeader+8)
	c[0] = cmsgHeader + 4
	c[8] = syscall.SOL_SOCKET
	c[12] = syscall.SCM_RIGHTS
	return c
}

// Shell says what the script uses instead.
func (t Terminal) Shell() string {
	return `# a new pseudoterminal of the container's /dev/pts becomes its terminal; this script lends it yours
if terminal=$(tty); then : > "$root"/dev/console; mount --bind "$terminal" "$root"/dev/console; fi`
}

// Control makes the terminal, by now standard input, the controlling one; see
// TIOCSCTTY of ioctl_tty(2). It follows setsid(2).
type Control struct{}

// Emit makes the call.
func (Control) Emit(b *initprog.Builder) {
	b.Sys("ioctl", 0, linux.TIOCSCTTY, 0).Says("make it the controlling terminal")
}

// Shell says that there is nothing to do.
func (Control) Shell() string { return "# its standard input, output and error are that terminal" }
