package runtime_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
)

// owned is a directory with files of 0 and 1000, on the disk or on a tmpfs.
func owned(t testing.TB, tmpfs bool) string {
	t.Helper()
	dir := testenv.Dir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if tmpfs {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	}
	for name, uid := range map[string]int{"root": 0, "user": 1000} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(filepath.Join(dir, name), uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func idMapping(inside, outside, size uint32) []specs.LinuxIDMapping {
	return []specs.LinuxIDMapping{{ContainerID: inside, HostID: outside, Size: size}}
}

const owners = "stat -c %u:%g /data/root /data/user"

// TestMappedMounts shows owners by a mapping of the mount's own, or by that of
// the container's user namespace.
func TestMappedMounts(t *testing.T) {
	for _, c := range []struct {
		name    string
		users   bool
		option  string
		mapping []specs.LinuxIDMapping
		want    string
	}{
		{"host, own mapping", false, "idmap", idMapping(0, 5000, 2000), "5000:5000\n6000:6000\n"},
		{"host, without the option", false, "", idMapping(0, 5000, 2000), "5000:5000\n6000:6000\n"},
		{"users, theirs", true, "idmap", nil, "0:0\n1000:1000\n"},
		{"users, recursive", true, "ridmap", nil, "0:0\n1000:1000\n"},
		{"users, own mapping", true, "idmap", idMapping(0, 100007, 2000), "7:7\n1007:1007\n"},
		{"users, none", true, "", nil, "65534:65534\n65534:65534\n"},
	} {
		for _, tmpfs := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				b := newBox(t)
				if c.users {
					b.inUsers()
				}
				b.mount("/data", "bind", owned(t, tmpfs), "rbind", c.option)
				m := &b.Spec.Mounts[len(b.Spec.Mounts)-1]
				m.UIDMappings, m.GIDMappings = c.mapping, c.mapping
				b.gives(owners, c.want)
			})
		}
	}
}

// TestMappedBelow maps the mount below too, or not.
func TestMappedBelow(t *testing.T) {
	b := newBox(t)
	source := withSubmount(t)
	b.mount("/mnt/all", "bind", source, "rbind", "ridmap", "ro")
	b.mount("/mnt/top", "bind", source, "rbind", "idmap")
	b.mount("/mnt/plain", "bind", source, "rbind")
	for i := 2; i < 4; i++ {
		b.Spec.Mounts[i].UIDMappings, b.Spec.Mounts[i].GIDMappings = idMapping(0, 77, 10), idMapping(0, 78, 10)
	}
	b.gives("cd /mnt; stat -c %u:%g all all/sub top top/sub plain plain/sub", "77:78\n77:78\n77:78\n0:0\n0:0\n0:0\n")
	mount, _, _ := b.options("/mnt/all")
	if !strings.Contains(mount, "idmapped") || !strings.HasPrefix(mount, "ro,") {
		t.Errorf("the mount has %s", mount)
	}
}

func TestMappedRefused(t *testing.T) {
	for want, m := range map[string]specs.Mount{
		"needs uidMappings":       {Destination: "/data", Type: "bind", Source: "/etc", Options: []string{"rbind", "idmap"}},
		"both uid and gid":        {Destination: "/data", Type: "bind", Source: "/etc", Options: []string{"rbind", "idmap"}, UIDMappings: idMapping(0, 1, 2)},
		"only supported for bind": {Destination: "/data", Type: "tmpfs", Options: []string{"idmap"}, UIDMappings: idMapping(0, 1, 2), GIDMappings: idMapping(0, 1, 2)},
		"tmpcopyup is for tmpfs":  {Destination: "/data", Type: "bind", Source: "/etc", Options: []string{"rbind", "tmpcopyup"}},
	} {
		b := newBox(t)
		b.Spec.Mounts = append(b.Spec.Mounts, m)
		b.refused(want)
	}
}

