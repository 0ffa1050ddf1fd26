// Package linux is the ground floor: the calls of the kernel that the engine
// makes, typed, repeated when a signal interrupted them, their errors named
// after the call (os.SyscallError). It and its folders, with package initprog,
// are the only importers of golang.org/x/sys/unix.
package linux

import (
	"os"

	"golang.org/x/sys/unix"
)

// retry calls f until it is not interrupted by a signal.
func retry(name string, f func() error) error {
	for {
		err := f()
		if err != unix.EINTR {
			return os.NewSyscallError(name, err)
		}
	}
}

// retryValue is retry for calls with a result.
func retryValue[T any](name string, f func() (T, error)) (T, error) {
	for {
		v, err := f()
		if err != unix.EINTR {
			return v, os.NewSyscallError(name, err)
		}
	}
}
