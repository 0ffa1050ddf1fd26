package namespace

import (
	"fmt"
	"slices"
	"strings"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime/rootfs"
)

// Sysctl sets a kernel parameter of the container's namespaces, through the
// procfs that was just mounted for it and checked to be one (CVE-2025-52881).
type Sysctl struct{ Key, Value string }

func (s Sysctl) path() string { return "sys/" + SysctlPath(s.Key) }

// SysctlPath returns the path below /proc/sys of a parameter. As in sysctl(8)
// the separator that comes first is the one; the other stands for itself.
func SysctlPath(key string) string {
	i := strings.IndexAny(key, "./")
	if i < 0 || key[i] == '/' {
		return key
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, key)
}

// CheckSysctlPath refuses a name that is no path of a file below /proc/sys.
func CheckSysctlPath(key string) error {
	for _, word := range strings.Split(SysctlPath(key), "/") {
		if slices.Contains([]string{"", ".", ".."}, word) {
			return fmt.Errorf("sysctl %q is no name of a parameter", key)
		}
	}
	return nil
}

// Emit writes the value below the descriptor of that mount, following no link
// and crossing no mount.
func (s Sysctl) Emit(b *initprog.Builder) {
	fd := b.Slot()
	how := b.Words(linux.O_WRONLY|linux.O_CLOEXEC, 0, linux.RESOLVE_BENEATH|linux.RESOLVE_NO_SYMLINKS|linux.RESOLVE_NO_XDEV)
	b.Sys("openat2", b.Named("mount:/proc"), s.path(), how, 24).Into(fd)
	b.Sys("write", fd, b.String(s.Value), len(s.Value)).Says("write /proc/" + s.path())
	b.Sys("close", fd)
}

// Shell writes to the file.
func (s Sysctl) Shell() string {
	return plan.Cmd("echo", s.Value) + " > " + rootfs.Shell("/proc/"+s.path())
}

// Procfs makes a procfs for [Sysctl] that is mounted nowhere, in a container
// that gets none of its own.
type Procfs struct{}

// Emit calls fsopen(2) and fsmount(2).
func (Procfs) Emit(b *initprog.Builder) {
	fs := b.Slot()
	b.Sys("fsopen", "proc", linux.FSOPEN_CLOEXEC).Into(fs)
	b.Sys("fsconfig", fs, linux.FSCONFIG_CMD_CREATE, nil, nil, 0).Says("a procfs for sysctls")
	b.Sys("fsmount", fs, linux.FSMOUNT_CLOEXEC, 0).Into(b.Named("mount:/proc")).Says("fsmount proc")
}

// Shell says what a script would need a place for.
func (Procfs) Shell() string { return "# a procfs that is mounted nowhere, for the following" }
