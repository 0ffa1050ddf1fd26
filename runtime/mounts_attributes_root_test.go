package runtime_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"mydocker/internal/testenv"
)

// attributesOf returns those of the mount at /mnt that is bound with options.
func (b *box) attributesOf(source string, options ...string) string {
	b.t.Helper()
	before := b.Spec.Mounts
	b.mount("/mnt", "bind", source, options...)
	defer func() { b.Spec.Mounts = before }()
	at, _, _ := b.options("/mnt")
	words := strings.Split(at, ",")
	words = slices.DeleteFunc(words, func(w string) bool { return w == "rw" || w == "relatime" })
	slices.Sort(words)
	return strings.Join(words, ",")
}

// guarded is a directory whose mount has every attribute, and one below it.
func guarded(t *testing.T) string {
	t.Helper()
	dir := testenv.Dir(t)
	const flags = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
	err := syscall.Mount("guarded", dir, "tmpfs", flags, "mode=755")
	if err == nil {
		t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
		err = os.Mkdir(filepath.Join(dir, "below"), 0o755)
	}
	if err == nil {
		err = syscall.Mount("below", filepath.Join(dir, "below"), "tmpfs", 0, "mode=755")
	}
	if err == nil {
		err = syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY|flags, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestBindAttributes: a bind is as its source, or as its options say, if they
// say anything of attributes.
func TestBindAttributes(t *testing.T) {
	b := newBox(t)
	source := guarded(t)
	const all = "nodev,noexec,nosuid,ro"
	for _, c := range []struct{ options, want string }{
		{"rbind", all}, {"bind,rprivate", all}, {"rbind,rnosuid", all},
		{"rbind,ro", "ro"}, {"bind,ro", "ro"}, {"bind,nosuid", "nosuid"}, {"rbind,nodev,noexec", "nodev,noexec"},
		{"rbind,rw", ""}, {"bind,suid", ""}, {"rbind,dev,ro", "ro"}, {"rbind,rro,nosuid", "nosuid,ro"}, {"bind,rro,nosuid", "nosuid,ro"},
	} {
		if got := b.attributesOf(source, strings.Split(c.options, ",")...); got != c.want {
			t.Errorf("%s: %q, want %q", c.options, got, c.want)
		}
	}
}

// TestLockedAttributes: in a user namespace what the host's mount has stays, and
// is not taken away unseen.
func TestLockedAttributes(t *testing.T) {
	b := newBox(t)
	b.inUsers()
	source := guarded(t)
	const all = "nodev,noexec,nosuid,ro"
	for _, options := range []string{"rbind", "rbind,ro", "rbind,nosuid", "rbind,nodev,noexec"} {
		if got := b.attributesOf(source, strings.Split(options, ",")...); got != all {
			t.Errorf("%s: %q, want %q", options, got, all)
		}
	}
	for _, options := range [][]string{{"rbind", "rw"}, {"rbind", "ro", "suid"}} {
		before := b.Spec.Mounts
		b.mount("/mnt", "bind", source, options...)
		b.refused("mount_setattr /mnt: operation not permitted")
		b.Spec.Mounts = before
	}
}

// TestBindUncovers: a user namespace's container gets a directory of the host
// without what is mounted below, as any other does.
func TestBindUncovers(t *testing.T) {
	for _, users := range []bool{false, true} {
		b := newBox(t)
		if users {
			b.inUsers()
		}
		source := guarded(t)
		b.mount("/mnt", "bind", source, "bind", "ro")
		b.gives("grep -c ' /mnt' /proc/self/mountinfo; ls /mnt", "1\nbelow\n")
		b.Spec.Mounts[len(b.Spec.Mounts)-1].Options = []string{"rbind"}
		b.gives("grep -c ' /mnt' /proc/self/mountinfo", "2\n")
	}
}
