package cgroup

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"mydocker/internal/testenv"
)

func TestParseOwn(t *testing.T) {
	got := parseOwn("4:memory:/a:b\n1:cpu,cpuacct:/\n9:name=systemd:/s\n0::/u\n")
	want := Own{"memory": "/a:b", "cpu": "/", "cpuacct": "/", "name=systemd": "/s", "": "/u"}
	if !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// TestResolve compares with where other runtimes put a container whose caller
// is in /job of the memory controller, and in /user/session of version 2.
func TestResolve(t *testing.T) {
	own := Own{"memory": "/job", "cpu": "/", "cpuacct": "/", "": "/user/session"}
	for _, c := range []struct {
		mode, path         string
		memory, cpu, unify string
	}{
		{Hybrid, "", "memory/job/ID", "cpu,cpuacct/ID", "unified/user/session/ID"},
		{Hybrid, "rel/x", "memory/job/rel/x", "cpu,cpuacct/rel/x", "unified/user/session/rel/x"},
		{Hybrid, "../../z", "memory/job/z", "cpu,cpuacct/z", "unified/user/session/z"},
		{Hybrid, "/abs/../y", "memory/y", "cpu,cpuacct/y", "unified/y"},
		{V2, "", "", "", "user/ID"},
		{V2, "/abs", "", "", "abs"},
	} {
		l, path := Resolve(layouts()[c.mode], c.path, "ID", own)
		for controller, want := range map[string]string{"memory": c.memory, "cpu": c.cpu, "": c.unify} {
			if want != "" {
				want = "/sys/fs/cgroup/" + want
			}
			if got := l.GroupDir(controller, path); got != want {
				t.Errorf("%s, path %q, controller %q: %s, want %s", c.mode, c.path, controller, got, want)
			}
		}
	}
}

// TestResolveInside is a caller in a container, which sees its own groups only.
func TestResolveInside(t *testing.T) {
	for _, c := range []struct{ root, group, want string }{
		{"", "/", ""}, {"", "/a/b", "/a/b"}, {"/docker/x", "/docker/x", ""}, {"/docker/x", "/docker/x/y", "/y"},
		{"/docker/x", "/docker/xyz", ""}, {"", "/../other", ""}, {"", "", ""},
	} {
		if got := within(c.root, c.group); got != c.want {
			t.Errorf("%q below %q is %q, want %q", c.group, c.root, got, c.want)
		}
	}
}

// TestV2Beside finds the groups into which a container's process has moved
// itself, when its own take no more.
func TestV2Beside(t *testing.T) {
	l := probed(t)
	talker := talk(t, compiled(t, l, nil)) // in the group "sub" of each
	defer talker.end()
	own, err := OwnOf(talker.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	s := Beside(l, own)
	if l.Unified != "" && s.V2Dir != l.dir(testPath+"/sub") {
		t.Errorf("found %s", s.V2Dir)
	}
	if len(s.Join) > 0 {
		for i, h := range l.Hierarchies {
			if got := s.Join[0].(Join).Dirs[i]; got != h.dir(testPath+"/sub") {
				t.Errorf("found %s", got)
			}
		}
	}
	if !TakesProcesses(l, testPath) {
		t.Error("a group that hands on nothing takes no process")
	}
	if l.Mode != V2 {
		return
	}
	if err := write(l.dir(testPath), subtree, "+memory"); err != nil {
		t.Fatal(err)
	}
	if TakesProcesses(l, testPath) {
		t.Error("a group that hands on memory takes processes")
	}
}

// probed is the layout of this machine.
func probed(t *testing.T) Layout {
	testenv.Root(t)
	testenv.Leaks(t)
	l, err := Probe()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestV2CheckEmpty(t *testing.T) {
	l := probed(t)
	if err := CheckEmpty(l, testPath); err != nil {
		t.Errorf("a group that is not there: %v", err)
	}
	s := compiled(t, l, nil)
	talker := talk(t, s)
	if err := CheckEmpty(l, testPath); err == nil || err.Error() != "container's cgroup is not empty: 1 process(es) found" {
		t.Errorf("with a process: %v", err)
	}
	talker.end()
	for _, dir := range l.groups(testPath) { // whichever it is in, it would be killed
		other := exec.Command("sleep", "1000")
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		err := os.WriteFile(dir+"/cgroup.procs", fmt.Append(nil, other.Process.Pid), 0)
		if err == nil && CheckEmpty(l, testPath) == nil {
			t.Errorf("with a process in %s it is empty", dir)
		}
		other.Process.Kill()
		other.Wait()
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := Freeze(l, testPath); err != nil {
		t.Fatal(err)
	}
	if err := CheckEmpty(l, testPath); err == nil || err.Error() != "container's cgroup unexpectedly frozen" {
		t.Errorf("frozen: %v", err)
	}
	if err := Thaw(l, testPath); err != nil {
		t.Fatal(err)
	}
	if err := CheckEmpty(l, testPath); err != nil {
		t.Errorf("an empty group: %v", err)
	}
}

// TestPermitted is a user who may make no groups, in a process of its own.
func TestPermitted(t *testing.T) {
	const mark = "MYDOCKER_TEST_PERMITTED"
	if os.Getenv(mark) == "" {
		l := probed(t)
		if got := Permitted(l, testPath, Own{}); got.Partial {
			t.Errorf("root may not make groups: %+v", got)
		}
		asNobody(t, mark, "^TestPermitted$")
		return
	}
	l, err := Probe()
	if err != nil {
		t.Fatal(err)
	}
	own, err := OwnOf(0)
	if err != nil {
		t.Fatal(err)
	}
	none := Permitted(l, testPath, own)
	if len(none.Hierarchies) > 0 || none.Unified != "" || !none.Partial {
		t.Errorf("nobody may make groups: %+v", none)
	}
	if s, err := CompileWith(none, testPath, Options{Unprivileged: true}, nil, WithDefaults(nil)); err != nil || len(s.Host)+len(s.Join) > 0 || s.V2Dir != "" {
		t.Errorf("without limits: %v, %+v", err, s)
	}
	r := everything()
	if _, err := CompileWith(none, testPath, Options{}, r, nil); err == nil || !strings.Contains(err.Error(), "cannot set memory limit: no permission") {
		t.Errorf("with limits: %v", err)
	}
}

func TestSub(t *testing.T) {
	for _, c := range []struct {
		mode    string
		choices []string
		want    string // of memory, cpu and version 2, or "!" and an error
	}{
		{Hybrid, nil, "memory/x cpu,cpuacct/x unified/x"},
		{Hybrid, []string{"sub"}, "memory/x cpu,cpuacct/x unified/x/sub"},
		{Hybrid, []string{"memory,cpu:a/b", "pids:c"}, "memory/x/a/b cpu,cpuacct/x/a/b unified/x"},
		{V2, []string{"/sub"}, "x/sub"},
		{V2, []string{"memory:sub"}, "!no hierarchy of that controller"},
		{Hybrid, []string{"a", "b"}, "!missing <controller>: prefix"}, {Hybrid, []string{":a"}, "!empty <controller> prefix"},
		{Hybrid, []string{"memory:a", "memory:b"}, "!specified multiple times"}, {Hybrid, []string{"memory:../../y"}, "!bad sub cgroup path"},
	} {
		s, err := Sub(layouts()[c.mode], "/x", c.choices)
		var got []string
		if len(s.Join) > 0 {
			dirs := s.Join[0].(Join).Dirs
			got = append(got, dirs[2], dirs[0])
		}
		got = append(got, s.V2Dir)
		text := strings.ReplaceAll(strings.Join(got, " "), "/sys/fs/cgroup/", "")
		if want, fails := strings.CutPrefix(c.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v, want %s", c.choices, err, want)
			}
		} else if err != nil || text != c.want {
			t.Errorf("%v: %s (%v), want %s", c.choices, text, err, c.want)
		}
	}
}

// TestV2Give gives the group to a user, who then makes one in it.
func TestV2Give(t *testing.T) {
	l := probed(t)
	if l.Unified == "" {
		t.Skip("there is no hierarchy of version 2")
	}
	l.Hierarchies, l.Mode = nil, V2
	s, err := CompileWith(l, testPath, Options{Own: true, Owner: 65534}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer undo(t, s.Host)
	do(t, s.Host)
	for name, want := range map[string]uint32{"": 65534, "cgroup.procs": 65534, "cgroup.subtree_control": 65534, "cgroup.freeze": 0} {
		st, err := os.Stat(s.V2Dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if got := st.Sys().(*syscall.Stat_t).Uid; got != want {
			t.Errorf("%q is the user's %d, want %d", name, got, want)
		}
	}
}

// TestV2KillBreeders kills processes that make others all the time, without
// the file that does it at once.
func TestV2KillBreeders(t *testing.T) {
	l := probed(t)
	if l.Mode != V2 {
		l.Unified, l.Mode = "", V1
	}
	k := talk(t, compiled(t, l, resources(t, `{"pids":{"limit":60}}`)))
	// A shell would end when there can be no more processes, for once.
	script := "exec perl -e 'while (1) { 1 while waitpid(-1, 1) > 0; my $p = fork; if (defined $p && !$p) { select undef, undef, undef, 0.01; exit } }'"
	for _, dir := range l.groups(testPath + "/sub") {
		script = "echo 0 > " + dir + "/cgroup.procs; " + script
	}
	breed := exec.Command("/bin/sh", "-c", script)
	if err := breed.Start(); err != nil {
		t.Fatal(err)
	}
	k.speaks()
	for n := 0; n < 10; { // it breeds
		pids, err := Processes(l, testPath)
		if err != nil {
			t.Fatal(err)
		}
		n = len(pids)
	}
	if err := Kill(l, testPath); err != nil {
		t.Fatal(err)
	}
	k.killed()
	if err := breed.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the breeder ended with %v", err)
	}
}
