package runtime_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
	"mydocker/runtime"
)

// TestRootPropagation looks at the root's mount, and what reaches it, or the
// host.
func TestRootPropagation(t *testing.T) {
	for name, want := range map[string]string{"": "", "private": "", "rprivate": "", "slave": "", "rslave": "", "unbindable": "unbindable", "runbindable": "unbindable",
		"shared": "shared:", "rshared": "shared:"} {
		b := newBox(t)
		b.Spec.Linux.RootfsPropagation = name
		if _, travels, _ := b.options("/"); !strings.HasPrefix(travels, want) || want == "" && strings.HasPrefix(travels, "shared") {
			t.Errorf("%s: the root is %q", name, travels)
		}
	}
	b := newBox(t)
	b.Spec.Linux.RootfsPropagation = "sideways"
	b.refused("rootfsPropagation: unknown mount propagation")
}

// sharedDir is a directory of the host that is a shared mount.
func sharedDir(t testing.TB) string {
	t.Helper()
	dir := testenv.Dir(t)
	if err := errors.Join(os.Chmod(dir, 0o755), syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"), syscall.Mount("", dir, "", syscall.MS_SHARED, "")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	if err := os.Mkdir(filepath.Join(dir, "at"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestPropagationOfVolumes mounts inside of a volume: with all shared it
// reaches the host, else it does not. What the plan mounts in a root that lies
// in a shared mount never does.
func TestPropagationOfVolumes(t *testing.T) {
	for name, reaches := range map[string]bool{"rshared": true, "rslave": false, "rprivate": false} {
		b := newBox(t)
		dir := sharedDir(t)
		if err := os.Rename(b.root, filepath.Join(dir, "rootfs")); errors.Is(err, syscall.EXDEV) {
			b.root = filepath.Join(dir, "rootfs")
			copyBusybox(t, b.root)
		}
		b.Spec.Root.Path = b.root
		b.Spec.Linux.RootfsPropagation = name
		b.mount("/data", "bind", dir, "rbind", name)
		out := b.shell("mount -t tmpfs made /data/at; cat /proc/self/mountinfo")
		host, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(host), dir+"/at "); got != reaches {
			t.Errorf("%s: the mount reaches the host: %v\n%s", name, got, out)
		}
		syscall.Unmount(filepath.Join(dir, "at"), syscall.MNT_DETACH)
		if strings.Contains(string(host), b.root) {
			t.Errorf("%s: mounts of the root reach the host:\n%s", name, host)
		}
	}
}

// copyBusybox makes the root anew somewhere else.
func copyBusybox(t testing.TB, root string) {
	t.Helper()
	if err := os.CopyFS(root, os.DirFS(testenv.Busybox(t))); err != nil {
		t.Fatal(err)
	}
}

// TestNoPivot moves the root: nothing of the host is in sight, and neither is a
// procfs or sysfs of the host, below the root, that would let a user namespace
// mount one whose parts are not hidden.
func TestNoPivot(t *testing.T) {
	for _, users := range []bool{false, true} {
		b := newBox(t)
		if users {
			b.inUsers()
		}
		b.NoPivot = true
		b.Spec.Root.Readonly = true
		b.Spec.Linux.MaskedPaths = []string{"/proc/interrupts"}
		out := b.shell("cat /proc/self/mountinfo; ls /bin/busybox; ls -d " + b.root + " 2>&1 | cat; echo x 2>&1 >/etc/x; true")
		if !strings.Contains(out, "/bin/busybox") || !strings.Contains(out, "No such file") || !strings.Contains(out, "Read-only") {
			t.Errorf("the root is wrong:\n%s", out)
		}
		if n := len(regexp.MustCompile(`(?m) - (proc|sysfs) `).FindAllString(out, -1)); n != 1 {
			t.Errorf("%d mounts of procfs and sysfs are seen:\n%s", n, out)
		}
		below := b.shell("ls /proc/1/root/proc/self/status; unshare -m sh -c 'umount -l /; ls /proc/1/status' 2>&1; cd /; true")
		if strings.Contains(below, b.root) {
			t.Errorf("the host is seen: %s", below)
		}
	}
	b := newBox(t)
	b.NoPivot, b.Spec.Linux.RootfsPropagation = true, "shared"
	b.refused("needs pivot_root")
}

func TestReadonlyRoot(t *testing.T) {
	b := newBox(t)
	b.Spec.Root.Readonly = true
	b.mount("/mnt/rw", "tmpfs", "tmpfs")
	b.Spec.Mounts[1].Options = append(b.Spec.Mounts[1].Options, "ro") // /dev, with its nodes
	b.mount("/dev/shm", "tmpfs", "shm", "ro")
	b.gives("touch /x 2>&1; touch /mnt/rw/x; touch /dev/x 2>&1; touch /dev/shm/x 2>&1; echo >/dev/null; true",
		"touch: /x: Read-only file system\ntouch: /dev/x: Read-only file system\ntouch: /dev/shm/x: Read-only file system\n")
}

func TestMasks(t *testing.T) {
	b := newBox(t)
	b.write("secret", "dir/a", "dir/b", "other/x", "link->dir2", "dir2/y", "flink->etc/passwd")
	b.Spec.Root.Readonly = true
	b.Spec.Linux.MaskedPaths = []string{"/secret", "/dir", "/dir/", "/dir", "/other", "/missing", "/secret/below", "/link", "/flink", "/proc/interrupts", "/proc/../proc/timer_list", "/proc/acpi", "/proc/nothing"}
	b.Spec.Linux.ReadonlyPaths = []string{"/proc/sys", "/proc/sys", "/missing", "/proc/bus"}
	out := b.shell("cat /proc/self/mountinfo; cat /secret /etc/passwd; ls /dir /other /dir2; wc -c </proc/interrupts; echo x 2>&1 >/proc/sys/kernel/domainname; echo x 2>&1 >/dir/x; true")
	for _, at := range []string{"/secret", "/dir", "/other", "/dir2", "/etc/passwd", "/proc/interrupts", "/proc/timer_list"} {
		if mount, _, _ := optionsOf(t, out, at); !strings.HasPrefix(mount, "ro") {
			t.Errorf("%s has %s", at, mount)
		}
		if n := strings.Count(out, " "+at+" "); n != 1 {
			t.Errorf("%s is covered %d times", at, n)
		}
	}
	if _, after, _ := strings.Cut(out, " /proc/sys "); !strings.Contains(after, "/dir:\n\n/dir2:\n\n/other:\n0\n") || strings.Count(out, "Read-only") != 2 {
		t.Errorf("got:\n%s", out)
	}
	devices := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\d+ \d+ (\S+) / /(dir|dir2|other) `).FindAllStringSubmatch(out, -1) {
		devices[m[1]] = true
	}
	if len(devices) != 1 {
		t.Errorf("the directories are covered by %d file systems:\n%s", len(devices), out)
	}
}

func TestDevices(t *testing.T) {
	mode := os.FileMode(0o620)
	uid, gid := uint32(7), uint32(8)
	devices := []specs.LinuxDevice{
		{Path: "/dev/sub/x", Type: "c", Major: 1, Minor: 3, FileMode: &mode, UID: &uid, GID: &gid},
		{Path: "/dev/pipe", Type: "p", FileMode: &mode, UID: &uid},
		{Path: "/dev/u", Type: "u", Major: 1, Minor: 5}, {Path: "dev/b", Type: "b", Major: 7, Minor: 300},
		{Path: "/dev/null", Type: "c", Major: 1, Minor: 3, FileMode: &mode}, {Path: "/dev/ptmx", Type: "c", Major: 5, Minor: 2},
	}
	for _, fresh := range []bool{true, false} {
		b := newBox(t)
		b.Spec.Linux.Devices = devices
		if !fresh { // in the image's directory
			b.Spec.Mounts = b.Spec.Mounts[:1]
			b.write("dev/ptmx", "dev/zero", "dev/fd->nowhere")
		}
		b.gives("cd /dev; stat -c '%n %a %u:%g %F %t:%T' sub/x pipe u b null zero full random urandom tty; for l in ptmx stdin stdout stderr core fd; do readlink $l; done",
			`sub/x 620 7:8 character special file 1:3
pipe 620 7:0 fifo 0:0
u 666 0:0 character special file 1:5
b 666 0:0 block special file 7:12c
null 620 0:0 character special file 1:3
zero 666 0:0 character special file 1:5
full 666 0:0 character special file 1:7
random 666 0:0 character special file 1:8
urandom 666 0:0 character special file 1:9
tty 666 0:0 character special file 5:0
pts/ptmx
/proc/self/fd/0
/proc/self/fd/1
/proc/self/fd/2
/proc/kcore
`+map[bool]string{true: "/proc/self/fd\n", false: "nowhere\n"}[fresh])
	}
	for want, d := range map[string]specs.LinuxDevice{"unknown type": {Path: "/dev/x", Type: "a"}, "needs a path": {Type: "c"}, "no number": {Path: "/dev/x", Type: "c", Major: -1}} {
		b := newBox(t)
		b.Spec.Linux.Devices = []specs.LinuxDevice{d}
		b.refused(want)
	}
}

func TestDevicesInUsers(t *testing.T) {
	b := newBox(t)
	b.inUsers()
	b.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/pipe", Type: "p"}}
	b.gives("cd /dev; stat -c '%n %F' pipe null zero; head -c 3 zero | wc -c; echo x >null", "pipe fifo\nnull character special file\nzero character special file\n3\n")
}

// TestBoundDev leaves a /dev of the host alone, and finds its terminals.
func TestBoundDev(t *testing.T) {
	b := newBox(t)
	dev := testenv.Dir(t)
	for _, d := range []string{"pts", "console"} {
		if err := os.Mkdir(filepath.Join(dev, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	os.Remove(filepath.Join(dev, "console"))
	if err := syscall.Mount("devpts", filepath.Join(dev, "pts"), "devpts", 0, "newinstance,ptmxmode=666"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(filepath.Join(dev, "pts"), syscall.MNT_DETACH) })
	taken, err := os.OpenFile(filepath.Join(dev, "pts/ptmx"), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() // so that the container's is not the first
	b.Spec.Mounts = b.Spec.Mounts[:1]
	b.mount("/dev", "bind", dev, "rbind")
	b.Spec.Process.Terminal = true
	b.gives("ls /dev; tty; echo hello >/dev/console", "console  pts\n/dev/pts/1\nhello\n")
	b.Spec.Mounts[1].Options = []string{"bind"} // without the file system of terminals
	b.refused("no such device")
}

func TestTerminal(t *testing.T) {
	for _, users := range []bool{false, true} {
		b := newBox(t)
		if users {
			b.inUsers()
		}
		b.mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620")
		b.Spec.Process.Terminal = true
		b.gives("tty; readlink /dev/ptmx; echo hello >/dev/console", "/dev/pts/0\npts/ptmx\nhello\n")
	}
}

// TestLook changes nothing and tells what a plan needs.
func TestLook(t *testing.T) {
	b := newBox(t)
	b.write("a->/gone", "dev/shm->/run/shm")
	b.mount("/a/b", "tmpfs", "tmpfs")
	b.mount("/dev/shm", "tmpfs", "tmpfs")
	f, err := runtime.Look(b.Container)
	if err != nil || len(f.Places) != 1 || f.Places["/a/b"] != "/gone/b" || f.HostProc != nil {
		t.Errorf("%v, %v, %v", f.Places, f.HostProc, err)
	}
	b.NoPivot = true
	if f, err = runtime.Look(b.Container); err != nil || len(f.HostProc) == 0 || f.HostProc[0] == "" {
		t.Errorf("%v, %v", f.HostProc, err)
	}
	if _, err := os.Stat(b.at("gone")); err == nil {
		t.Error("something was made")
	}
	b.gives("mount | grep -c ' /gone/b \\| /dev/shm '", "2\n")
}
