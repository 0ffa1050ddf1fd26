package initprog

import "golang.org/x/sys/unix"

// sysno returns the number of a system call. The list holds what programs use;
// it is a switch so that it costs nothing at start.
func sysno(name string) (uintptr, bool) {
	switch name {
	case "bpf":
		return unix.SYS_BPF, true
	case "capget":
		return unix.SYS_CAPGET, true
	case "capset":
		return unix.SYS_CAPSET, true
	case "chdir":
		return unix.SYS_CHDIR, true
	case "chroot":
		return unix.SYS_CHROOT, true
	case "clock_gettime":
		return unix.SYS_CLOCK_GETTIME, true
	case "clone":
		return unix.SYS_CLONE, true
	case "clone3":
		return unix.SYS_CLONE3, true
	case "close":
		return unix.SYS_CLOSE, true
	case "close_range":
		return unix.SYS_CLOSE_RANGE, true
	case "dup3":
		return unix.SYS_DUP3, true
	case "execve":
		return unix.SYS_EXECVE, true
	case "exit_group":
		return unix.SYS_EXIT_GROUP, true
	case "faccessat":
		return unix.SYS_FACCESSAT, true
	case "faccessat2":
		return unix.SYS_FACCESSAT2, true
	case "fchdir":
		return unix.SYS_FCHDIR, true
	case "fchmodat":
		return unix.SYS_FCHMODAT, true
	case "fchownat":
		return unix.SYS_FCHOWNAT, true
	case "fcntl":
		return unix.SYS_FCNTL, true
	case "fsconfig":
		return unix.SYS_FSCONFIG, true
	case "fstatfs":
		return unix.SYS_FSTATFS, true
	case "fsmount":
		return unix.SYS_FSMOUNT, true
	case "fsopen":
		return unix.SYS_FSOPEN, true
	case "getcwd":
		return unix.SYS_GETCWD, true
	case "getpid":
		return unix.SYS_GETPID, true
	case "ioctl":
		return unix.SYS_IOCTL, true
	case "ioprio_set":
		return unix.SYS_IOPRIO_SET, true
	case "keyctl":
		return unix.SYS_KEYCTL, true
	case "kill":
		return unix.SYS_KILL, true
	case "mkdirat":
		return unix.SYS_MKDIRAT, true
	case "mknodat":
		return unix.SYS_MKNODAT, true
	case "mmap":
		return unix.SYS_MMAP, true
	case "mount":
		return unix.SYS_MOUNT, true
	case "mount_setattr":
		return unix.SYS_MOUNT_SETATTR, true
	case "move_mount":
		return unix.SYS_MOVE_MOUNT, true
	case "openat":
		return unix.SYS_OPENAT, true
	case "openat2":
		return unix.SYS_OPENAT2, true
	case "open_tree":
		return unix.SYS_OPEN_TREE, true
	case "personality":
		return unix.SYS_PERSONALITY, true
	case "pipe2":
		return unix.SYS_PIPE2, true
	case "pivot_root":
		return unix.SYS_PIVOT_ROOT, true
	case "ppoll":
		return unix.SYS_PPOLL, true
	case "prctl":
		return unix.SYS_PRCTL, true
	case "prlimit64":
		return unix.SYS_PRLIMIT64, true
	case "read":
		return unix.SYS_READ, true
	case "recvfrom":
		return unix.SYS_RECVFROM, true
	case "recvmsg":
		return unix.SYS_RECVMSG, true
	case "rt_sigaction":
		return unix.SYS_RT_SIGACTION, true
	case "rt_sigprocmask":
		return unix.SYS_RT_SIGPROCMASK, true
	case "rt_sigtimedwait":
		return unix.SYS_RT_SIGTIMEDWAIT, true
	case "sched_setaffinity":
		return unix.SYS_SCHED_SETAFFINITY, true
	case "sched_setattr":
		return unix.SYS_SCHED_SETATTR, true
	case "seccomp":
		return unix.SYS_SECCOMP, true
	case "sendmsg":
		return unix.SYS_SENDMSG, true
	case "sendto":
		return unix.SYS_SENDTO, true
	case "setdomainname":
		return unix.SYS_SETDOMAINNAME, true
	case "setgroups":
		return unix.SYS_SETGROUPS, true
	case "sethostname":
		return unix.SYS_SETHOSTNAME, true
	case "set_mempolicy":
		return unix.SYS_SET_MEMPOLICY, true
	case "setns":
		return unix.SYS_SETNS, true
	case "setpgid":
		return unix.SYS_SETPGID, true
	case "setresgid":
		return unix.SYS_SETRESGID, true
	case "setresuid":
		return unix.SYS_SETRESUID, true
	case "setsid":
		return unix.SYS_SETSID, true
	case "socket":
		return unix.SYS_SOCKET, true
	case "statx":
		return unix.SYS_STATX, true
	case "symlinkat":
		return unix.SYS_SYMLINKAT, true
	case "umask":
		return unix.SYS_UMASK, true
	case "umount2":
		return unix.SYS_UMOUNT2, true
	case "unlinkat":
		return unix.SYS_UNLINKAT, true
	case "unshare":
		return unix.SYS_UNSHARE, true
	case "wait4":
		return unix.SYS_WAIT4, true
	case "waitid":
		return unix.SYS_WAITID, true
	case "write":
		return unix.SYS_WRITE, true
	case "writev":
		return unix.SYS_WRITEV, true
	}
	return 0, false
}
