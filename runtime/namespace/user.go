package namespace

import (
	"slices"
	"strings"
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
)

// JoinUser enters a user namespace that exists already, with others that are
// there, and makes the rest new, so that the user namespace owns them.
//
// The others are entered first: the host's root may enter any. An unprivileged
// caller gets the right to only with the user namespace; what it could not
// enter before it enters then.
//
// Who is inside by then must not look into this process, which still has the
// host's root and descriptors: as for [Enter] it is no longer dumpable.
type JoinUser struct {
	Path   string
	Others []Join
	New    []string // kinds of the kernel's: "mnt", "net", ...
}

// Emit opens all files while their names still resolve. That the caller is in
// the user namespace already is no failure.
func (j JoinUser) Emit(b *initprog.Builder) {
	user := openNamespace(b, j.Path)
	// That a file is of another kind would look the same as that one is there.
	const getType = 0xb703 // NS_GET_NSTYPE of ioctl_nsfs(2)
	kind, isUser := b.Slot(), b.NewLabel()
	b.Sys("ioctl", user, getType).Into(kind).Says("ioctl NS_GET_NSTYPE " + j.Path)
	b.JumpEqual(kind, b.Cell(int32(flags["user"])), isUser)
	b.Check(b.Cell(-int32(syscall.EINVAL)), "setns "+j.Path)
	b.Place(isUser)
	fds := make([]initprog.Slot, len(j.Others))
	for i, o := range j.Others {
		fds[i] = openNamespace(b, o.Path)
	}
	b.Sys("prctl", linux.PR_SET_DUMPABLE, 0, 0, 0, 0).Says("prctl PR_SET_DUMPABLE")
	done := make([]initprog.Slot, len(j.Others))
	for i, o := range j.Others {
		done[i] = b.Slot()
		b.Sys("setns", fds[i], flags[o.Kind]).Into(done[i]).Allow(syscall.EPERM).Says("setns " + o.Path)
	}
	b.Sys("setns", user, flags["user"]).Allow(syscall.EINVAL).Says("setns " + j.Path)
	for i, o := range j.Others {
		again, on := b.NewLabel(), b.NewLabel()
		b.JumpNegative(done[i], again)
		b.Jump(on)
		b.Place(again)
		b.Sys("setns", fds[i], flags[o.Kind]).Says("setns " + o.Path)
		b.Place(on)
	}
	for _, fd := range append(fds, user) {
		b.Sys("close", fd)
	}
	if len(j.New) > 0 {
		b.Sys("unshare", int(CloneFlags(j.New))).Says("unshare " + strings.Join(j.New, " "))
	}
	if j.Reborn() {
		reborn(b)
	}
}

// NewUser makes a user namespace, with others that it owns, in a process that
// has entered namespaces which it does not own. Then the process waits for the
// host's side to map its identities.
type NewUser struct {
	New  []string // kinds of the kernel's, "user" among them
	Maps Maps
}

// Emit calls unshare(2), which makes the user namespace first.
func (n NewUser) Emit(b *initprog.Builder) {
	b.Sys("unshare", int(CloneFlags(n.New))).Says("unshare " + strings.Join(n.New, " "))
	b.Meet()
	if n.Reborn() {
		reborn(b)
	}
}

// Meet maps the identities.
func (n NewUser) Meet(env *plan.Env) error { return n.Maps.Do(env) }

// An Owner is a step that tells the host's side when the process has its user
// namespace: who looks for that waits.
type Owner interface{ Owns() }

// Owns marks an [Owner].
func (NewUser) Owns() {}

// Reborn tells whether the process clones itself, to be in the PID namespace.
func (n NewUser) Reborn() bool { return slices.Contains(n.New, "pid") }

// Spawns returns what unshare(1), which nsenter starts, makes in the script.
func (n NewUser) Spawns() plan.Spawn {
	return plan.Spawn{New: n.New, UIDs: n.Maps.UIDs, GIDs: n.Maps.GIDs}
}

// Shell says where the script does it.
func (n NewUser) Shell() string {
	return "# new namespaces (" + strings.Join(n.New, " ") + "): unshare, above"
}

func openNamespace(b *initprog.Builder, path string) initprog.Slot {
	fd := b.Slot()
	b.Sys("openat", linux.AT_FDCWD, path, linux.O_CLOEXEC, 0).Into(fd)
	return fd
}

// Reborn tells whether the process clones itself, to be in another PID
// namespace.
func (j JoinUser) Reborn() bool {
	return slices.Contains(j.New, "pid") || slices.ContainsFunc(j.Others, Join.Reborn)
}

// Shell says where the script does it.
func (j JoinUser) Shell() string {
	s := "# user namespace of " + j.Path + ": see nsenter, above"
	if len(j.New) > 0 {
		s += "\n# new in there (" + strings.Join(j.New, " ") + "): unshare(2)"
	}
	return s
}

// Nsenter returns the options of nsenter(1); what is new is made by the
// unshare(1) that it starts.
func (j JoinUser) Nsenter() string {
	w := []string{"--user=" + j.Path}
	for _, o := range j.Others {
		w = append(w, option(o))
	}
	return plan.Cmd(w...)
}
