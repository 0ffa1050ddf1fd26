package systemd_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mydocker/internal/testenv"
)

// ordinary returns the first user who is a person.
func ordinary(t *testing.T) *user.User {
	t.Helper()
	b, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(line, ":")
		if len(f) < 7 {
			continue
		}
		if uid, err := strconv.Atoi(f[2]); err != nil || uid < 1000 || uid >= 60000 {
			continue
		}
		u, err := user.Lookup(f[0])
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	t.Skip("needs an ordinary user (a UID from 1000 to 59999)")
	return nil
}

// session starts a user's systemd, and returns its environment.
func session(t *testing.T, u *user.User) []string {
	t.Helper()
	dir := "/run/user/" + u.Uid
	if _, err := os.Stat(dir + "/bus"); err != nil {
		if out, err := exec.Command("systemctl", "start", "user@"+u.Uid+".service").CombinedOutput(); err != nil {
			t.Skipf("the machine has no sessions of users: %v %s", err, out)
		}
		t.Cleanup(func() { exec.Command("systemctl", "stop", "user@"+u.Uid+".service").Run() })
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(dir + "/bus"); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Skip("the user's session has no bus (Debian package dbus-user-session)")
		}
	}
	return []string{"XDG_RUNTIME_DIR=" + dir, "DBUS_SESSION_BUS_ADDRESS=unix:path=" + dir + "/bus", "HOME=" + u.HomeDir, "PATH=" + os.Getenv("PATH")}
}

// become gives the place to a user: the bundle, the root, and a copy of the
// program, which may be where only root reaches it.
func (p *place) become(u *user.User) {
	p.t.Helper()
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	code, err := os.ReadFile(p.program)
	p.program = filepath.Join(filepath.Dir(p.bundle), "runtime")
	if err == nil {
		err = os.WriteFile(p.program, code, 0o755)
	}
	if err == nil {
		err = os.Chmod(filepath.Dir(p.bundle), 0o755)
	}
	for _, d := range []string{p.bundle, p.root} {
		if err == nil {
			err = os.Chown(d, uid, gid)
		}
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.user = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// TestUser: a user without privileges has limits that the user's systemd hands
// on.
func TestUser(t *testing.T) {
	needsSystemd(t)
	if testenv.CgroupMode() != testenv.CgroupV2 {
		t.Skip("needs control groups of version 2: those of version 1 are not for users")
	}
	u := ordinary(t)
	env := session(t, u)
	p := newPlace(t)
	p.env = env
	p.become(u)
	p.fill("--rootless")
	p.spec.Linux.CgroupsPath = "user.slice:test:name"
	p.limit()
	group := fmt.Sprintf("user.slice/user-%s.slice/user@%[1]s.service/user.slice/%s", u.Uid, unit)
	p.ok("create", "c")
	p.shows(unit, "ActiveState=active", "ControlGroup=/"+group, "MemoryMax=67108864", "CPUQuotaPerSecUSec=200ms", "TasksMax=50")
	p.limited(group, memory("67108864"), quota("20000"), tasks("50"))
	p.ok("start", "c")
	// Who asks is outside of the user's own groups, where systemd moves the
	// process, or inside of them.
	if got := p.ok("exec", "c", "cat", "/proc/self/cgroup"); got != "0::/\n" {
		t.Errorf("from outside: %q", got)
	}
	inside := p.cmd("exec", "c", "cat", "/proc/self/cgroup")
	words := append([]string{"--user", "--scope", "--quiet"}, inside.Args...)
	c := exec.Command("systemd-run", words...)
	c.Dir, c.Env, c.SysProcAttr = inside.Dir, inside.Env, inside.SysProcAttr
	if got, err := c.CombinedOutput(); err != nil || string(got) != "0::/\n" {
		t.Errorf("from inside: %v %s", err, got)
	}
	p.ok("update", "--memory", "32m", "--pids-limit", "33", "c")
	p.shows(unit, "MemoryMax=33554432", "TasksMax=33")
	p.limited(group, memory("33554432"), quota("20000"), tasks("33"))
	p.ok("pause", "c")
	p.await("c", "paused")
	p.ok("resume", "c")
	p.ok("delete", "--force", "c")
	p.gone(unit)
}
