package advisories

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
)

// rounds is how many containers race with the one that swaps, in each test.
const rounds = 400

// TestMain is the program of a container too, which does nothing but swap.
func TestMain(m *testing.M) {
	if path := os.Getenv("SWAP"); path != "" {
		for {
			testenv.Exchange(path, path+".link")
		}
	}
	os.Exit(m.Run())
}

// A swapper changes a name between what it is and a link, as fast as it can.
type swapper struct {
	stop  atomic.Bool
	done  sync.WaitGroup
	swaps int
}

// swap begins to swap what path is with a link to target.
func (b *bed) swap(path, target string) *swapper {
	b.t.Helper()
	b.must(os.Symlink(target, path+".link"))
	s := &swapper{}
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		for !s.stop.Load() {
			if testenv.Exchange(path, path+".link") == nil {
				s.swaps++
			}
		}
	}()
	return s
}

// end stops it; it raced in earnest.
func (s *swapper) end(t *testing.T) {
	t.Helper()
	s.stop.Store(true)
	s.done.Wait()
	if t.Logf("%d swaps", s.swaps); s.swaps < 10*rounds {
		t.Errorf("only %d swaps", s.swaps)
	}
}

// reached waits until somebody who opens a path by its name has what a link leads
// to: whoever trusts names loses this race.
func (b *bed) reached(path, want string) {
	b.t.Helper()
	for range 1000 * rounds {
		if text, err := os.ReadFile(path); err == nil && string(text) == want {
			return
		}
	}
	b.t.Errorf("%s never led to the host", path)
}

// race makes a container in each round. Those that are made say what said lets
// pass; there are some.
func (b *bed) race(script string, said func(string) bool) {
	b.t.Helper()
	made, why := 0, map[string]int{}
	for range rounds {
		out, code := b.container(script)
		if strings.Contains(out, "mydocker-runtime: error: ") {
			why[out]++
			continue
		}
		if made++; code != 0 || !said(out) {
			b.t.Fatalf("exit code %d, output:\n%s", code, out)
		}
	}
	b.t.Logf("%d made, refused: %v", made, why)
	if made == 0 {
		b.t.Error("none was made")
	}
}

// without removes the mount on a path: the image's own is there.
func (b *bed) without(paths ...string) {
	var rest []specs.Mount
	for _, m := range b.spec.Mounts {
		keep := true
		for _, p := range paths {
			keep = keep && m.Destination != p && !strings.HasPrefix(m.Destination, p+"/")
		}
		if keep {
			rest = append(rest, m)
		}
	}
	b.spec.Mounts = rest
}

// TestMaskRace, CVE-2025-31133: the image's /dev/null is swapped with a link while
// paths are masked. What masks them is the host's.
func TestMaskRace(t *testing.T) {
	b := newBed(t)
	victim := filepath.Join(b.secret(), "secret")
	b.without("/dev")
	null := filepath.Join(b.rootfs, "dev/null")
	b.must(os.WriteFile(null, nil, 0o666))
	b.must(os.WriteFile(filepath.Join(b.rootfs, "hidden"), []byte("hidden"), 0o644))
	b.spec.Linux.MaskedPaths = []string{"/proc/interrupts", "/hidden"}
	s := b.swap(null, victim)
	b.reached(null, "the host's")
	b.race("cat /hidden /proc/interrupts; grep -c ' /null /[a-z/]* ro' /proc/self/mountinfo", func(out string) bool { return out == "2\n" })
	s.end(t)
}

// TestMaskedRace, CVE-2025-31133: what is to be masked is swapped. A mask is where
// the path was; it never covers, or shows, what is on the host.
func TestMaskedRace(t *testing.T) {
	b := newBed(t)
	victim := filepath.Join(b.secret(), "secret")
	hidden := filepath.Join(b.rootfs, "hidden")
	b.must(os.WriteFile(hidden, []byte("hidden"), 0o644))
	b.spec.Linux.MaskedPaths = []string{"/hidden"}
	s := b.swap(hidden, strings.Repeat("../", 20)+victim)
	b.reached(hidden, "the host's")
	b.race("cat /hidden* 2>/dev/null; true", func(out string) bool { return !strings.Contains(out, "host") })
	s.end(t)
}

// TestConsoleRace, CVE-2025-52565: the image's /dev/console is swapped with a link
// while the terminal is mounted there.
func TestConsoleRace(t *testing.T) {
	b := newBed(t)
	host := b.secret()
	console := filepath.Join(b.rootfs, "dev/console")
	b.must(os.WriteFile(console, nil, 0o666))
	b.consoleRace(host, console, filepath.Join(host, "secret"), console)
}

// TestTerminalRace, CVE-2025-52565: it is the image's /dev/pts that is swapped,
// from where the terminal comes.
func TestTerminalRace(t *testing.T) {
	b := newBed(t)
	host := b.secret()
	pts := filepath.Join(b.rootfs, "dev/pts")
	b.consoleRace(host, pts, host, filepath.Join(pts, "secret"))
}

// consoleRace makes containers with a terminal in the image's /dev, where a name
// is swapped with a link to target; through is a file that it leads to.
func (b *bed) consoleRace(host, name, target, through string) {
	b.t.Helper()
	b.without("/dev")
	b.must(os.MkdirAll(filepath.Join(b.rootfs, "dev/pts"), 0o755))
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"newinstance", "ptmxmode=0666"}})
	b.spec.Process.Terminal = true
	before := listing(b.t, host)
	s := b.swap(name, strings.Repeat("../", 20)+target)
	b.reached(through, "the host's")
	// A link that leads to nothing inside of the root is a place there: its name may
	// be the tty's, or that of the other mount of it, while /dev/pts is a link. By
	// the time it is written to, the console's own name may be a link again.
	b.race("tty; echo to the console >/dev/console; true", func(out string) bool { return strings.HasPrefix(out, "/") })
	s.end(b.t)
	if after := listing(b.t, host); after != before {
		b.t.Errorf("on the host:\n%s\nbefore:\n%s", after, before)
	}
}

