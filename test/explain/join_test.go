package explain_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime"
	"mydocker/runtime/cgroup"
)

// A joinCase is a container, and what its joining process has different.
type joinCase struct {
	name   string
	flags  []string
	change func(*specs.Process)
	// differ are beginnings of the lines that the script is known, and says, to
	// make different.
	differ []string
}

func joinCases() []joinCase {
	as := func(uid, gid uint32, groups ...uint32) func(*specs.Process) {
		return func(p *specs.Process) {
			p.User.UID, p.User.GID, p.User.AdditionalGids = uid, gid, groups
			if c := *p.Capabilities; uid != 0 {
				c.Effective, c.Permitted = nil, nil
				p.Capabilities = &c
			}
		}
	}
	return []joinCase{
		{name: "plain"},
		{name: "user", change: as(1234, 2345, 2345, 7)},
		{name: "root with groups", change: as(0, 5, 5, 29)},
		{name: "of a user", flags: []string{"--user", "1234:2345", "--group-add", "7"}},
		{name: "environment", change: func(p *specs.Process) {
			p.Cwd = "/var/tmp"
			p.Env = append(p.Env, "A=b c", "QUOTE=it's")
		}},
		{name: "limits", flags: []string{"--ulimit", "nofile=100:200", "--memory", "100m", "--pids-limit", "50", "--oom-score-adj", "200"}},
		{name: "no new privileges", flags: []string{"--security-opt", "no-new-privileges"}, change: as(1, 1, 1)},
		{name: "few capabilities", flags: []string{"--cap-drop", "ALL", "--cap-add", "SYS_CHROOT", "--cap-add", "NET_ADMIN"}},
		{name: "no capabilities", flags: []string{"--cap-drop", "ALL"}, differ: []string{"CapInh:", "CapPrm:", "CapEff:"}},
		{name: "no capabilities of a user", flags: []string{"--cap-drop", "ALL"}, change: as(1, 1, 1), differ: []string{"CapInh:"}},
		{name: "privileged", flags: []string{"--privileged"}},
		{name: "umask", change: func(p *specs.Process) { mask := uint32(0o077); p.User.Umask = &mask }},
		{name: "the host's", flags: []string{"--network", "host", "--pid", "host", "--ipc", "host", "--uts", "host", "--cgroupns", "host"}},
		{name: "init", flags: []string{"--init"}},
		{name: "time", flags: []string{"--time-offset", "monotonic=+24h"}},
		{name: "user namespace", flags: []string{"--userns", "private"}, change: as(1000, 1000, 1000, 7)},
	}
}

// TestJoinScripts runs a process in a container twice, once by the engine and
// once by the script that is printed, and compares what is seen from it.
func TestJoinScripts(t *testing.T) {
	testenv.Root(t)
	for _, tool := range []string{"unshare", "nsenter", "setpriv", "prlimit", "setsid"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the scripts need %s", tool)
		}
	}
	for _, c := range joinCases() {
		t.Run(c.name, func(t *testing.T) { c.compare(t) })
	}
}

func (c joinCase) compare(t *testing.T) {
	testenv.NetNS(t)
	env := testenv.NewEngine(t)
	image := []string{"--rootfs", testenv.Busybox(t)}
	output(t, env.Command(t, slices.Concat([]string{"run", "--rm", "--network", "none"}, image, []string{"true"})...))
	testenv.Leaks(t)
	flags := c.flags
	if !slices.Contains(flags, "--network") {
		flags = append([]string{"--network", "none"}, flags...)
	}
	in := env.Running(t, image, flags...)
	p, pid := c.plan(t, in), in.Pid
	var script bytes.Buffer
	if err := (plan.JoinScript{Title: "mydocker exec", Pid: pid}).Write(&script, p); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "script.sh")
	if err := os.WriteFile(file, script.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	engine := joined(t, p, pid)
	cmd := exec.Command("/bin/sh", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell at a terminal starts it
	shell := output(t, cmd)
	if !strings.Contains(engine, "== done") {
		t.Fatalf("the joined process did not end its report:\n%s", engine)
	}
	for _, l := range strings.Split(difference(engine, shell), "\n") {
		_, text, _ := strings.Cut(l, ": ")
		if known := slices.ContainsFunc(c.differ, func(d string) bool { return strings.HasPrefix(text, d) }); l != "" && !known {
			t.Errorf("engine and script differ: %s", l)
		}
	}
	if told := strings.Contains(script.String(), "# the container lacks a capability"); told != (c.differ != nil) {
		t.Errorf("the script tells of a difference: %v\n%s", told, &script)
	}
	if t.Failed() {
		t.Logf("the script:\n%s", &script)
	}
}

// plan is that of a process which looks around. Its session is left out: the
// script says that it differs.
func (c joinCase) plan(t *testing.T, in testenv.Running) *plan.Plan {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(in.Dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var spec specs.Spec
	if err := json.Unmarshal(b, &spec); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for l := range strings.Lines(look) {
		if !strings.Contains(l, "== session") {
			lines = append(lines, l)
		}
	}
	p := *spec.Process
	p.Args = []string{"sh", "-c", strings.Join(lines, "")}
	p.Env = append(slices.Clone(p.Env), "HOST_NS="+hostNamespaces(t))
	if c.change != nil {
		c.change(&p)
	}
	layout, err := cgroup.Probe()
	if err != nil {
		t.Fatal(err)
	}
	made, err := runtime.CompileJoin(runtime.Join{Spec: &spec, Process: &p, CgroupPath: spec.Linux.CgroupsPath}, runtime.JoinFacts{Cgroups: layout})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// joined runs the plan and returns what its process wrote.
func joined(t *testing.T, p *plan.Plan, pid int) string {
	t.Helper()
	target, err := linux.OpenProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	run, err := runtime.Start(runtime.Launch{Plan: p, Runner: &plan.Runner{}, Stdio: [3]*os.File{null, w, w}, Target: target})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(r); err != nil {
		t.Error(err)
	}
	if exit, err := run.Wait(); err != nil || exit.Code != 0 {
		t.Errorf("exit code %d, %v\n%s", exit.Code, err, tail(out.String()))
	}
	return out.String()
}
