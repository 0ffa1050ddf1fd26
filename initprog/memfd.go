package initprog

import (
	"os"

	"golang.org/x/sys/unix"
)

// highFD is where descriptors are kept that ForkExec must not overwrite.
const highFD = 200

// high duplicates a descriptor to a number that ForkExec does not touch.
func high(fd int) (int, error) {
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, highFD)
	return n, os.NewSyscallError("fcntl F_DUPFD_CLOEXEC", err)
}

// memfd returns a sealed memfd with that content.
func memfd(name string, content []byte) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, os.NewSyscallError("memfd_create", err)
	}
	for off := 0; off < len(content); {
		n, err := unix.Write(fd, content[off:])
		if err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("write", err)
		}
		off += n
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("fcntl F_ADD_SEALS", err)
	}
	return fd, nil
}
