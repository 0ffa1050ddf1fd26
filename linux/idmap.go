package linux

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// MappedOverlay mounts an overlay whose lower directories show the owners that
// a user namespace maps (mount_setattr(2), MOUNT_ATTR_IDMAP): what belongs to
// 0 on disk belongs to its root. The mount is attached nowhere; it lives as long
// as the file. scratch is an empty directory; it is covered only in a mount
// namespace that ends with the call.
func MappedOverlay(lower []string, upper, work, scratch string, volatile bool, userns *os.File) (*os.File, error) {
	type result struct {
		f   *os.File
		err error
	}
	done := make(chan result)
	go func() {
		// The thread never goes back: it ends with its mount namespace.
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() { // not the main thread, which would stay
			go func() {
				runtime.LockOSThread()
				f, err := mappedOverlay(lower, upper, work, scratch, volatile, userns)
				done <- result{f, err}
			}()
			return
		}
		f, err := mappedOverlay(lower, upper, work, scratch, volatile, userns)
		done <- result{f, err}
	}()
	r := <-done
	return r.f, r.err
}

func mappedOverlay(lower []string, upper, work, scratch string, volatile bool, userns *os.File) (*os.File, error) {
	if err := privateScratch(scratch); err != nil {
		return nil, err
	}
	var at []string
	for i, l := range lower {
		dir := filepath.Join(scratch, strconv.Itoa(i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, err
		}
		if err := attachMapped(l, dir, userns); err != nil {
			return nil, fmt.Errorf("map the owners of %s: %w", l, err)
		}
		at = append(at, dir)
	}
	return overlay(at, upper, work, volatile)
}

// privateScratch moves the thread into a mount namespace of its own, with a
// tmpfs at dir.
func privateScratch(dir string) error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount --make-rprivate /", err)
	}
	return os.NewSyscallError("mount tmpfs", unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"))
}

func attachMapped(source, target string, userns *os.File) error {
	tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("open_tree", err)
	}
	defer unix.Close(tree)
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(userns.Fd())}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		return os.NewSyscallError("mount_setattr", err)
	}
	return os.NewSyscallError("move_mount", unix.MoveMount(tree, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH))
}

func overlay(lower []string, upper, work string, volatile bool) (*os.File, error) {
	fs, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(fs)
	set := [][2]string{{"source", "overlay"}, {"lowerdir", strings.Join(lower, ":")}, {"upperdir", upper}, {"workdir", work}}
	for _, kv := range set {
		if err := unix.FsconfigSetString(fs, kv[0], kv[1]); err != nil {
			return nil, os.NewSyscallError("fsconfig "+kv[0], err)
		}
	}
	if volatile {
		if err := unix.FsconfigSetFlag(fs, "volatile"); err != nil {
			return nil, os.NewSyscallError("fsconfig volatile", err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, os.NewSyscallError("mount overlay", err)
	}
	m, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fsmount", err)
	}
	return os.NewFile(uintptr(m), "overlay"), nil
}

// SendFile passes an open file to the other end of a socket (SCM_RIGHTS,
// unix(7)).
func SendFile(socket, f *os.File) error {
	return retry("sendmsg", func() error {
		return unix.Sendmsg(int(socket.Fd()), []byte{0}, unix.UnixRights(int(f.Fd())), nil, 0)
	})
}
