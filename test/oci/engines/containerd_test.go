package engines_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// containerdsConfig has neither the plugins of CRI nor any that needs what the
// sandbox has not.
const containerdsConfig = `version = 2
root = %[1]q
state = %[2]q
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
address = %[3]q
[ttrpc]
address = %[4]q
`

func TestContainerd(t *testing.T) {
	b := newBed(t, "containerd")
	if _, err := exec.LookPath("ctr"); err != nil {
		t.Skip("needs the command ctr")
	}
	b.Leaks()
	b.startContainerd()
	for _, p := range []part{{"run", (*bed).testCtrRun}, {"task", (*bed).testCtrTask}, {"terminal", (*bed).testCtrTerminal}, {"users", (*bed).testCtrUsers}} {
		t.Run(p.name, func(t *testing.T) { p.do(b.in(t)) })
	}
}

func (b *bed) startContainerd() {
	b.t.Helper()
	dir := b.Dir + "/containerd"
	config, socket := b.Dir+"/containerd.toml", b.Dir+"/containerd.sock"
	text := fmt.Sprintf(containerdsConfig, dir+"/root", dir+"/state", socket, socket+".ttrpc")
	if err := os.WriteFile(b.Path(config), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	// A shim takes the runtime of the flag, and to clean up the one in its path.
	if err := os.Symlink(b.runtime, b.Path(b.Dir+"/runc")); err != nil {
		b.t.Fatal(err)
	}
	daemon := b.Command("sh", "-c", "echo $$ >"+b.Dir+"/pid; PATH="+b.Dir+":$PATH exec containerd --config "+config)
	var log bytes.Buffer
	daemon.Stdout, daemon.Stderr = &log, &log
	if err := daemon.Start(); err != nil {
		b.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	b.t.Cleanup(func() { b.stopDaemon(b.Dir+"/pid", ended, &log) })
	b.base = []string{"ctr", "--address", socket}
	b.flags = []string{"--runc-binary", b.runtime}
	b.answers(ended, &log, "version")
	b.want(0, "image", "import", newLayout(b.t, "docker.io/library/busybox:latest").pack(b.t))
}

// ctr is the words that run a container of the image. The command is in a
// control group that is the test's.
func (b *bed) ctr(id string, flags []string, command ...string) []string {
	words := append([]string{"run", "--cgroup", "/" + parent + "/" + id}, b.flags...)
	words = append(append(words, flags...), "docker.io/library/busybox:latest", id)
	return append(words, command...)
}

func (b *bed) testCtrRun() {
	b.says("image", b.ctr("box", []string{"--rm"}, "sh", "-c", "echo $FROM")...)
	b.want(3, b.ctr("box", []string{"--rm"}, "sh", "-c", "exit 3")...)
	b.says("value /tmp", b.ctr("box", []string{"--rm", "--env", "NAME=value", "--cwd", "/tmp"}, "sh", "-c", "echo $NAME $PWD")...)
	b.want(1, b.ctr("box", []string{"--rm", "--read-only"}, "touch", "/file")...)
	b.says("0 2", b.ctr("box", []string{"--rm", "--seccomp"}, "sh", "-c", "echo $(awk '/^Seccomp:/ { print $2 }' /proc/self/status | sed 's/^/0 /')")...)
	b.want(137, b.ctr("box", []string{"--rm", "--memory-limit", "20000000"}, "tail", "-c", "100m", "/dev/zero")...)
	if r := b.do(b.ctr("box", []string{"--rm"}, "nosuch")...); r.code == 0 || !strings.Contains(r.err, "nosuch") {
		b.t.Errorf("a program that is not there: %+v", r)
	}
	b.want(0, b.ctr("box", []string{"--rm"}, "true")...)
}

func (b *bed) testCtrTask() {
	b.want(0, b.ctr("box", []string{"-d", "--pid-file", b.Dir + "/box.pid"}, "sleep", "1000")...)
	exec := func(id string, words ...string) []string {
		return append([]string{"task", "exec", "--exec-id", id, "box"}, words...)
	}
	b.says("in", exec("one", "echo", "in")...)
	b.want(4, exec("two", "sh", "-c", "exit 4")...)
	b.status("RUNNING")
	// The container is this runtime's: no other reads its state.
	out, err := b.Command(b.runtime, "--root", "/run/containerd/runc/default", "state", "box").CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"running"`) {
		b.t.Errorf("state: %v %s", err, out)
	}
	b.want(0, "task", "pause", "box")
	b.status("PAUSED")
	b.want(0, "task", "resume", "box")
	b.status("RUNNING")
	if out := b.want(0, "task", "ps", "box"); len(strings.Split(out, "\n")) != 2 {
		b.t.Errorf("processes: %s", out)
	}
	if out := b.want(0, "task", "metrics", "box"); !strings.Contains(out, "memory.usage_in_bytes") && !strings.Contains(out, "memory.usage") {
		b.t.Errorf("metrics: %s", out)
	}
	b.want(0, "task", "kill", "-s", "KILL", "box")
	b.status("STOPPED")
	b.want(0, "task", "delete", "box")
	b.want(0, "container", "delete", "box")
}

// status waits until the one task has it: containerd hears of it later.
func (b *bed) status(want string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out := b.want(0, "task", "list")
		if strings.HasSuffix(out, want) {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("task list: %s, want %s", out, want)
		}
	}
}

func (b *bed) testCtrTerminal() {
	const size = `until [ "$(stty size)" = "30 100" ]; do sleep 0.05; done; tty; read x; echo "<$x>"; exit 5`
	b.dialogue(5, b.ctr("box", []string{"--rm", "-t"}, "sh", "-c", size))
}

func (b *bed) testCtrUsers() {
	flags := []string{"--rm", "--uidmap", "0:100000:70000", "--gidmap", "0:200000:70000"}
	b.says("0 100000 70000", b.ctr("box", flags, "sh", "-c", "echo $(cat /proc/self/uid_map)")...)
}
