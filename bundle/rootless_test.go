package bundle_test

import (
	"encoding/json"
	"errors"
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

// somebody is an ordinary user without a name.
const somebody = 54321

// newHome is a place that is somebody's, with the specification of an ordinary
// user, mapped to root.
func newHome(t *testing.T) *place {
	t.Helper()
	testenv.Root(t)
	top := testenv.Dir(t)
	rootfs := testenv.BusyboxCopy(t)
	p := &place{t: t, bundle: filepath.Join(top, "bundle"), root: filepath.Join(top, "root")}
	err := os.Chmod(top, 0o755)
	for _, d := range []string{p.bundle, p.root, filepath.Join(p.root, "~seccomp"), filepath.Join(p.bundle, "shared")} {
		err = errors.Join(err, os.Mkdir(d, 0o755), os.Chown(d, somebody, somebody))
	}
	for d := rootfs; d != "/"; d = filepath.Dir(d) {
		if st, serr := os.Stat(d); serr == nil && st.Mode().Perm()&0o005 != 0o005 && strings.HasPrefix(d, os.TempDir()) {
			err = errors.Join(err, os.Chmod(d, 0o755))
		}
	}
	err = errors.Join(err, exec.Command("chown", "-R", fmt.Sprintf("%d:%d", somebody, somebody), rootfs).Run())
	if err != nil {
		t.Fatal(err)
	}
	p.ok("spec", "--rootless", "--bundle", p.bundle)
	p.spec = &specs.Spec{}
	b, err := os.ReadFile(filepath.Join(p.bundle, "config.json"))
	if err == nil {
		err = json.Unmarshal(b, p.spec)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.spec.Root.Path, p.spec.Process.Terminal = rootfs, false
	p.spec.Mounts = append(p.spec.Mounts, specs.Mount{Destination: "/shared", Source: "shared", Options: []string{"rbind", "rw"}})
	p.spec.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: somebody, Size: 1}}
	p.spec.Linux.GIDMappings = []specs.LinuxIDMapping{{HostID: somebody, Size: 1}}
	testenv.Leaks(t, p.root)
	return p
}

// needs skips the test where a program is missing.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
}

// as has a command run by somebody, what stands before it first.
func as(c *exec.Cmd, before ...string) *exec.Cmd {
	if len(before) > 0 {
		path, err := exec.LookPath(before[0])
		if err != nil {
			path = before[0]
		}
		c.Path, c.Args = path, append(before, append([]string{c.Path}, c.Args[1:]...)...)
		return c
	}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: somebody, Gid: somebody}}
	return c
}

// output runs it; a container keeps its streams, so they are a file.
func (p *place) output(c *exec.Cmd) string {
	p.t.Helper()
	f, err := os.CreateTemp(p.bundle, "out")
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	c.Stdout, c.Stderr = f, f
	err = c.Run()
	b, rerr := os.ReadFile(f.Name())
	if err != nil || rerr != nil {
		p.t.Fatalf("%s: %v %v\n%s", c, err, rerr, b)
	}
	return string(b)
}

