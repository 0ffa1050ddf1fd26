package linux

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// deepest is how many directories below each other are copied.
const deepest = 200

// CopyTree copies what lies in one directory into another, empty one that
// nobody else uses: files, directories, links, fifos, sockets and devices with
// their permissions, owners, times and extended attributes. With mode and owner
// the directory itself gets those of the first. No symbolic link is followed,
// whatever happens to the first directory meanwhile; what is mounted in it is
// copied too.
//
// The second may be on a file system of a user namespace, that of process pid:
// an owner that is unknown there becomes the owner of that directory, without
// set-id bits.
func CopyTree(from, to *os.File, pid int, mode, owner bool) error {
	var st unix.Stat_t
	if err := retry("fstat", func() error { return unix.Fstat(int(to.Fd()), &st) }); err != nil {
		return err
	}
	c := copier{uid: int(st.Uid), gid: int(st.Gid)}
	for _, m := range []struct {
		file string
		into *[]idRange
	}{{"uid_map", &c.uids}, {"gid_map", &c.gids}} {
		var err error
		if *m.into, err = outsideIDs(pid, m.file); err != nil {
			return err
		}
	}
	if c.uid == 0 && c.gid == 0 {
		return c.top(from, to, mode, owner)
	}
	return c.onThread(func() error { return c.top(from, to, mode, owner) })
}

// A copier copies for the owner of the target.
type copier struct {
	uid, gid   int
	uids, gids []idRange // that exist there
}

// An idRange is a line of /proc/PID/uid_map: count numbers from first on, outside.
type idRange struct{ first, count int64 }

func outsideIDs(pid int, file string) (all []idRange, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return nil, err
	}
	for l := range strings.Lines(string(text)) {
		var inside int64
		var r idRange
		if _, err := fmt.Sscan(l, &inside, &r.first, &r.count); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func has(ranges []idRange, id uint32) bool {
	return slices.ContainsFunc(ranges, func(r idRange) bool { return int64(id) >= r.first && int64(id)-r.first < r.count })
}

// onThread calls f on a thread that makes files as the owner, with all the
// capabilities that it had. The thread ends with the call.
func (c copier) onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != os.Getpid() {
			done <- c.as(f)
			return
		}
		// The main thread would not end: it is held until another one is.
		defer runtime.UnlockOSThread()
		held := make(chan bool)
		go func() {
			runtime.LockOSThread()
			close(held)
			done <- c.as(f)
		}()
		<-held
	}()
	return <-done
}

func (c copier) as(f func() error) error {
	const noFixup = 1 << 2 // SECBIT_NO_SETUID_FIXUP, capabilities(7)
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, noFixup, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl PR_SET_SECUREBITS", err)
	}
	if err := unix.Setfsgid(c.gid); err != nil {
		return os.NewSyscallError("setfsgid", err)
	}
	if err := unix.Setfsuid(c.uid); err != nil {
		return os.NewSyscallError("setfsuid", err)
	}
	return f()
}

func (c copier) top(from, to *os.File, mode, owner bool) error {
	src, err := OpenDirAt(from, ".")
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := OpenDirAt(to, ".")
	if err != nil {
		return err
	}
	defer dst.Close()
	st, err := StatAt(src, ".")
	if err != nil {
		return err
	}
	if err := c.entries(src, dst, 0); err != nil {
		return err
	}
	if owner {
		if err := c.chown(dst, ".", &st); err != nil {
			return err
		}
	}
	if mode {
		return ChmodAt(dst, ".", st.Mode&0o7777)
	}
	return nil
}

func (c copier) entries(from, to *os.File, depth int) error {
	if depth > deepest {
		return fmt.Errorf("more than %d directories below each other", deepest)
	}
	names, err := from.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, n := range names {
		err := c.entry(from, to, n, depth)
		if errors.Is(err, os.ErrNotExist) {
			continue // it went meanwhile
		}
		if err != nil {
			return fmt.Errorf("%s: %w", n, err)
		}
	}
	return nil
}

