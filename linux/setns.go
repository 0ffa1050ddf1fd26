package linux

import (
	"os"

	"golang.org/x/sys/unix"
)

// SetNS moves the calling thread, which the caller has locked, into the
// namespace whose file is given; see setns(2). Whatever kind it is of.
func SetNS(ns *os.File) error {
	return retry("setns", func() error { return unix.Setns(int(ns.Fd()), 0) })
}

// UnshareNet moves the calling thread, which the caller has locked, into a new
// network namespace; see unshare(2). Its loopback interface is down.
func UnshareNet() error {
	return retry("unshare", func() error { return unix.Unshare(unix.CLONE_NEWNET) })
}