// TestDevRace, CVE-2026-41579 and CVE-2026-47766: the image's /dev is swapped with
// a link while nodes, links and mounts are made in it.
func TestDevRace(t *testing.T) {
	b := newBed(t)
	host := b.secret()
	b.without("/dev")
	b.must(os.MkdirAll(filepath.Join(host, "sub"), 0o755))
	b.must(os.MkdirAll(filepath.Join(b.rootfs, "dev/sub"), 0o755))
	b.spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/made", Type: "c", Major: 1, Minor: 5}, {Path: "/dev/sub/made", Type: "c", Major: 1, Minor: 5}}
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/dev/sub/at", Type: "tmpfs", Source: "tmpfs"})
	before := listing(t, host)
	s := b.swap(filepath.Join(b.rootfs, "dev"), strings.Repeat("../", 20)+host)
	b.reached(filepath.Join(b.rootfs, "dev/secret"), "the host's")
	b.race("true", func(string) bool { return true })
	s.end(t)
	if after := listing(t, host); after != before {
		t.Errorf("on the host:\n%s\nbefore:\n%s", after, before)
	}
}

// TestProcRace, CVE-2025-52881: the image's /proc is swapped with a link to files
// that look like a procfs. Kernel parameters are not written there.
func TestProcRace(t *testing.T) {
	b := newBed(t)
	fake := filepath.Join(b.secret(), "sys/kernel")
	b.must(os.MkdirAll(fake, 0o755))
	file := filepath.Join(fake, "domainname")
	b.must(os.WriteFile(file, []byte("the host's"), 0o644))
	b.must(os.MkdirAll(filepath.Join(b.rootfs, "proc"), 0o755))
	b.spec.Linux.Sysctl = map[string]string{"kernel.domainname": "written"}
	s := b.swap(filepath.Join(b.rootfs, "proc"), strings.Repeat("../", 20)+filepath.Join(b.top, "host"))
	b.reached(filepath.Join(b.rootfs, "proc/sys/kernel/domainname"), "the host's")
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/p", Type: "proc", Source: "proc"})
	b.race("cat /p/sys/kernel/domainname", func(out string) bool { return out == "written\n" })
	s.end(t)
	if text, err := os.ReadFile(file); err != nil || string(text) != "the host's" {
		t.Errorf("%q %v", text, err)
	}
}

// TestSharedVolumeRace, CVE-2021-30465 and CVE-2019-16884: two containers share a
// volume. One swaps a directory in it with a link to the host while the other is
// made, with mounts and missing mount points below.
func TestSharedVolumeRace(t *testing.T) {
	b := newBed(t)
	host, volume := b.secret(), filepath.Join(b.top, "volume")
	x := filepath.Join(volume, "x")
	b.must(os.MkdirAll(x, 0o755))
	climb := strings.Repeat("../", 20)
	b.must(os.Symlink(climb+host, x+".link"))
	before := listing(t, host)
	share := specs.Mount{Destination: "/vol", Source: volume, Options: []string{"rbind"}}
	other := b.swapping(share)
	b.reached(filepath.Join(x, "secret"), "the host's")
	b.spec.Mounts = append(b.spec.Mounts, share,
		specs.Mount{Destination: "/vol/x/sub/dir", Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup"}},
		specs.Mount{Destination: "/vol/x/file", Source: filepath.Join(b.bundle, "config.json"), Options: []string{"bind"}})
	b.spec.Linux.MaskedPaths = append(b.spec.Linux.MaskedPaths, "/vol/x/sub")
	b.race("cat /proc/self/mountinfo", func(out string) bool { return strings.Contains(out, " /vol/x") })
	other()
	if after := listing(t, host); after != before {
		t.Errorf("on the host:\n%s\nbefore:\n%s", after, before)
	}
}

// swapping starts a second container, with that volume and this program, which
// swaps /vol/x until the test ends. What it returns makes sure that it still does.
func (b *bed) swapping(share specs.Mount) (end func()) {
	b.t.Helper()
	self, err := os.Executable()
	b.must(err)
	own := &bed{t: b.t, top: b.top, bundle: filepath.Join(b.top, "other"), root: b.root, spec: &specs.Spec{}}
	b.must(os.Mkdir(own.bundle, 0o755))
	copied := *b.spec
	process, linux := *b.spec.Process, *b.spec.Linux
	own.spec, copied.Process, copied.Linux = &copied, &process, &linux
	linux.CgroupsPath += "-other"
	process.Args, process.Env = []string{"/swap"}, append(process.Env, "SWAP=/vol/x")
	own.spec.Mounts = append(own.spec.Mounts[:len(own.spec.Mounts):len(own.spec.Mounts)], share, specs.Mount{Destination: "/swap", Source: self, Options: []string{"bind", "ro"}})
	for _, dir := range []string{"/lib", "/lib64", "/usr"} { // where its libraries are, if it has some
		if _, err := os.Stat(dir); err == nil {
			own.spec.Mounts = append(own.spec.Mounts, specs.Mount{Destination: dir, Source: dir, Options: []string{"rbind", "ro"}})
		}
	}
	if out, code := own.run("run", "--detach", "other"); code != 0 {
		b.t.Fatalf("%d %s", code, out)
	}
	b.t.Cleanup(func() { own.run("delete", "--force", "other") })
	return func() {
		b.t.Helper()
		if out, code := own.run("exec", "other", "true"); code != 0 {
			b.t.Errorf("the other container has ended: %s", out)
		}
	}
}
