// Package advisories tries on the built runtime what broke others. Races of
// mounts, masks and copies are run on the level of plans, in package runtime.
package advisories

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
)

// A bed has a bundle whose root may be changed.
type bed struct {
	t            *testing.T
	top, bundle  string
	root, rootfs string
	spec         *specs.Spec
}

func newBed(t *testing.T) *bed {
	t.Helper()
	testenv.Root(t)
	b := &bed{t: t, top: testenv.Dir(t), rootfs: testenv.BusyboxCopy(t), spec: &specs.Spec{}}
	b.bundle, b.root = filepath.Join(b.top, "bundle"), filepath.Join(b.top, "root")
	for _, d := range []string{b.bundle, b.root} {
		b.must(os.Mkdir(d, 0o755))
	}
	b.must(exec.Command(testenv.RuntimeBinary(t), "spec", "--bundle", b.bundle).Run())
	text, err := os.ReadFile(filepath.Join(b.bundle, "config.json"))
	b.must(err)
	b.must(json.Unmarshal(text, b.spec))
	b.spec.Root = &specs.Root{Path: b.rootfs}
	b.spec.Process.Terminal = false
	b.spec.Linux.CgroupsPath = "/mydocker-test-" + filepath.Base(b.top)
	testenv.Leaks(t)
	return b
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// run runs the runtime, with its output in a file: a container keeps that open.
func (b *bed) run(args ...string) (string, int) {
	b.t.Helper()
	text, err := json.Marshal(b.spec)
	b.must(err)
	b.must(os.WriteFile(filepath.Join(b.bundle, "config.json"), text, 0o644))
	out, err := os.CreateTemp(b.top, "out")
	b.must(err)
	defer out.Close()
	c := exec.Command(testenv.RuntimeBinary(b.t), append([]string{"--root", b.root}, args...)...)
	c.Dir, c.Stdout, c.Stderr = b.bundle, out, out
	c.Run()
	said, err := os.ReadFile(out.Name())
	b.must(err)
	return string(said), c.ProcessState.ExitCode()
}

// container runs a shell script in one.
func (b *bed) container(script string) (string, int) {
	b.t.Helper()
	b.spec.Process.Args = []string{"sh", "-c", script}
	return b.run("run", "c")
}

// sleeping starts a container that stays, until the test ends.
func (b *bed) sleeping() {
	b.t.Helper()
	b.spec.Process.Args = []string{"sleep", "1000"}
	if out, code := b.run("run", "--detach", "c"); code != 0 {
		b.t.Fatalf("%d %s", code, out)
	}
	b.t.Cleanup(func() { b.run("delete", "--force", "c") })
}

// TestWorkingDirectoryIsInside, CVE-2024-21626: a working directory that names a
// descriptor of the runtime leads nowhere, for none of the ways to start a
// process. A file of the host that an open descriptor would reach stays unseen.
func TestWorkingDirectoryIsInside(t *testing.T) {
	b := newBed(t)
	leak, err := os.Open("/etc")
	b.must(err)
	defer leak.Close()
	for n := range 80 {
		for _, dir := range []string{"/proc/self/fd/%d", "/proc/1/fd/%d", "/proc/self/fd/%d/../.."} {
			b.spec.Process.Cwd = fmt.Sprintf(dir, n)
			if out, code := b.container("ls; pwd"); code == 0 && (strings.Contains(out, "debian_version") || strings.Contains(out, "config.json")) {
				t.Errorf("%s leads to the host: %s", b.spec.Process.Cwd, out)
			}
		}
	}
	b.spec.Process.Cwd = "/"
	b.sleeping()
	for n := range 80 {
		dir := fmt.Sprintf("/proc/self/fd/%d", n)
		if out, code := b.run("exec", "--cwd", dir, "c", "ls"); code == 0 {
			t.Errorf("exec in %s: %s", dir, out)
		}
	}
}

// TestRuntimeIsNotOverwritten, CVE-2019-5736: what a container can open of the
// processes that enter it is not the runtime's file, and cannot be written.
func TestRuntimeIsNotOverwritten(t *testing.T) {
	b := newBed(t)
	binary := testenv.RuntimeBinary(t)
	before := sum(t, binary)
	b.spec.Process.Capabilities = everyCapability()
	// The program is whatever executes it: the process itself, as long as it is there.
	b.must(os.WriteFile(filepath.Join(b.rootfs, "evil"), []byte("#!/proc/self/exe\n"), 0o755))
	b.spec.Process.Args = []string{"/evil"}
	b.run("run", "c")
	b.spec.Process.Args = []string{"/proc/self/exe"}
	b.run("run", "c")
	// The classic: wait for the process that exec brings, hold its program open,
	// and write to it when it is no longer executed.
	script := `i=0; while [ $i -lt 3000 ]; do i=$((i+1)); for p in /proc/[0-9]*; do
		[ $p = /proc/1 ] || [ $p = /proc/$$ ] || { exec 9<$p/exe && { echo overwritten >/proc/self/fd/9; exec 9<&-; }; }; done 2>/dev/null; done`
	b.spec.Process.Args = []string{"sh", "-c", script}
	if out, code := b.run("run", "--detach", "c"); code != 0 {
		t.Fatal(out)
	}
	defer b.run("delete", "--force", "c")
	for range 200 {
		b.run("exec", "c", "/proc/self/exe")
		b.run("exec", "c", "true")
	}
	if sum(t, binary) != before {
		t.Error("the runtime was overwritten")
	}
}

func sum(t *testing.T, file string) [32]byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(b)
}

