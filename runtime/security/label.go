package security

import (
	"os"
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
)

// LSM tells which of the kernel's security modules that know labels are on.
type LSM struct{ AppArmor, SELinux bool }

// ProbeLSM looks for them. It is worth the time only for a specification that
// names a profile or a label.
func ProbeLSM() (l LSM) {
	if _, err := os.Stat("/sys/kernel/security/apparmor"); err == nil {
		on, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
		l.AppArmor = err == nil && len(on) > 0 && on[0] == 'Y'
	}
	_, err := os.Stat("/sys/fs/selinux/enforce")
	l.SELinux = err == nil
	return l
}

// AppArmor confines the process by a profile, from its execve(2) on; see
// aa_change_onexec(2).
type AppArmor struct{ Profile string }

// Emit writes to the host's procfs.
func (a AppArmor) Emit(b *initprog.Builder) {
	own, fd, tried := "attr/apparmor/exec", b.Slot(), b.NewLabel()
	openAttr(b, own, fd).Allow(syscall.ENOENT)
	old := b.NewLabel()
	b.JumpNegative(fd, old)
	b.Jump(tried)
	b.Place(old)
	openAttr(b, "attr/exec", fd)
	b.Place(tried)
	writeAttr(b, fd, "exec "+a.Profile, "apparmor profile "+a.Profile)
}

// Shell says which program would start the container's so.
func (a AppArmor) Shell() string { return "# " + plan.Cmd("aa-exec", "--profile", a.Profile) }

// SELinux labels the process from its execve(2) on, and the keys that it makes
// before; see setexeccon(3) and setkeycreatecon(3).
type SELinux struct{ Label string }

// Emit writes to the host's procfs.
func (s SELinux) Emit(b *initprog.Builder) {
	for _, file := range []string{"attr/exec", "attr/keycreate"} {
		fd := b.Slot()
		openAttr(b, file, fd)
		writeAttr(b, fd, s.Label, "selinux label "+s.Label)
	}
}

// Shell says which program would start the container's so.
func (s SELinux) Shell() string { return "# " + plan.Cmd("runcon", s.Label) }

// openAttr opens a file of the process's own in procfs, while that still is the
// host's. That it is one is checked, and no link or mount below is followed but
// "self": a label that went to another file would be no error, and no label
// (CVE-2025-52881, CVE-2023-28642).
func openAttr(b *initprog.Builder, file string, fd initprog.Slot) *initprog.Op {
	const statfsSize, howSize = 120, 24
	proc, first := b.Once("host's procfs")
	if first {
		st, isProc := b.Bytes(make([]byte, statfsSize)), b.NewLabel()
		b.Sys("openat", linux.AT_FDCWD, "/proc", linux.O_PATH|linux.O_DIRECTORY|linux.O_CLOEXEC, 0).Into(proc)
		b.Sys("fstatfs", proc, st).Says("statfs /proc")
		b.JumpEqual(b.SlotAt(st, 0), b.Cell(linux.PROC_SUPER_MAGIC), isProc)
		b.Check(b.Cell(-int32(syscall.ENODEV)), "open /proc as procfs")
		b.Place(isProc)
	}
	how := b.Words(linux.O_WRONLY|linux.O_CLOEXEC, 0, linux.RESOLVE_BENEATH|linux.RESOLVE_NO_MAGICLINKS|linux.RESOLVE_NO_XDEV)
	return b.Sys("openat2", proc, "self/"+file, how, howSize).Into(fd).Says("open /proc/self/" + file)
}

func writeAttr(b *initprog.Builder, fd initprog.Slot, value, what string) {
	b.Sys("write", fd, b.String(value), len(value)).Says("apply " + what)
	b.Sys("close", fd)
}
