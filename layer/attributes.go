package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"mydocker/linux"
)

type dirTimes struct {
	path             string
	access, modified time.Time
}

const (
	dirTimesSize = 64        // of one, without the path
	maxDirsBytes = 256 << 20 // of memory: a million directories with usual names
)

// attributes come in this order because a change of owner takes set-id bits
// and capabilities away.
func (u *unpacker) attributes(dir *os.File, name, full string, h *tar.Header) error {
	if h.Uid < 0 || h.Uid >= math.MaxUint32 || h.Gid < 0 || h.Gid >= math.MaxUint32 {
		return fmt.Errorf("there is no owner %d:%d", h.Uid, h.Gid)
	}
	if err := linux.ChownAt(dir, name, h.Uid, h.Gid); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeSymlink {
		if err := linux.ChmodAt(dir, name, uint32(h.Mode&0o7777)); err != nil {
			return err
		}
	}
	if err := setXattrs(dir, name, h); err != nil {
		return err
	}
	access := h.AccessTime
	if access.IsZero() {
		access = h.ModTime
	}
	if h.Typeflag == tar.TypeDir {
		if u.dirsBytes += len(full) + dirTimesSize; u.dirsBytes > maxDirsBytes {
			return fmt.Errorf("%w of %d bytes for the names of directories", ErrLimit, maxDirsBytes)
		}
		u.dirs = append(u.dirs, dirTimes{full, access, h.ModTime})
		return u.named(dir, name)
	}
	return linux.SetTimesAt(dir, name, access, h.ModTime)
}

// setXattrs sets the attributes that a PAX header tells of. Those of overlayfs
// would make it look elsewhere for files, and are never an archive's business.
func setXattrs(dir *os.File, name string, h *tar.Header) error {
	for key, value := range h.PAXRecords {
		attr, ok := strings.CutPrefix(key, "SCHILY.xattr.")
		if !ok || ofOverlay(attr) {
			continue
		}
		err := linux.SetXattrAt(dir, name, attr, []byte(value))
		// Not every file system has all, and only files and directories user.*.
		if err != nil && !errors.Is(err, syscall.ENOTSUP) && !(errors.Is(err, syscall.EPERM) && h.Typeflag != tar.TypeReg) {
			return fmt.Errorf("set attribute %q: %w", attr, err)
		}
	}
	return nil
}

// finish sets the times of directories, those below first. One that a later
// entry replaced has none to set any more.
func (u *unpacker) finish() error {
	u.result.Implied = slices.Sorted(maps.Keys(u.inherits))
	for _, d := range slices.Backward(u.dirs) {
		dir, err := linux.OpenIn(u.root, d.path, linux.O_PATH|linux.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) {
			continue
		}
		if err != nil {
			return err
		}
		err = linux.SetTimesAt(dir, ".", d.access, d.modified)
		dir.Close()
		if err != nil {
			return fmt.Errorf("unpack %q: %w", d.path, err)
		}
	}
	return nil
}
