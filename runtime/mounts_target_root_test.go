package runtime_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
	"mydocker/runtime/cgroup"
)

// write makes files of the root: a name with "->" is a link, with "/" at its
// end a directory, else a file.
func (b *box) write(names ...string) {
	b.t.Helper()
	for _, n := range names {
		name, target, isLink := strings.Cut(n, "->")
		at := b.at(name)
		err := os.MkdirAll(filepath.Dir(at), 0o755)
		if err == nil && isLink {
			os.RemoveAll(at)
			err = os.Symlink(target, at)
		} else if err == nil && strings.HasSuffix(name, "/") {
			err = os.MkdirAll(at, 0o755)
		} else if err == nil {
			err = os.WriteFile(at, []byte("image\n"), 0o644)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// TestMountTargets makes what is missing, and follows links inside of the root.
func TestMountTargets(t *testing.T) {
	source := hostDir(t)
	file := filepath.Join(source, "file")
	for _, c := range []struct{ name, image, target, source, look string }{
		{"missing", "", "/a/b/c", source, "/a/b/c/file"},
		{"missing file", "", "/a/b/c", file, "/a/b/c"},
		{"relative", "", "a/b", source, "/a/b/file"},
		{"dots", "x/", "/x/../../a", source, "/a/file"},
		{"link", "x->/var", "/x/y", source, "/var/y/file"},
		{"link to the outside", "x->../../../../../tmp", "/x", source, "/tmp/file"},
		{"link to nothing", "x->/nothing/here", "/x", source, "/nothing/here/file"},
		{"file behind a link to nothing", "x->nothing", "/x/f", file, "/nothing/f"},
		{"over a file", "f", "/f", file, "/f"},
		{"link to a file", "f->/etc/passwd", "/f", file, "/etc/passwd"},
		{"slash at the end", "", "/a/", source + "/", "/a/file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBox(t)
			if c.image != "" {
				b.write(c.image)
			}
			b.mount(c.target, "bind", c.source, "rbind")
			b.gives("cat "+c.look, "hello\n")
		})
	}
}

// TestMountSources binds what is neither a directory nor a regular file.
func TestMountSources(t *testing.T) {
	b := newBox(t)
	dir := testenv.Dir(t)
	fifo, socket := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	own, err := os.Open(hostDir(t))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	b.mount("/mnt/fifo", "bind", fifo, "bind")
	b.mount("/mnt/socket", "bind", socket, "bind")
	b.mount("/mnt/zero", "bind", "/dev/zero", "bind")
	b.mount("/mnt/own", "bind", fmt.Sprintf("/proc/self/fd/%d", own.Fd()), "bind")
	b.gives("cd /mnt; for f in fifo socket zero; do stat -c %F $f; done; cat own/file", "fifo\nsocket\ncharacter special file\nhello\n")
}

// TestMountOnTheRoot takes the place of the whole root.
func TestMountOnTheRoot(t *testing.T) {
	b := newBox(t)
	other := testenv.BusyboxCopy(t)
	if err := os.WriteFile(filepath.Join(other, "mark"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	b.Spec.Mounts = append([]specs.Mount{{Destination: "/", Type: "bind", Source: other, Options: []string{"rbind"}}}, b.Spec.Mounts...)
	b.gives("ls /mark; ls /proc/self/status; ls /dev/null", "/mark\n/proc/self/status\n/dev/null\n")
}

func TestMountRefused(t *testing.T) {
	for want, m := range map[string]specs.Mount{
		"source: stat /nope: no such file": {Destination: "/data", Type: "bind", Source: "/nope", Options: []string{"bind"}},
		"is inside /proc":                  {Destination: "/proc/self/attr", Type: "tmpfs", Source: "tmpfs"},
		"not of type proc":                 {Destination: "/proc", Type: "bind", Source: "/etc", Options: []string{"rbind"}},
		`"/proc" cannot be mounted because it is not of type proc`: {Destination: "/proc", Type: "bind", Source: "/proc/1", Options: []string{"rbind"}},
		"/proc\" cannot be mounted because":                        {Destination: "/proc", Type: "tmpfs", Source: "tmpfs"},
		"only a bind can":                                          {Destination: "/", Type: "tmpfs", Source: "tmpfs"},
		"needs a type":                                             {Destination: "/data", Source: "x"},
		"source: stat : no such file":                              {Destination: "/data", Options: []string{"bind"}},
		"null byte":                                                {Destination: "/data", Type: "tmpfs", Source: "a\x00b"},
		"fsopen nofs: no such device":                              {Destination: "/data", Type: "nofs", Source: "x"},
		"fsconfig funny yes: invalid argument":                     {Destination: "/data", Type: "tmpfs", Source: "x", Options: []string{"funny=yes"}},
	} {
		b := newBox(t)
		b.Spec.Mounts = append(b.Spec.Mounts, m)
		b.refused(want)
		if _, err := os.Stat(b.at("data")); err == nil && !strings.HasPrefix(want, "fs") {
			t.Errorf("%s: something was made before it was refused", want)
		}
	}
}

// TestEmulatedProc lets a file of procfs be covered that only tells about the
// machine.
func TestEmulatedProc(t *testing.T) {
	b := newBox(t)
	b.mount("/proc/uptime", "bind", filepath.Join(hostDir(t), "file"), "bind")
	b.gives("cat /proc/uptime", "hello\n")
}

func TestCgroupMount(t *testing.T) {
	for _, own := range []bool{true, false} {
		b := newBox(t)
		layout, err := cgroup.Probe()
		if err != nil {
			t.Fatal(err)
		}
		b.layout = layout
		b.Spec.Linux.CgroupsPath = fmt.Sprintf("/mydocker-box-%d", os.Getpid())
		if own {
			b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: "cgroup"})
		}
		b.mount("/sys", "sysfs", "sysfs", "ro")
		b.mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro")
		out := b.shell("cat /proc/self/mountinfo; cd /sys/fs/cgroup; mkdir x 2>&1; ls -d */tasks cgroup.procs 2>/dev/null; true")
		if mount, _, _ := optionsOf(t, out, "/sys/fs/cgroup"); !strings.HasPrefix(mount, "ro,nosuid,nodev,noexec") {
			t.Errorf("the mount has %s", mount)
		}
		if !strings.Contains(out, "Read-only file system") {
			t.Errorf("it can be written:\n%s", out)
		}
		if layout.Mode == cgroup.V2 {
			continue
		}
		for _, d := range layout.Inside("/") {
			mount, _, _ := optionsOf(t, out, "/sys/fs/cgroup/"+d.Name)
			if !strings.HasPrefix(mount, "ro,") {
				t.Errorf("%s has %s", d.Name, mount)
			}
		}
		if !strings.Contains(out, "pids/tasks") {
			t.Errorf("the groups are not there:\n%s", out)
		}
	}
}

// TestWithoutInstances is a user namespace with the host's network, IPC and
// processes: the kernel gives it no sysfs, mqueue and proc of its own.
func TestWithoutInstances(t *testing.T) {
	b := newBox(t)
	b.inUsers()
	b.Spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: "mount"}, {Type: "user"}}
	b.mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro")
	places := []string{"/sys", "/sys/fs/cgroup"}
	if _, err := os.Stat("/dev/mqueue"); err == nil {
		b.mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev")
		places = append(places, "/dev/mqueue")
	}
	out := b.shell("cat /proc/self/mountinfo; ls -d /sys/kernel")
	for _, at := range places {
		if mount, _, _ := optionsOf(t, out, at); !strings.Contains(mount, "nosuid,nodev,noexec") || strings.HasPrefix(at, "/sys") && !strings.HasPrefix(mount, "ro") {
			t.Errorf("%s has %s", at, mount)
		}
	}
	c := newBox(t)
	c.inUsers()
	c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: "network"})
	c.mount("/sys", "sysfs", "sysfs", "ro")
	c.mount("/dev/mqueue", "mqueue", "mqueue")
	if got := c.shell("cat /proc/self/mountinfo"); strings.Contains(got, " /sys/fs/cgroup ") {
		t.Errorf("with a network namespace its sysfs is the host's:\n%s", got)
	}
}
