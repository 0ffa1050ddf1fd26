package mount

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime/rootfs"
)

// Handed clones the source of a bind on the host's side and passes it to the
// first process, whose [Bind] attaches it: with owners of files mapped, which
// only the host's root may do (mount_setattr(2), MOUNT_ATTR_IDMAP), of a source
// that only this side sees: its own descriptor, or without what is mounted
// below, which is locked for a user namespace.
type Handed struct {
	Source    string
	Recursive bool // with submounts

	// Owners are mapped as a user namespace maps them: what is Inside in the
	// file system appears as Outside. That namespace is the file Namespace, or
	// the container's own, or one for UIDs and GIDs. None of them: nothing is
	// mapped.
	Namespace  string
	Own        bool
	UIDs, GIDs []plan.IDMap
	All        bool // in submounts too

	Uncovers bool // it leaves out what is mounted below
}

// Do makes the mount, attached nowhere, and sends it.
func (h Handed) Do(env *plan.Env) error {
	users, err := h.users(env)
	if err != nil {
		return fmt.Errorf("user namespace of the mount of %s: %w", h.Source, err)
	}
	if users != nil {
		defer users.Close()
	}
	f, err := linux.CloneMount(h.Source, h.Recursive, users, h.All)
	if errors.Is(err, syscall.EINVAL) && h.Uncovers {
		return fmt.Errorf("mount of %s: %w: what is mounted below it is locked to it, rbind shows it", h.Source, err)
	}
	if err != nil {
		return fmt.Errorf("mount of %s: %w", h.Source, err)
	}
	defer f.Close()
	return linux.SendFile(env.Socket, f)
}

func (h Handed) users(env *plan.Env) (*os.File, error) {
	switch {
	case h.Namespace != "":
		return os.Open(h.Namespace)
	case h.Own:
		return os.Open(fmt.Sprintf("/proc/%d/ns/user", env.Pid))
	case len(h.UIDs)+len(h.GIDs) > 0:
		return newUsers(h.UIDs, h.GIDs)
	}
	return nil, nil
}

// newUsers makes a user namespace. It lives as long as the file, the process
// that it is made with does not.
func newUsers(uids, gids []plan.IDMap) (*os.File, error) {
	b := initprog.NewBuilder()
	b.Sys("read", initprog.SyncFD, b.Words(0), 1)
	b.Sys("exit_group", 0)
	prog, err := b.Finish(false)
	if err != nil {
		return nil, err
	}
	p, err := initprog.Spawn(prog, initprog.Attr{Sys: &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: sysMap(uids), GidMappings: sysMap(gids),
	}})
	if err != nil {
		return nil, err
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", p.Pid))
	p.Close()
	for {
		if _, werr := syscall.Wait4(p.Pid, nil, 0, nil); werr != syscall.EINTR {
			return f, err
		}
	}
}

func sysMap(maps []plan.IDMap) (out []syscall.SysProcIDMap) {
	for _, m := range maps {
		out = append(out, syscall.SysProcIDMap{ContainerID: m.Inside, HostID: m.Outside, Size: m.Count})
	}
	return out
}

// Undo returns nil: the mount ends with the container's namespaces.
func (Handed) Undo() plan.HostStep { return nil }

// Sends marks a [rootfs.Sender].
func (Handed) Sends() {}

// Shell says what the script does without.
func (h Handed) Shell() string {
	if !h.mapped() && h.Uncovers {
		return "# open_tree(2) clones " + h.Source + " on the host: what is mounted below cannot be left out here"
	}
	if !h.mapped() {
		return "# " + h.Source + " is a descriptor of the process that makes the container: this script has none"
	}
	return "# mount_setattr(2) with MOUNT_ATTR_IDMAP maps the owners below " + h.Source + "; this script does without"
}

func (h Handed) mapped() bool { return h.Namespace != "" || h.Own || len(h.UIDs)+len(h.GIDs) > 0 }

// CopyUp fills a new tmpfs with what lies in the directory that it is about to
// cover (tmpcopyup). The first process sends both, and waits for the answer:
// neither side goes anywhere by name.
type CopyUp struct {
	Target      string
	Mode, Owner bool // the root of the tmpfs gets those of the directory
}

// Do receives the directory and the mount, copies, and answers.
func (c CopyUp) Do(env *plan.Env) error {
	files, err := linux.ReceiveFiles(env.Socket, 2)
	if err != nil {
		return err
	}
	defer files[0].Close()
	defer files[1].Close()
	if err := linux.CopyTree(files[0], files[1], env.Pid, c.Mode, c.Owner); err != nil {
		return fmt.Errorf("copy what is in %s: %w", c.Target, err)
	}
	_, err = env.Socket.Write([]byte{1})
	return err
}

// Undo returns nil: the copy ends with the container's namespaces.
func (CopyUp) Undo() plan.HostStep { return nil }

// Sends marks a [rootfs.Sender].
func (CopyUp) Sends() {}

// Shell says where the script does it.
func (c CopyUp) Shell() string {
	return "# what lies in " + c.Target + " is copied to its tmpfs: see cp"
}

// copyUp sends the directory and the mount that will cover it, and waits.
func (f Filesystem) copyUp(b *initprog.Builder, dir, mnt initprog.Slot) {
	const header = 16 // struct cmsghdr
	control := make([]byte, header+8)
	control[0], control[8], control[12] = byte(len(control)), syscall.SOL_SOCKET, syscall.SCM_RIGHTS
	at := b.Bytes(control)
	for i, s := range []initprog.Slot{dir, mnt} {
		b.Sys("fcntl", s, linux.F_DUPFD_CLOEXEC, 0).Into(b.SlotAt(at, header+4*i)).Says("tmpcopyup " + f.Target)
	}
	msg := b.Words(0, 0, uint64(b.Words(uint64(b.String("c")), 1)), 1, uint64(at), uint64(len(control)), 0)
	b.Sys("sendmsg", f.Copied, msg, 0).Says("tmpcopyup " + f.Target)
	n, on := b.Slot(), b.NewLabel()
	b.Sys("read", f.Copied, b.Words(0), 1).Into(n).Says("wait for the copy of " + f.Target)
	b.JumpNonZero(n, on)
	b.Sys("exit_group", 125)
	b.Place(on)
}

// Steps lists the host steps of this room, for the journal.
func Steps() []plan.HostStep { return []plan.HostStep{Handed{}, CopyUp{}} }

var _ = []rootfs.Sender{Handed{}, CopyUp{}}
