package linux

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// siginfoPid reads si_pid of what waitid(2) filled in.
func siginfoPid(info *unix.Siginfo) int {
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), 16)))
}
