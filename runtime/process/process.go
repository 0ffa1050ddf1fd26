// Package process plans a container's program: its limits, who runs it and
// where, and the execve(2) that starts it.
package process

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/runtime/rootfs"
)

// Wait holds the first process until the host's side has done its part: the
// network interface, the identity maps.
type Wait struct {
	// Asks says that the process waits for other things before: it tells its
	// parent for what it waits.
	Asks bool
	// First is before everything else: for identities, or systemd.
	First bool
}

// Emit reads the parent's word. If the parent died instead, the process ends.
func (w Wait) Emit(b *initprog.Builder) {
	if w.Asks {
		b.Meet()
		return
	}
	n, on := b.Slot(), b.NewLabel()
	b.Sys("read", initprog.SyncFD, b.Words(0), 1).Into(n).Says("wait for the host's side")
	b.JumpNonZero(n, on)
	b.Sys("exit_group", 125)
	b.Place(on)
}

// Shell tells the other side, and waits for its answer.
func (w Wait) Shell() string {
	if w.First {
		return "# what it waits for is done by now"
	}
	return "echo ready >&4; read -r _ <&5"
}

// Become makes the process the root of its user namespace. Up to here it was
// the host's, with that one's rights to files.
type Become struct{}

// Emit calls setgroups, setresgid and setresuid. Where the namespace denies
// setgroups(2) there is nothing to give up that the kernel would let go.
func (Become) Emit(b *initprog.Builder) {
	b.Sys("setgroups", 0, nil).Allow(syscall.EPERM)
	b.Sys("setresgid", 0, 0, 0)
	b.Sys("setresuid", 0, 0, 0)
}

// Shell returns nothing a shell could do: its tools are run as the namespace's root.
func (Become) Shell() string {
	return "# the first process becomes root of its user namespace: setresuid(2)"
}

// OOMScoreAdj makes the process likelier, or less likely, to be killed when
// memory runs out; see proc_pid_oom_score_adj(5).
type OOMScoreAdj struct{ Score int }

// Emit writes the value. Right after clone(2) /proc still is the host's.
func (o OOMScoreAdj) Emit(b *initprog.Builder) {
	fd, s := b.Slot(), strconv.Itoa(o.Score)
	b.Sys("openat", linux.AT_FDCWD, "/proc/self/oom_score_adj", linux.O_WRONLY|linux.O_CLOEXEC, 0).Into(fd)
	b.Sys("write", fd, b.String(s), len(s)).Says("write " + s + " to /proc/self/oom_score_adj")
	b.Sys("close", fd)
}

// Shell writes to the file.
func (o OOMScoreAdj) Shell() string {
	return fmt.Sprintf("echo %d > /proc/self/oom_score_adj", o.Score)
}

// MakeWorkdir makes the working directory where the image lacks it.
type MakeWorkdir struct {
	Dir      string
	UID, GID uint32
}

// Emit makes the directory inside the root.
func (w MakeWorkdir) Emit(b *initprog.Builder) { rootfs.OpenDir(b, w.Dir, 0o755) }

// Shell returns the mkdir(1) command.
func (w MakeWorkdir) Shell() string { return "mkdir -p " + rootfs.Shell(w.Dir) }

// Session makes the process the leader of a new session; see setsid(2).
type Session struct {
	// Terminal says that a terminal follows: the script stays in the session
	// of the one that it lends.
	Terminal bool
}

// Emit calls setsid.
func (Session) Emit(b *initprog.Builder) { b.Sys("setsid") }

// Shell says that it is part of the last command.
func (Session) Shell() string { return "# a new session: see setsid, below" }

// Setsid returns the words of setsid(1).
func (s Session) Setsid() []string {
	if s.Terminal {
		return nil
	}
	return []string{"setsid"}
}

// CloseFiles closes all descriptors that were for the preparation, so that no
// path of the image, such as a working directory in /proc/self/fd, reaches one
// (CVE-2024-21626). The pipe for errors stays until execve.
type CloseFiles struct {
	// Keep is how many of the caller's descriptors stay open.
	Keep int
	// Preserve is how many of the caller's own descriptors
	// ([initprog.Attr.Preserved]) the program inherits as 3 and up.
	Preserve int
	// Terminal says that standard input, output and error are about to be
	// replaced by the terminal, which is put there first.
	Terminal bool
}

// Emit closes from SyncFD up.
func (c CloseFiles) Emit(b *initprog.Builder) {
	if c.Terminal {
		for fd := range 3 {
			b.Sys("dup3", b.Named("terminal"), fd, 0)
		}
	}
	if c.Preserve > 0 {
		c.preserve(b)
		return
	}
	b.Sys("close", initprog.SyncFD)
	b.Sys("close_range", initprog.FirstFile+c.Keep, 1<<31-1, 0)
}

// preserve moves the descriptors of the preparation that are still needed above
// all others, and those of the caller to where the program finds them.
func (c CloseFiles) preserve(b *initprog.Builder) {
	above := initprog.FirstPreserved + c.Preserve
	for i := range c.Keep {
		b.Sys("fcntl", initprog.FirstFile+i, linux.F_DUPFD_CLOEXEC, above).Into(kept(b, i)).Allow(syscall.EBADF).Says("move a descriptor")
	}
	b.Sys("fcntl", b.Errors(), linux.F_DUPFD_CLOEXEC, above).Into(b.Errors()).Says("move the pipe for errors")
	for i := range c.Preserve {
		b.Sys("dup3", initprog.FirstPreserved+i, 3+i, 0)
	}
	b.Sys("close_range", 3+c.Preserve, above-1, 0)
}

