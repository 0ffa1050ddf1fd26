package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"mydocker/internal/atomicfile"
	"mydocker/linux"
	"mydocker/plan"
)

// Mkdir makes a directory on the host, with its parents.
type Mkdir struct {
	Path string
	Mode uint32 // permission bits
	UID  int    // owner and group; 0 is root
	GID  int
}

// Do makes the directory. One that is there already stays.
func (m Mkdir) Do(*plan.Env) error {
	if err := m.mkdir(); err != nil || m.UID == 0 && m.GID == 0 {
		return err
	}
	return os.Lchown(m.Path, m.UID, m.GID)
}

func (m Mkdir) mkdir() error {
	err := os.Mkdir(m.Path, fs.FileMode(m.Mode))
	if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(m.Path, fs.FileMode(m.Mode))
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Shell returns the mkdir(1) command.
func (m Mkdir) Shell() string {
	s := fmt.Sprintf("mkdir -p -m %04o %s", m.Mode, quote(m.Path))
	if m.UID != 0 || m.GID != 0 {
		s += fmt.Sprintf("; chown %d:%d %s", m.UID, m.GID, quote(m.Path))
	}
	return s
}

// Undo removes the directory with what is in it.
func (m Mkdir) Undo() plan.HostStep { return RemoveTree{m.Path} }

// Present tells whether the directory is there.
func (m Mkdir) Present() bool { _, err := os.Lstat(m.Path); return err == nil }

// RemoveTree removes a directory, following no link and crossing no mount.
type RemoveTree struct{ Path string }

// Do removes it.
func (r RemoveTree) Do(*plan.Env) error { return linux.RemoveTree(r.Path) }

// Shell returns the rm(1) command.
func (r RemoveTree) Shell() string { return plan.Cmd("rm", "-rf", "--one-file-system", r.Path) }

// Undo returns nil: what is gone is gone.
func (RemoveTree) Undo() plan.HostStep { return nil }

// File writes a small file on the host, in a directory that the container's
// Mkdir made and its undo removes.
type File struct {
	Path, Content string
	Mode          uint32
}

// Do replaces the file as a whole.
func (f File) Do(*plan.Env) error {
	return atomicfile.Write(f.Path, []byte(f.Content), fs.FileMode(f.Mode), false)
}

// Shell returns the printf(1) command.
func (f File) Shell() string {
	return "printf %s " + quote(f.Content) + " > " + quote(f.Path) + fmt.Sprintf("; chmod %04o ", f.Mode) + quote(f.Path)
}

// Undo returns nil; see [File].
func (File) Undo() plan.HostStep { return nil }

// Present tells whether the file is there.
func (f File) Present() bool { _, err := os.Lstat(f.Path); return err == nil }

// Source makes the missing source directory of a bind. It is the user's from
// then on and stays.
type Source struct{ Path string }

// Do makes the directory with its parents.
func (s Source) Do(*plan.Env) error { return os.MkdirAll(s.Path, 0o755) }

// Shell returns the mkdir(1) command.
func (s Source) Shell() string { return plan.Cmd("mkdir", "-p", s.Path) }

// Undo returns nil.
func (Source) Undo() plan.HostStep { return nil }

// Steps lists the host steps of this room, for the journal.
func Steps() []plan.HostStep {
	return []plan.HostStep{Mkdir{}, RemoveTree{}, File{}, Source{}, Mapped{}, Tmpfs{}, Unmount{}, OnHost{}}
}
