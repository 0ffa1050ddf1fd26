package runtime_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
	"mydocker/plan"
	"mydocker/runtime"
	"mydocker/runtime/cgroup"
)

// A box is a bundle: a root of the test's own and a specification.
type box struct {
	t    testing.TB
	root string
	runtime.Container
	layout cgroup.Layout
}

// newBox is a bundle with procfs, a /dev and nothing else.
func newBox(t testing.TB) *box {
	t.Helper()
	testenv.Root(t)
	testenv.Leaks(t)
	b := &box{t: t, root: testenv.BusyboxCopy(t)}
	all := heldByUs(t)
	b.Spec = &specs.Spec{
		Root: &specs.Root{Path: b.root},
		Process: &specs.Process{Cwd: "/", Env: []string{"PATH=/bin"},
			Capabilities: &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}},
		Linux: &specs.Linux{CgroupsPath: "/mydocker-box/1", Namespaces: []specs.LinuxNamespace{{Type: "mount"}, {Type: "pid"}, {Type: "ipc"}, {Type: "uts"}}},
	}
	b.mount("/proc", "proc", "proc")
	b.mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k")
	return b
}

func (b *box) mount(destination, kind, source string, options ...string) {
	b.Spec.Mounts = append(b.Spec.Mounts, specs.Mount{Destination: destination, Type: kind, Source: source, Options: options})
}

// inUsers gives the container a user namespace, whose root is 100000.
func (b *box) inUsers() {
	maps := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	b.Spec.Linux.UIDMappings, b.Spec.Linux.GIDMappings = maps, maps
	b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: "user"})
	for _, d := range []string{"", "dev", "proc", "sys", "mnt", "etc", "tmp"} {
		if err := os.Lchown(filepath.Join(b.root, d), 100000, 100000); err != nil {
			b.t.Fatal(err)
		}
	}
}

// at returns a path in the root, from the host.
func (b *box) at(name string) string { return filepath.Join(b.root, name) }

// do runs sh in the container and returns what it wrote. The error is of the
// making.
func (b *box) do(script string) (string, error) {
	b.t.Helper()
	b.Spec.Process.Args = []string{"sh", "-c", script}
	facts, err := runtime.Look(b.Container)
	if err != nil {
		return "", err
	}
	facts.Cgroups = b.layout
	made, err := runtime.Compile(b.Container, facts)
	if err != nil {
		return "", err
	}
	defer b.undo(made)
	r, w, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	null, err := os.Open("/dev/null")
	if err != nil {
		b.t.Fatal(err)
	}
	defer null.Close()
	run, err := runtime.Start(runtime.Launch{Plan: made, Runner: &plan.Runner{}, Stdio: [3]*os.File{null, w, w}, Terminal: b.Spec.Process.Terminal})
	w.Close()
	if err != nil {
		return "", err
	}
	defer run.Close()
	var out bytes.Buffer
	if b.Spec.Process.Terminal {
		io.Copy(&out, run.Console) // ends with an error
	} else {
		io.Copy(&out, r)
	}
	exit, err := run.Wait()
	if err != nil || exit.Code != 0 {
		b.t.Errorf("%s: %v, exit code %d\n%s", script, err, exit.Code, out.String())
	}
	return strings.ReplaceAll(out.String(), "\r", ""), nil
}

func (b *box) undo(made *plan.Plan) {
	for _, s := range slices.Backward(slices.Concat(made.Host, made.Beside)) {
		if u := s.Undo(); u != nil {
			if err := u.Do(&plan.Env{Dead: true}); err != nil {
				b.t.Error(err)
			}
		}
	}
}

