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