func everyCapability() *specs.LinuxCapabilities {
	all := []string{"CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER"}
	return &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}
}

// TestImageLinks, CVE-2026-41579 and CVE-2026-47766: an image whose directories
// are links to the host's has nothing made, replaced or removed there.
func TestImageLinks(t *testing.T) {
	for _, name := range []string{"dev", "proc", "sys", "etc", "mnt"} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			host := filepath.Join(b.top, "host")
			b.must(os.MkdirAll(filepath.Join(host, "pts"), 0o755))
			for _, f := range []string{"null", "zero", "console", "ptmx", "hostname", "fd"} {
				b.must(os.WriteFile(filepath.Join(host, f), []byte("the host's"), 0o644))
			}
			at := filepath.Join(b.rootfs, name)
			b.must(os.RemoveAll(at))
			b.must(os.Symlink(host, at))
			before := listing(t, host)
			file := filepath.Join(b.bundle, "file")
			b.must(os.WriteFile(file, nil, 0o644))
			b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/" + name + "/hostname", Source: file, Options: []string{"bind"}})
			b.spec.Linux.Devices = []specs.LinuxDevice{{Path: "/" + name + "/zero", Type: "c", Major: 1, Minor: 5}}
			b.container("true")
			if after := listing(t, host); after != before {
				t.Errorf("on the host:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

// listing tells all that is in a directory.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var out bytes.Buffer
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&out, path, info.Mode(), info.Size(), info.ModTime(), info.Sys().(*syscall.Stat_t).Ino)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestFakeProcfs, CVE-2025-52881 and CVE-2023-28642: kernel parameters are
// written to a procfs and to nothing that an image puts in its place.
func TestFakeProcfs(t *testing.T) {
	b := newBed(t)
	fake := filepath.Join(b.top, "fake")
	b.must(os.MkdirAll(filepath.Join(fake, "sys/kernel"), 0o755))
	b.must(os.WriteFile(filepath.Join(fake, "sys/kernel/domainname"), []byte("as it was"), 0o644))
	b.spec.Linux.Sysctl = map[string]string{"kernel.domainname": "written"}
	b.must(os.RemoveAll(filepath.Join(b.rootfs, "proc")))
	b.must(os.Symlink(fake, filepath.Join(b.rootfs, "proc")))
	b.container("true")
	// A bind in its place is refused, or not written to.
	b.must(os.Remove(filepath.Join(b.rootfs, "proc")))
	b.must(os.Mkdir(filepath.Join(b.rootfs, "proc"), 0o755))
	b.spec.Mounts[0] = specs.Mount{Destination: "/proc", Source: fake, Options: []string{"bind"}}
	b.container("true")
	b.spec.Mounts[0] = specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"}
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/proc/sys/kernel", Source: filepath.Join(fake, "sys/kernel"), Options: []string{"bind"}})
	b.container("true")
	if text, err := os.ReadFile(filepath.Join(fake, "sys/kernel/domainname")); err != nil || string(text) != "as it was" {
		t.Errorf("%q %v", text, err)
	}
	// And where all is well it is written, so that the test would see it.
	b.spec.Mounts = b.spec.Mounts[:len(b.spec.Mounts)-1]
	if out, code := b.container("cat /proc/sys/kernel/domainname"); code != 0 || out != "written\n" {
		t.Errorf("%d %q", code, out)
	}
}

// TestConsoleLink, CVE-2025-52565: an image's /dev/console, /dev/pts and /dev/ptmx
// are not where the terminal is mounted.
func TestConsoleLink(t *testing.T) {
	b := newBed(t)
	host := filepath.Join(b.top, "victim")
	b.must(os.WriteFile(host, []byte("the host's"), 0o644))
	dev := filepath.Join(b.rootfs, "dev")
	b.must(os.MkdirAll(dev, 0o755))
	for _, name := range []string{"console", "ptmx"} {
		os.Remove(filepath.Join(dev, name))
		b.must(os.Symlink(host, filepath.Join(dev, name)))
	}
	b.spec.Process.Terminal = true
	for i, m := range b.spec.Mounts {
		if m.Destination == "/dev" { // the image's own
			b.spec.Mounts = append(b.spec.Mounts[:i:i], b.spec.Mounts[i+1:]...)
		}
	}
	b.container("echo written >/dev/console; echo written >/dev/ptmx")
	if text, err := os.ReadFile(host); err != nil || string(text) != "the host's" {
		t.Errorf("%q %v", text, err)
	}
}