// life goes through a container's life by commands that by prepares, and returns
// the owner of a file that its root writes, as the host sees it.
func (p *place) life(by func(*exec.Cmd) *exec.Cmd) (uid int) {
	p.t.Helper()
	p.command("sh", "-c", "id -u; echo written > /shared/file; test -c /dev/null; echo x > /dev/null && echo fine")
	if out := p.output(by(p.cmd("run", "c"))); out != "0\nfine\n" {
		p.t.Errorf("run: %q", out)
	}
	st, err := os.Stat(filepath.Join(p.bundle, "shared/file"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.command("sleep", "1000")
	p.output(by(p.cmd("create", "c")))
	p.output(by(p.cmd("start", "c")))
	if out := p.output(by(p.cmd("exec", "c", "id", "-u"))); out != "0\n" {
		p.t.Errorf("exec: %q", out)
	}
	p.output(by(p.cmd("kill", "c", "KILL")))
	p.await("c", specs.StateStopped)
	p.output(by(p.cmd("delete", "c")))
	return int(st.Sys().(*syscall.Stat_t).Uid)
}

// TestRootless: an ordinary user is root in its container, and nobody outside.
func TestRootless(t *testing.T) {
	p := newHome(t)
	if uid := p.life(func(c *exec.Cmd) *exec.Cmd { return as(c) }); uid != somebody {
		t.Errorf("root of the container is user %d outside", uid)
	}
}

// TestRootlessRanges: with subordinate IDs it has more users than one.
func TestRootlessRanges(t *testing.T) {
	needs(t, "newuidmap", "newgidmap", "setpriv", "unshare")
	p := newHome(t)
	files := filepath.Join(p.bundle, "etc")
	err := os.Mkdir(files, 0o755)
	for name, line := range map[string]string{"passwd": "root:x:0:0::/:/bin/sh\nsomebody:x:54321:54321::/:/bin/sh\n", "subuid": "somebody:700000:65536\n", "subgid": "somebody:700000:65536\n"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(files, name), []byte(line), 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	ranges := []specs.LinuxIDMapping{{HostID: somebody, Size: 1}, {ContainerID: 1, HostID: 700000, Size: 65536}}
	p.spec.Linux.UIDMappings, p.spec.Linux.GIDMappings = ranges, ranges
	by := func(c *exec.Cmd) *exec.Cmd {
		script := "mount -t overlay -o lowerdir=" + files + ":/etc overlay /etc; exec setpriv --reuid 54321 --regid 54321 --clear-groups -- \"$@\""
		return as(c, "unshare", "--mount", "sh", "-c", script, "sh")
	}
	if uid := p.life(by); uid != somebody {
		t.Errorf("root of the container is user %d outside", uid)
	}
	p.command("sh", "-c", "id -u; grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status")
	const kept = "0000000020000420" // audit_write, kill, net_bind_service
	if out := p.output(by(p.cmd("run", "c"))); out != "0\nCapPrm:\t"+kept+"\nCapEff:\t"+kept+"\nCapBnd:\t"+kept+"\n" {
		t.Errorf("root: %q", out)
	}
	p.spec.Process.User = specs.User{UID: 7, GID: 8}
	p.command("sh", "-c", "id; grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status")
	if out := p.output(by(p.cmd("run", "c"))); !strings.HasPrefix(out, "uid=7 gid=8") || !strings.HasSuffix(out, "\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t"+kept+"\n") {
		t.Errorf("user 7: %q", out)
	}
}

// TestRootOfNamespace: who is root of a user namespace only makes containers
// without a further one; device nodes are the host's.
func TestRootOfNamespace(t *testing.T) {
	needs(t, "setpriv", "unshare")
	p := newHome(t)
	p.spec.Linux.UIDMappings, p.spec.Linux.GIDMappings = nil, nil
	for i, n := range p.spec.Linux.Namespaces {
		if n.Type == specs.UserNamespace {
			p.spec.Linux.Namespaces = append(p.spec.Linux.Namespaces[:i:i], p.spec.Linux.Namespaces[i+1:]...)
			break
		}
	}
	p.command("sh", "-c", "id -u; echo x > /dev/null && echo fine; cut -d ' ' -f 4,5 /proc/self/mountinfo | grep ' /dev/[a-z]*$' | grep -v -e pts -e shm -e mqueue | sort")
	c := as(p.cmd("run", "c"), "setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", "unshare", "-Urm")
	want := "0\nfine\n"
	for _, name := range []string{"full", "null", "random", "tty", "urandom", "zero"} {
		want += "/" + name + " /dev/" + name + "\n"
	}
	if out := p.output(c); out != want {
		t.Errorf("%q, want %q", out, want)
	}
	// One that stays, and what joins it, from the same namespace.
	p.command("sleep", "1000")
	p.write()
	script := `r() { ` + testenv.RuntimeBinary(t) + ` --root ` + p.root + ` "$@"; }; r run --detach c; r exec c id -u; r delete --force c; r list -q`
	all := exec.Command("setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", "unshare", "-Urm", "sh", "-c", script)
	all.Dir = p.bundle
	if out := p.output(all); out != "0\n" {
		t.Errorf("%q", out)
	}
}
