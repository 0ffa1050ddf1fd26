package linux

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// CloneMount clones the mount of a file or directory, with recursive also what
// is mounted below; see open_tree(2). With users, a user namespace, the clone
// shows the owners that it maps (mount_setattr(2), MOUNT_ATTR_IDMAP): its top
// mount, or all. It is attached nowhere; it lives as long as the file.
func CloneMount(source string, recursive bool, users *os.File, all bool) (*os.File, error) {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	tree, err := retryValue("open_tree", func() (int, error) { return unix.OpenTree(unix.AT_FDCWD, source, flags) })
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(tree), source)
	if users == nil {
		return f, nil
	}
	at := uint(unix.AT_EMPTY_PATH)
	if all {
		at |= unix.AT_RECURSIVE
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(users.Fd())}
	if err := retry("mount_setattr", func() error { return unix.MountSetattr(tree, "", at, &attr) }); err != nil {
		f.Close()
		return nil, fmt.Errorf("map the owners: %w", err)
	}
	return f, nil
}

// ReceiveFiles takes n open files from a socket; see [SendFile]. When the other
// end is gone that is ECONNRESET.
func ReceiveFiles(socket *os.File, n int) ([]*os.File, error) {
	oob := make([]byte, unix.CmsgSpace(4*n))
	size, err := retryValue("recvmsg", func() (int, error) {
		got, size, _, _, err := unix.Recvmsg(int(socket.Fd()), make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
		if err == nil && got == 0 {
			err = unix.ECONNRESET
		}
		return size, err
	})
	if err != nil {
		return nil, err
	}
	var files []*os.File
	msgs, err := unix.ParseSocketControlMessage(oob[:size])
	for _, m := range msgs {
		fds, perr := unix.ParseUnixRights(&m)
		if perr != nil {
			err = perr
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	if err == nil && len(files) != n {
		err = fmt.Errorf("%d files came, not %d", len(files), n)
	}
	if err != nil {
		for _, f := range files {
			f.Close()
		}
		return nil, err
	}
	return files, nil
}
