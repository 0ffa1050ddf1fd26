package linux

import "golang.org/x/sys/unix"

// SetSubreaper makes the caller the parent of those of its descendants whose own
// parent ends; see PR_SET_CHILD_SUBREAPER(2const).
func SetSubreaper() error {
	return retry("prctl PR_SET_CHILD_SUBREAPER", func() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) })
}

// IsInherited tells whether the process has a descriptor that its caller gave it:
// those that Go opens are closed on exec.
func IsInherited(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

// RaiseLimit makes the hard limit of a process at least that, and leaves the soft
// one as it is; see prlimit(2).
func RaiseLimit(pid, resource int, hard uint64) error {
	var l unix.Rlimit
	if err := retry("prlimit", func() error { return unix.Prlimit(pid, resource, nil, &l) }); err != nil || l.Max >= hard {
		return err
	}
	l.Max = hard
	return retry("prlimit", func() error { return unix.Prlimit(pid, resource, &l, nil) })
}
