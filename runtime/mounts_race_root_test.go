package runtime_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"mydocker/internal/testenv"
	"mydocker/linux"
)

// rounds is how many containers race with the one that swaps.
const rounds = 150

// A swapper is another container that shares a volume: it changes a name in it
// between a directory and a link, as fast as it can.
type swapper struct {
	stop  chan bool
	done  sync.WaitGroup
	swaps atomic.Int64
}

// swap begins to swap what path is with a link to target.
func swap(t testing.TB, path, target string) *swapper {
	t.Helper()
	s := &swapper{stop: make(chan bool)}
	link := path + ".link"
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		for {
			select {
			case <-s.stop:
				return
			default:
			}
			if err := testenv.Exchange(path, link); err == nil {
				s.swaps.Add(1)
			}
		}
	}()
	return s
}

// end stops it; it raced in earnest.
func (s *swapper) end(t testing.TB) {
	t.Helper()
	close(s.stop)
	s.done.Wait()
	if n := s.swaps.Load(); n < 2000 {
		t.Errorf("only %d swaps", n)
	}
	t.Logf("%d swaps", s.swaps.Load())
}

// TestSwappedTarget is CVE-2021-30465 (and CVE-2019-16884): the mount point
// lies in a volume where another container swaps a directory with a link that
// climbs to the host. Nothing is made or mounted outside of the root.
func TestSwappedTarget(t *testing.T) {
	b := newBox(t)
	volume, trap := testenv.Dir(t), testenv.Dir(t)
	if err := os.Chmod(volume, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(volume, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.mount("/vol", "bind", volume, "rbind")
	b.mount("/vol/x/sub/dir", "tmpfs", "tmpfs", "tmpcopyup")
	b.mount("/vol/x/file", "bind", filepath.Join(hostDir(t), "file"), "bind")
	s := swap(t, filepath.Join(volume, "x"), strings.Repeat("../", 20)+trap)
	made, failed := 0, map[string]int{}
	for range rounds {
		_, err := b.do("true")
		if err != nil {
			failed[err.Error()]++
			continue
		}
		made++
	}
	s.end(t)
	t.Logf("%d made, %v", made, failed)
	if made == 0 {
		t.Error("none was made")
	}
	left, err := os.ReadDir(trap)
	if err != nil || len(left) > 0 {
		t.Errorf("the host was written to: %v, %v", left, err)
	}
}

// TestSwappedProc is CVE-2023-27561: /proc is a link into a volume in which
// another container swaps. A procfs behind a link is refused.
func TestSwappedProc(t *testing.T) {
	for _, kind := range []string{"proc", "sysfs"} {
		b := newBox(t)
		volume := testenv.Dir(t)
		if err := os.MkdirAll(filepath.Join(volume, "x/at"), 0o755); err != nil {
			t.Fatal(err)
		}
		name := map[string]string{"proc": "proc", "sysfs": "sys"}[kind]
		b.write(name + "->/vol/x/at")
		b.Spec.Mounts = nil
		b.mount("/vol", "bind", volume, "rbind")
		b.mount("/"+name, kind, kind)
		b.refused("too many levels of symbolic links")
	}
}

// TestMasksStay is CVE-2023-27561 too: a procfs lies in a volume, and another
// container swaps a name above it with a link. What is masked is found from the
// mount, so that in every container that is made it is.
func TestMasksStay(t *testing.T) {
	b := newBox(t)
	volume := testenv.Dir(t)
	if err := os.MkdirAll(filepath.Join(volume, "x/p"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.mount("/vol", "bind", volume, "rbind")
	b.mount("/vol/x/p", "proc", "proc")
	b.Spec.Linux.MaskedPaths = []string{"/vol/x/p/interrupts"}
	s := swap(t, filepath.Join(volume, "x"), "/tmp")
	made := 0
	for range rounds {
		out, err := b.do("cat /proc/self/mountinfo")
		if err != nil {
			continue // it was a link
		}
		made++
		if !strings.Contains(out, "/p/interrupts ro") {
			t.Fatalf("nothing is masked:\n%s", out)
		}
	}
	s.end(t)
	if made == 0 {
		t.Error("none was made")
	}
}

// TestSwappedMask is CVE-2025-31133: the image's /dev/null is a link while
// paths are masked. What masks is the host's.
func TestSwappedMask(t *testing.T) {
	b := newBox(t)
	b.Spec.Mounts = b.Spec.Mounts[:1] // /dev is the image's
	b.write("dev/null->/proc/sys/kernel/domainname", "secret")
	b.Spec.Linux.MaskedPaths = []string{"/secret", "/proc/interrupts"}
	s := swap(t, b.at("secret"), "/proc/sys/kernel/core_pattern")
	for range rounds {
		out, err := b.do("cat /proc/interrupts; cat /proc/self/mountinfo")
		if err != nil && !strings.Contains(err.Error(), "no such file") {
			t.Errorf("%v", err)
		}
		for l := range strings.Lines(out) {
			if strings.Contains(l, "/proc/interrupts") && !strings.Contains(l, " /null /proc/interrupts ro") || strings.Contains(l, "core_pattern /") {
				t.Errorf("a mask is wrong: %s", l)
			}
		}
	}
	s.end(t)
}

// TestLinkedDev is CVE-2026-41579 and CVE-2026-47766: the image's /dev, or what
// is in it, leads to the host. Nodes, links and the console are made inside.
func TestLinkedDev(t *testing.T) {
	for _, climb := range []string{"", strings.Repeat("../", 20)} {
		for _, name := range []string{"dev", "dev/sub", "dev/pts", "dev/null", "dev/console", "etc"} {
			b := newBox(t)
			trap := testenv.Dir(t)
			if err := os.WriteFile(filepath.Join(trap, "file"), []byte("host\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			b.Spec.Mounts = b.Spec.Mounts[:1]
			b.write("dev/sub/", "dev/pts/")
			target := trap
			if name == "dev/null" || name == "dev/console" {
				target += "/file"
			}
			b.write(name + "->" + climb + target)
			b.mount("/dev/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666")
			b.mount("/dev/sub/volume", "bind", hostDir(t), "rbind")
			b.mount("/etc/hosts", "bind", filepath.Join(hostDir(t), "file"), "bind")
			b.Spec.Process.Terminal = true
			if _, err := b.do("echo x >/dev/null; echo y >/dev/console; echo z >/etc/hosts; true"); err != nil {
				t.Logf("%s%s: %v", climb, name, err)
			}
			left, err := os.ReadDir(trap)
			if err != nil || len(left) != 1 {
				t.Errorf("%s%s: the host was written to: %v, %v", climb, name, left, err)
			}
			if got, err := os.ReadFile(filepath.Join(trap, "file")); err != nil || string(got) != "host\n" {
				t.Errorf("%s%s: the host's file is %q, %v", climb, name, got, err)
			}
		}
	}
}

// TestMountBehindProc is CVE-2019-16884: a mount point that is a link into
// procfs covers nothing there.
func TestMountBehindProc(t *testing.T) {
	b := newBox(t)
	b.write("vol->/proc/self/attr", "up->/proc")
	b.mount("/vol", "tmpfs", "tmpfs")
	b.refused("/vol cannot be mounted because it is inside /proc: operation not permitted")
	b.Spec.Mounts = b.Spec.Mounts[:2]
	b.mount("/up/sys", "bind", hostDir(t), "rbind")
	b.refused("/up/sys cannot be mounted because it is inside /proc")
}

// TestSwappedCopy races with tmpcopyup: while a directory of a volume is copied
// another container swaps parts of it with links to the host.
func TestSwappedCopy(t *testing.T) {
	from, trap := testenv.Dir(t), testenv.Dir(t)
	for _, d := range []string{"x/y", "x/z"} {
		if err := os.MkdirAll(filepath.Join(from, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(trap, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(trap, "y"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := swap(t, filepath.Join(from, "x"), trap)
	for range 3000 {
		to := t.TempDir()
		copyOnce(t, from, to)
		if _, err := os.Lstat(filepath.Join(to, "x/secret")); err == nil {
			if st, err := os.Lstat(filepath.Join(to, "x")); err == nil && st.IsDir() {
				t.Fatal("the host's files were copied")
			}
		}
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
	}
	s.end(t)
}

func copyOnce(t testing.TB, from, to string) {
	t.Helper()
	src, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := os.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	if err := linux.CopyTree(src, dst, syscall.Getpid(), true, true); err != nil {
		t.Fatal(err)
	}
}