// entry copies one entry: it is opened first, so that all that is copied is of
// the same file.
func (c copier) entry(from, to *os.File, name string, depth int) error {
	fd, err := retryValue("openat", func() (int, error) {
		return unix.Openat(int(from.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return err
	}
	src := os.NewFile(uintptr(fd), name)
	defer src.Close()
	st, err := statOpen(src)
	if err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		err = c.dir(src, to, name, &st, depth)
	case unix.S_IFREG:
		err = c.file(src, to, name, &st)
	case unix.S_IFLNK:
		return c.link(src, to, name, st)
	default:
		err = MakeNodeAt(to, name, st.Mode&unix.S_IFMT|0o600, unix.Major(st.Device), unix.Minor(st.Device))
		if err == nil {
			err = c.chown(to, name, &st)
		}
	}
	if err != nil {
		return err
	}
	if err := ChmodAt(to, name, st.Mode&0o7777); err != nil {
		return err
	}
	return SetTimesAt(to, name, st.Modified, st.Modified)
}

// statOpen looks at an open file, with O_PATH, too.
func statOpen(f *os.File) (Stat, error) {
	var st unix.Stat_t
	err := retry("fstat", func() error { return unix.Fstat(int(f.Fd()), &st) })
	return Stat{Mode: st.Mode, UID: st.Uid, GID: st.Gid, Device: uint64(st.Rdev), Modified: time.Unix(st.Mtim.Unix())}, err
}

func (c copier) dir(src, to *os.File, name string, st *Stat, depth int) error {
	if err := MakeDirAt(to, name, 0o700); err != nil {
		return err
	}
	from, err := OpenDirAt(src, ".")
	if err != nil {
		return err
	}
	defer from.Close()
	into, err := OpenDirAt(to, name)
	if err != nil {
		return err
	}
	defer into.Close()
	if err := c.entries(from, into, depth+1); err != nil {
		return err
	}
	if err := c.chown(to, name, st); err != nil {
		return err
	}
	return copyXattrs(from, into)
}

func (c copier) file(src, to *os.File, name string, st *Stat) error {
	from, err := os.Open("/proc/self/fd/" + strconv.Itoa(int(src.Fd())))
	if err != nil {
		return err
	}
	defer from.Close()
	into, err := CreateAt(to, name)
	if err != nil {
		return err
	}
	defer into.Close()
	if _, err := io.Copy(into, from); err != nil {
		return err
	}
	if err := c.chown(to, name, st); err != nil { // it takes capabilities away
		return err
	}
	return copyXattrs(from, into)
}

func (c copier) link(src, to *os.File, name string, st Stat) error {
	buf := make([]byte, unix.PathMax)
	n, err := retryValue("readlinkat", func() (int, error) { return unix.Readlinkat(int(src.Fd()), "", buf) })
	if err != nil {
		return err
	}
	if err := MakeSymlinkAt(string(buf[:n]), to, name); err != nil {
		return err
	}
	return c.chown(to, name, &st)
}

// chown gives an entry its owner and group. Those that do not exist there
// are the owner's of all, and such an entry loses the set-id bits.
func (c copier) chown(to *os.File, name string, st *Stat) error {
	uid, gid := int(st.UID), int(st.GID)
	if !has(c.uids, st.UID) {
		uid = c.uid
	}
	if !has(c.gids, st.GID) {
		gid = c.gid
	}
	if uid != int(st.UID) || gid != int(st.GID) {
		st.Mode &^= unix.S_ISUID | unix.S_ISGID
	}
	return ChownAt(to, name, uid, gid)
}

// copyXattrs copies the extended attributes that the target's file system takes.
func copyXattrs(from, to *os.File) error {
	names := make([]byte, 1<<16)
	n, err := retryValue("flistxattr", func() (int, error) { return unix.Flistxattr(int(from.Fd()), names) })
	if err != nil {
		if errors.Is(err, unix.EOPNOTSUPP) {
			return nil
		}
		return err
	}
	value := make([]byte, 1<<16)
	for _, attr := range strings.Split(strings.TrimSuffix(string(names[:n]), "\x00"), "\x00") {
		if attr == "" {
			continue
		}
		size, err := retryValue("fgetxattr", func() (int, error) { return unix.Fgetxattr(int(from.Fd()), attr, value) })
		if err == nil {
			err = retry("fsetxattr", func() error { return unix.Fsetxattr(int(to.Fd()), attr, value[:size], 0) })
		}
		if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENODATA) {
			return fmt.Errorf("%s: %w", attr, err)
		}
	}
	return nil
}