// filled makes a directory of the root with one of each.
func (b *box) filled(name string) {
	b.t.Helper()
	dir := b.at(name)
	steps := []error{
		os.MkdirAll(filepath.Join(dir, "sub/deep"), 0o755), os.Chmod(dir, 0o750), syscall.Chmod(filepath.Join(dir, "sub"), 0o2711),
		os.WriteFile(filepath.Join(dir, "sub/deep/file"), []byte("hello"), 0o644), syscall.Chmod(filepath.Join(dir, "sub/deep/file"), 0o4755),
		os.Lchown(filepath.Join(dir, "sub/deep"), 11, 12),
		os.Symlink("/etc/passwd", filepath.Join(dir, "link")), os.Lchown(filepath.Join(dir, "link"), 13, 14),
		os.Symlink("../../../../../../../../etc", filepath.Join(dir, "up")),
		syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o640),
		syscall.Setxattr(filepath.Join(dir, "sub"), "user.note", []byte("kept"), 0),
	}
	for i, err := range steps {
		if err != nil {
			b.t.Fatal(i, err)
		}
	}
}

const listing = "cd /data; stat -c '%n %a %u:%g %F' . sub sub/deep link up fifo; cat sub/deep/file; stat -c ' %a %u' sub/deep/file; readlink link"

func TestCopyUp(t *testing.T) {
	b := newBox(t)
	b.filled("data")
	b.mount("/data", "tmpfs", "tmpfs", "tmpcopyup", "nodev")
	b.gives(listing+"; echo x >new; cd /; umount /data; ls /data", `. 750 0:0 directory
sub 2711 0:0 directory
sub/deep 755 11:12 directory
link 777 13:14 symbolic link
up 777 0:0 symbolic link
fifo 640 0:0 fifo
hello 4755 0
/etc/passwd
fifo
link
sub
up
`)
	if _, err := os.Stat(b.at("data/new")); err == nil {
		t.Error("the tmpfs is the directory itself")
	}
}

// TestCopyUpMore has two, one of them read-only and with a mode, in a directory
// that is yet to be made.
func TestCopyUpMore(t *testing.T) {
	b := newBox(t)
	b.filled("data")
	b.mount("/data", "tmpfs", "tmpfs", "tmpcopyup", "ro", "mode=700")
	b.mount("/new/dir", "tmpfs", "tmpfs", "tmpcopyup")
	b.gives("stat -c %a /data; cat /data/sub/deep/file; echo x 2>/dev/null >/data/y || echo ' ro'; ls /new/dir", "700\nhello ro\n")
}

// TestCopyUpInUsers copies into a tmpfs of a user namespace: owners that do not
// exist there become its root, and no program keeps set-id bits for that.
func TestCopyUpInUsers(t *testing.T) {
	b := newBox(t)
	b.inUsers()
	b.filled("data")
	if err := os.Lchown(b.at("data/fifo"), 100005, 100006); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(b.at("data"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.mount("/data", "tmpfs", "tmpfs", "tmpcopyup")
	b.gives("cd /data; stat -c '%n %a %u:%g' . sub sub/deep/file fifo; echo x >sub/deep/file", ". 755 0:0\nsub 711 0:0\nsub/deep/file 755 0:0\nfifo 640 5:6\n")
}

// TestCopyUpIsBounded: what does not fit is an error, and nothing stays.
func TestCopyUpIsBounded(t *testing.T) {
	b := newBox(t)
	if err := os.WriteFile(b.at("etc/big"), make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	b.mount("/etc", "tmpfs", "tmpfs", "tmpcopyup", "size=64k")
	b.refused("copy what is in /etc: big: ")
}

// TestTmpfsMode keeps the permissions of the directory below, as runc does,
// unless there is a mode.
func TestTmpfsMode(t *testing.T) {
	b := newBox(t)
	if err := os.Mkdir(b.at("there"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.mount("/there", "tmpfs", "tmpfs")
	b.mount("/new/one", "tmpfs", "tmpfs")
	b.mount("/mnt", "tmpfs", "tmpfs", "mode=711")
	b.gives("stat -c %a /there /new /new/one /mnt", "700\n755\n1777\n711\n")
}