// kept returns the cell with the number that a kept descriptor was moved to.
func kept(b *initprog.Builder, i int) initprog.Slot { return b.Named("kept:" + strconv.Itoa(i)) }

// Shell says that the last command does it.
func (CloseFiles) Shell() string { return "# every other descriptor is closed" }

// Chdir enters the working directory, through no link of procfs. The first
// try is root's, who may go where the user may not; where root may not, see
// [ChdirAgain].
type Chdir struct{ Dir string }

// Emit opens the directory without magic links, then enters it.
func (c Chdir) Emit(b *initprog.Builder) {
	entered, again := b.Named("workdir"), b.NewLabel()
	openWorkdir(b, c.Dir, entered).Allow(syscall.EACCES)
	b.JumpNegative(entered, again)
	enterWorkdir(b, c.Dir, entered)
	b.Place(again)
}

func openWorkdir(b *initprog.Builder, dir string, into initprog.Slot) *initprog.Op {
	how := b.Words(linux.O_PATH|linux.O_DIRECTORY|linux.O_CLOEXEC, 0, linux.RESOLVE_NO_MAGICLINKS)
	return b.Sys("openat2", linux.AT_FDCWD, dir, how, 24).Into(into).Says("chdir " + dir)
}

// enterWorkdir enters what was opened, and makes sure that it is below the
// root: getcwd(2) begins with "(unreachable)" where it is not.
func enterWorkdir(b *initprog.Builder, dir string, fd initprog.Slot) {
	cwd, outside, on := b.Bytes(make([]byte, pathMax)), b.NewLabel(), b.NewLabel()
	b.Sys("fchdir", fd).Says("chdir " + dir)
	b.Sys("close", fd)
	b.Sys("getcwd", cwd, pathMax)
	b.JumpEqual(b.SlotAt(cwd, 0), b.Cell(unreachable), outside)
	b.Jump(on)
	b.Place(outside)
	b.Check(b.Cell(-int32(syscall.EXDEV)), "chdir "+dir+": it is outside of the container's root")
	b.Place(on)
}

const (
	pathMax     = 4096
	unreachable = '(' | 'u'<<8 | 'n'<<16 | 'r'<<24
)

// ChdirAgain enters the working directory as the user, where root was not let:
// on a network file system, or in a user namespace.
type ChdirAgain struct{ Dir string }

// Emit does nothing where [Chdir] succeeded.
func (c ChdirAgain) Emit(b *initprog.Builder) {
	entered, again, on := b.Named("workdir"), b.NewLabel(), b.NewLabel()
	b.JumpNegative(entered, again)
	b.Jump(on)
	b.Place(again)
	openWorkdir(b, c.Dir, entered)
	enterWorkdir(b, c.Dir, entered)
	b.Place(on)
}

// Shell says that one of the last commands does it.
func (ChdirAgain) Shell() string { return "# as the user, if root may not enter it" }

// Shell says that one of the last commands does it.
func (c Chdir) Shell() string { return "# the working directory: see below" }

// User sets who the process is. Capabilities that it may keep are kept over
// the change by PR_SET_KEEPCAPS.
type User struct {
	UID, GID uint32
	Groups   []uint32 // supplementary
	Umask    uint32
	// Mapped says that the process is in a user namespace. Where that denies
	// setgroups(2), the groups are left as they are, as by runc.
	Mapped bool
}

// Emit calls setgroups, setresgid and setresuid, and sets the umask.
func (u User) Emit(b *initprog.Builder) {
	words := make([]byte, 4*len(u.Groups))
	for i, g := range u.Groups {
		for k := range 4 {
			words[4*i+k] = byte(g >> (8 * k))
		}
	}
	groups := b.Sys("setgroups", len(u.Groups), b.Bytes(words))
	if u.Mapped {
		groups.Allow(syscall.EPERM)
	}
	b.Sys("setresgid", u.GID, u.GID, u.GID).Says(fmt.Sprintf("setresgid %d", u.GID))
	b.Sys("setresuid", u.UID, u.UID, u.UID).Says(fmt.Sprintf("setresuid %d", u.UID))
	b.Sys("umask", u.Umask)
}

// Shell says that the last command does it.
func (u User) Shell() string {
	return fmt.Sprintf("umask %04o\n# user %d, group %d: see setpriv, below", u.Umask, u.UID, u.GID)
}

// Who returns the user's number.
func (u User) Who() uint32 { return u.UID }

// Reuid returns the word for setpriv(1) that changes to the user.
func (u User) Reuid() string { return fmt.Sprintf("--reuid=%d", u.UID) }

// DieWithParent has the kernel kill the process when its parent is killed: a
// container whose output nobody reads any more does not go on unseen. See
// PR_SET_PDEATHSIG(2const); a set-user-ID program that it executes is let off.
type DieWithParent struct{}

// Emit calls prctl(2).
func (DieWithParent) Emit(b *initprog.Builder) {
	b.Sys("prctl", linux.PR_SET_PDEATHSIG, linux.SIGKILL, 0, 0, 0).AllowAny().Says("prctl PR_SET_PDEATHSIG")
}

// Shell says what the script has no need for.
func (DieWithParent) Shell() string {
	return "# it ends with the process that keeps the container: prctl(2), PR_SET_PDEATHSIG"
}

// Setpriv returns the words for setpriv(1).
func (u User) Setpriv() []string {
	w := []string{u.Reuid(), fmt.Sprintf("--regid=%d", u.GID)}
	if len(u.Groups) == 0 {
		return append(w, "--clear-groups")
	}
	var g []string
	for _, n := range u.Groups {
		g = append(g, strconv.FormatUint(uint64(n), 10))
	}
	return append(w, "--groups="+strings.Join(g, ","))
}
