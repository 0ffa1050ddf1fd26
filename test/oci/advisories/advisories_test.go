// Package advisories tries on the built runtime what broke others. A test shows
// first, by hand, that what it tries would lead to the host. More races, on the
// level of plans, are in package runtime.
package advisories

import (
	"bytes"
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
	leaked       []*os.File // that the runtime's caller left open, from 3 on
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
	defer os.Remove(out.Name())
	c := exec.Command(testenv.RuntimeBinary(b.t), append([]string{"--root", b.root}, args...)...)
	c.Dir, c.Stdout, c.Stderr, c.ExtraFiles = b.bundle, out, out, b.leaked
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

// TestCoveredProcfs, CVE-2025-52881 and CVE-2019-16884: nothing is mounted on what
// the runtime writes to in procfs, by that name or by a link of the image's.
func TestCoveredProcfs(t *testing.T) {
	b := newBed(t)
	b.must(os.Symlink("/proc/self/attr", filepath.Join(b.rootfs, "attr")))
	b.must(os.Symlink("/proc", filepath.Join(b.rootfs, "up")))
	b.spec.Linux.Sysctl = map[string]string{"kernel.domainname": "written"}
	own := b.spec.Mounts
	for _, at := range []string{"/proc/self/attr", "/proc/self", "/proc/1/attr", "/proc/thread-self/attr", "/attr", "/up/self/attr", "/up/sys"} {
		for _, m := range []specs.Mount{{Type: "tmpfs", Source: "tmpfs"}, {Source: b.top, Options: []string{"rbind"}}} {
			m.Destination = at
			b.spec.Mounts = append(own[:len(own):len(own)], m)
			if out, code := b.container("true"); code == 0 || !strings.Contains(out, "inside /proc") {
				t.Errorf("%s, %s: %d %s", at, m.Source, code, out)
			}
		}
	}
	// What engines do mount there covers nothing either: the parameter is written.
	b.spec.Mounts = append(own[:len(own):len(own)], specs.Mount{Destination: "/p", Type: "proc", Source: "proc"}, specs.Mount{Destination: "/proc/sys", Type: "tmpfs", Source: "tmpfs"})
	b.spec.Linux.ReadonlyPaths = nil
	out, code := b.container("cat /p/sys/kernel/domainname; ls /proc/sys")
	if code == 0 && out != "written\n" || code != 0 && !strings.Contains(out, "inside /proc") {
		t.Errorf("%d %q", code, out)
	}
}

// TestConsoleLink, CVE-2025-52565: an image's /dev/console and /dev/ptmx are not
// where the terminal is mounted, or what it is opened by. A link for a console is
// refused.
func TestConsoleLink(t *testing.T) {
	for name, refused := range map[string]bool{"console": true, "ptmx": false} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			host := filepath.Join(b.secret(), "secret")
			at := filepath.Join(b.rootfs, "dev", name)
			b.must(os.MkdirAll(filepath.Dir(at), 0o755))
			b.must(os.Symlink(host, at))
			b.without("/dev")
			b.must(os.MkdirAll(filepath.Join(b.rootfs, "dev/pts"), 0o755))
			b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"newinstance", "ptmxmode=0666"}})
			b.spec.Process.Terminal = true
			out, code := b.container("tty; echo written >/dev/console; echo written >/dev/ptmx")
			if refused != (code != 0 && strings.Contains(out, "openat2 console")) || !refused && !strings.HasPrefix(out, "/dev/pts/0\r\n") {
				t.Errorf("%d %q", code, out)
			}
			if text, err := os.ReadFile(host); err != nil || string(text) != "the host's" {
				t.Errorf("%q %v", text, err)
			}
		})
	}
}
