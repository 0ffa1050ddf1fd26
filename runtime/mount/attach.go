package mount

import (
	"path"
	"slices"
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/runtime/rootfs"
)

const moveEmpty = linux.MOVE_MOUNT_F_EMPTY_PATH | linux.MOVE_MOUNT_T_EMPTY_PATH

// attach puts a mount where the descriptor at is. What is mounted onto the root
// is the root from then on.
func attach(b *initprog.Builder, mnt, at initprog.Slot, target string) {
	b.Sys("move_mount", mnt, "", at, "", moveEmpty).Says("move_mount " + target)
	if path.Clean("/"+target) == "/" {
		b.Sys("fcntl", mnt, linux.F_DUPFD_CLOEXEC, 0).Into(rootfs.Root(b)).Says("open the root")
	}
}

// emulated are the files of procfs that a mount may cover: by those of another
// container's view of the machine.
var emulated = []string{"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
	"/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled"}

// InsideProc tells mount points in procfs where nothing may be mounted.
func InsideProc(target string) bool {
	target = path.Clean("/" + target)
	return len(target) > len("/proc/") && target[:len("/proc/")] == "/proc/" && !slices.Contains(emulated, target)
}

// outsideProc fails where a mount point turned out to lie in procfs, by
// whatever links: what a container's security modules and masks rely on is not
// to be covered (CVE-2019-16884).
func outsideProc(b *initprog.Builder, at initprog.Slot, target string) {
	if slices.Contains(emulated, path.Clean("/"+target)) {
		return
	}
	stat, isProc, done := b.Bytes(make([]byte, 120)), b.NewLabel(), b.NewLabel() // struct statfs: f_type is its first word
	b.Sys("fstatfs", at, stat)
	b.JumpEqual(b.SlotAt(stat, 0), b.Cell(linux.PROC_SUPER_MAGIC), isProc)
	b.Jump(done)
	b.Place(isProc)
	b.Check(b.Cell(-int32(syscall.EPERM)), target+" cannot be mounted because it is inside /proc")
	b.Place(done)
}

// setPropagations sets how mounts travel between mnt and its peers, with
// mount_setattr(2), one setting after the other.
func setPropagations(b *initprog.Builder, mnt initprog.Slot, names []string) {
	for _, name := range names {
		flags := propagations[name]
		at := linux.AT_EMPTY_PATH
		if flags&linux.MS_REC != 0 {
			at |= linux.AT_RECURSIVE
		}
		attr := b.Words(0, 0, flags&^uint64(linux.MS_REC), 0)
		b.Sys("mount_setattr", mnt, "", at, attr, 32).Says("mount_setattr " + name)
	}
}

func propagationCommands(target string, names []string) (lines []string) {
	for _, name := range names {
		lines = append(lines, "mount --make-"+name+" "+target)
	}
	return lines
}