// shell is do for a container that can be made.
func (b *box) shell(script string) string {
	b.t.Helper()
	out, err := b.do(script)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// gives checks what a command writes.
func (b *box) gives(script, want string) {
	b.t.Helper()
	if got := b.shell(script); got != want {
		b.t.Errorf("%s\nwrote: %q\nwant:  %q", script, got, want)
	}
}

// refused checks that the container is not made, for that reason.
func (b *box) refused(want string) {
	b.t.Helper()
	out, err := b.do("true")
	if err == nil || !strings.Contains(err.Error(), want) {
		b.t.Errorf("got %v (%q), want %q", err, out, want)
	}
}

// options are those of the mount at a path by /proc/self/mountinfo: of the
// mount, how it propagates, and those of the file system.
func (b *box) options(path string) (mount, travels, super string) {
	b.t.Helper()
	return optionsOf(b.t, b.shell("cat /proc/self/mountinfo"), path)
}

func optionsOf(t testing.TB, info, path string) (mount, travels, super string) {
	t.Helper()
	for l := range strings.Lines(info) {
		head, tail, _ := strings.Cut(strings.TrimSpace(l), " - ")
		front, back := strings.Fields(head), strings.Fields(tail)
		if len(front) > 5 && front[4] == path {
			mount, travels, super = front[5], strings.Join(front[6:], " "), back[len(back)-1]
		}
	}
	if mount == "" {
		t.Errorf("nothing is mounted at %s:\n%s", path, info)
	}
	return mount, travels, super
}

// dir makes a directory of the host's with a file in it.
func hostDir(t testing.TB) string {
	t.Helper()
	dir := testenv.Dir(t)
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("hello\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestMountOptions looks at each word from inside.
func TestMountOptions(t *testing.T) {
	for _, c := range []struct {
		words       string
		has         string // of the mount
		superHas    string
		hasNot      string
		onTmpfsOnly bool
	}{
		{words: "ro", has: "ro"},
		{words: "ro,rw", has: "rw"},
		{words: "rro", has: "ro"},
		{words: "rro,rrw", has: "rw"},
		{words: "nosuid", has: "nosuid"}, {words: "nosuid,suid", hasNot: "nosuid"}, {words: "rnosuid", has: "nosuid"},
		{words: "nodev", has: "nodev"}, {words: "nodev,dev", hasNot: "nodev"}, {words: "rnodev", has: "nodev"},
		{words: "noexec", has: "noexec"}, {words: "noexec,exec", hasNot: "noexec"}, {words: "rnoexec", has: "noexec"},
		{words: "noatime", has: "noatime"}, {words: "noatime,atime", has: "relatime"}, {words: "rnoatime", has: "noatime"},
		{words: "strictatime", hasNot: "relatime"}, {words: "strictatime,nostrictatime", has: "relatime"},
		{words: "rstrictatime", hasNot: "relatime"}, {words: "noatime,relatime", has: "relatime"}, {words: "rnoatime,rrelatime", has: "relatime"},
		{words: "nodiratime", has: "nodiratime"}, {words: "nodiratime,diratime", hasNot: "nodiratime"}, {words: "rnodiratime", has: "nodiratime"},
		{words: "nosymfollow", has: "nosymfollow"}, {words: "nosymfollow,symfollow", hasNot: "nosymfollow"}, {words: "rnosymfollow", has: "nosymfollow"},
		{words: "sync", superHas: "sync", onTmpfsOnly: true}, {words: "sync,async", hasNot: "sync", onTmpfsOnly: true},
		{words: "dirsync", superHas: "dirsync", onTmpfsOnly: true},
		{words: "lazytime", superHas: "lazytime", onTmpfsOnly: true}, {words: "lazytime,nolazytime", hasNot: "lazytime", onTmpfsOnly: true},
		{words: "silent,nodev,size=64k", superHas: "size=64k", has: "nodev", onTmpfsOnly: true}, // by mount(2)
		{words: "iversion,noatime,mode=700", superHas: "mode=700", has: "noatime", onTmpfsOnly: true},
		{words: "silent,loud,noiversion,nomand,defaults", has: "rw", onTmpfsOnly: true},
		{words: "size=64k,mode=711", superHas: "mode=711", onTmpfsOnly: true},
	} {
		t.Run(c.words, func(t *testing.T) {
			b := newBox(t)
			b.mount("/mnt/new", "tmpfs", "tmpfs", strings.Split(c.words, ",")...)
			places := []string{"/mnt/new"}
			if !c.onTmpfsOnly {
				b.mount("/mnt/bound", "bind", hostDir(t), append(strings.Split(c.words, ","), "rbind")...)
				places = append(places, "/mnt/bound")
			}
			info := b.shell("cat /proc/self/mountinfo")
			for _, p := range places {
				mount, _, super := optionsOf(t, info, p)
				words, supers := strings.Split(mount, ","), strings.Split(super, ",")
				if c.has != "" && !slices.Contains(words, c.has) || c.superHas != "" && !slices.Contains(supers, c.superHas) ||
					c.hasNot != "" && slices.Contains(append(words, supers...), c.hasNot) {
					t.Errorf("%s has %s and %s", p, mount, super)
				}
			}
			if n := strings.Count(info, "/mnt/new "); n != 1 || strings.Contains(info, " / / rw,nosuid,nodev - tmpfs") {
				t.Errorf("the mounts are:\n%s", info)
			}
		})
	}
}

// TestRecursiveOptions are of a bind with a mount below: words with an r hold
// there too, others do not.
func TestRecursiveOptions(t *testing.T) {
	b := newBox(t)
	source := withSubmount(t)
	b.mount("/mnt/a", "bind", source, "rbind", "rro", "noexec")
	b.mount("/mnt/b", "bind", source, "rbind", "ro", "rnosuid")
	b.mount("/mnt/c", "bind", source, "bind", "rro")
	info := b.shell("cat /proc/self/mountinfo")
	for path, want := range map[string]string{"/mnt/a": "ro,noexec,relatime", "/mnt/a/sub": "ro,relatime",
		"/mnt/b": "ro,nosuid,relatime", "/mnt/b/sub": "rw,nosuid,relatime", "/mnt/c": "ro,relatime"} {
		if got, _, _ := optionsOf(t, info, path); got != want {
			t.Errorf("%s has %s, want %s", path, got, want)
		}
	}
	if strings.Contains(info, "/mnt/c/sub") {
		t.Errorf("bind without r took the mount below along:\n%s", info)
	}
}

// withSubmount returns a directory of the host with a tmpfs mounted in it.
func withSubmount(t testing.TB) string {
	t.Helper()
	dir := hostDir(t)
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", sub, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(sub, syscall.MNT_DETACH) })
	return dir
}

func TestRemount(t *testing.T) {
	b := newBox(t)
	b.mount("/mnt", "tmpfs", "tmpfs", "size=64k", "nodev")
	b.mount("/mnt", "tmpfs", "tmpfs", "remount", "size=128k", "noexec")
	b.mount("/etc", "bind", hostDir(t), "bind", "nosuid")
	b.mount("/etc", "none", "", "remount", "bind", "ro", "rslave")
	info := b.shell("cat /proc/self/mountinfo")
	if mount, _, super := optionsOf(t, info, "/mnt"); mount != "rw,noexec,relatime" || !strings.Contains(super, "size=128k") {
		t.Errorf("/mnt has %s and %s", mount, super)
	}
	if mount, _, _ := optionsOf(t, info, "/etc"); mount != "ro,nosuid,relatime" {
		t.Errorf("/etc has %s", mount)
	}
}

// TestLongData needs mount(2): fsconfig(2) takes no value of that length.
func TestLongData(t *testing.T) {
	b := newBox(t)
	long := testenv.Dir(t)
	for range 4 {
		long = filepath.Join(long, strings.Repeat("x", 90))
	}
	var dirs []string
	for _, d := range []string{"lower", "upper", "work"} {
		dirs = append(dirs, filepath.Join(long, d))
		if err := os.MkdirAll(filepath.Join(long, d, "in-"+d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(filepath.Join(dirs[2], "in-work")); err != nil {
		t.Fatal(err)
	}
	b.mount("/mnt", "overlay", "overlay", "lowerdir="+dirs[0]+",upperdir="+dirs[1]+",workdir="+dirs[2])
	b.gives("ls /mnt; umount /mnt; ls /mnt; ls -a / | grep -c '^at$' || true", "in-lower\nin-upper\n0\n")
}

func TestPropagation(t *testing.T) {
	b := newBox(t)
	source := hostDir(t)
	for i, p := range []string{"private", "shared", "unbindable", "rshared", "rprivate"} {
		b.mount(fmt.Sprintf("/mnt/%d", i), "bind", source, "rbind", p)
		b.mount(fmt.Sprintf("/mnt/tmp%d", i), "tmpfs", "tmpfs", p)
	}
	b.mount("/mnt/both", "tmpfs", "tmpfs", "shared", "slave", "shared")
	info := b.shell("cat /proc/self/mountinfo")
	for i, want := range []string{"", "shared:", "unbindable", "shared:", ""} {
		for _, at := range []string{"/mnt/", "/mnt/tmp"} {
			if _, got, _ := optionsOf(t, info, fmt.Sprint(at, i)); !strings.HasPrefix(got, want) || want == "" && got != "" {
				t.Errorf("%s%d is %q, want %q", at, i, got, want)
			}
		}
	}
}
