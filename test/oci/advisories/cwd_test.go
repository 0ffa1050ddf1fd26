package advisories

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// descriptors is above every number that the runtime uses, also for its program.
const descriptors = 220

// TestWorkingDirectoryIsInside, CVE-2024-21626: a working directory that names a
// descriptor of the runtime, or one that its caller left open, is entered by
// none of the ways to start a process.
func TestWorkingDirectoryIsInside(t *testing.T) {
	b := newBed(t)
	host, err := os.Open(b.secret())
	b.must(err)
	defer host.Close()
	b.leaked = slices.Repeat([]*os.File{host}, 100) // more than the runtime lays its own over
	// What keeps them in is no lucky number: without the runtime the third is the way out.
	b.must(os.MkdirAll(filepath.Join(b.rootfs, "proc"), 0o755))
	naive := exec.Command("unshare", "--mount", "sh", "-c", `mount -t proc proc "$0/proc" && exec chroot "$0" sh -c 'cd /proc/self/fd/3 && ls'`, b.rootfs)
	naive.ExtraFiles = b.leaked
	if out, err := naive.CombinedOutput(); err != nil || string(out) != "secret\n" {
		t.Fatalf("by hand nothing leads out: %v %s", err, out)
	}
	b.spec.Process.Args = []string{"ls"}
	for n := range descriptors {
		b.spec.Process.Cwd = fmt.Sprintf("/proc/self/fd/%d", n)
		b.stays("run", "c")
		b.stays("create", "c")
	}
	b.spec.Process.Cwd = "/"
	b.sleeping()
	for n := range descriptors {
		b.stays("exec", "--cwd", fmt.Sprintf("/proc/self/fd/%d", n), "c", "ls")
	}
}

// secret is a directory of the host with one file.
func (b *bed) secret() string {
	b.t.Helper()
	dir := filepath.Join(b.top, "host")
	b.must(os.Mkdir(dir, 0o755))
	b.must(os.WriteFile(filepath.Join(dir, "secret"), []byte("the host's"), 0o644))
	return dir
}

// stays runs what has to fail before there is a program.
func (b *bed) stays(args ...string) {
	b.t.Helper()
	out, code := b.run(args...)
	if code == 0 || !strings.Contains(out, "mydocker-runtime: error: ") {
		b.t.Errorf("%q in %s: %d\n%s", args, b.spec.Process.Cwd, code, out)
	}
	if code == 0 && args[0] == "create" {
		b.run("delete", "--force", "c")
	}
}

// TestProcOfTheHost, CVE-2024-21626: the working directory leads out through a
// procfs that shows processes of the host, whose roots are links with magic.
func TestProcOfTheHost(t *testing.T) {
	b := newBed(t)
	secret := b.secret()
	outside := exec.Command("sleep", "1000")
	outside.Dir = secret
	b.must(outside.Start())
	defer outside.Wait()
	defer outside.Process.Kill()
	b.spec.Process.Capabilities = everyCapability()
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/host", Source: "/proc", Options: []string{"rbind"}})
	ways := []string{
		fmt.Sprintf("/host/%d/cwd", outside.Process.Pid), fmt.Sprintf("/host/%d/root", outside.Process.Pid),
		fmt.Sprintf("/host/%d/root%s", outside.Process.Pid, secret), "/host/1/root/etc", "/link",
	}
	b.must(os.Symlink(ways[0], filepath.Join(b.rootfs, "link")))
	b.spec.Process.Args = []string{"ls"}
	for _, way := range ways {
		b.spec.Process.Cwd = way
		b.stays("run", "c")
		b.stays("create", "c")
	}
	b.spec.Process.Cwd = "/"
	// A program in there could go on its own: it is its capabilities that let it.
	if out, code := b.container("cd " + ways[0] + " && ls"); code != 0 || out != "secret\n" {
		t.Errorf("nothing leads out: %d %q", code, out)
	}
	b.sleeping()
	for _, way := range ways {
		b.stays("exec", "--cwd", way, "c", "ls")
	}
}
