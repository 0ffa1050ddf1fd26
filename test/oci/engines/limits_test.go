package engines_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"mydocker/internal/testenv"
)

func (b *bed) testPause() {
	b.want(0, b.run("-d", "--name=box", "sh", "-c", "while :; do date +%s%N >/tmp/now; sleep 0.02; done")...)
	b.waits("/tmp/now", "exec", "box", "ls", "/tmp/now")
	b.want(0, "pause", "box")
	b.says("paused", "inspect", "-f", "{{.State.Status}}", "box")
	if r := b.do("exec", "box", "true"); r.code == 0 {
		b.t.Errorf("a process joined one that is paused: %+v", r)
	}
	b.want(0, "unpause", "box")
	b.says("running", "inspect", "-f", "{{.State.Status}}", "box")
	before := b.want(0, "exec", "box", "cat", "/tmp/now")
	b.want(0, "exec", "box", "sh", "-c", "until [ $(cat /tmp/now) != "+before+" ]; do sleep 0.02; done")
}

// testUpdate changes limits of one that runs.
func (b *bed) testUpdate() {
	b.want(0, b.run("-d", "--name=box", "--memory=50m", "--pids-limit=30", "--cpus=0.5", "sleep", "1000")...)
	b.limits("52428800", "30", "50000")
	words := []string{"update", "--memory=64m", "--memory-swap=128m", "--cpus=0.7"}
	pids := "30"
	if b.isDocker() { // Podman's cannot change this one
		words, pids = append(words, "--pids-limit=40"), "40"
	}
	b.want(0, append(words, "box")...)
	b.limits("67108864", pids, "70000")
	b.says("up", "exec", "box", "echo", "up")
}

// limits compares those of the one container that there is.
func (b *bed) limits(memory, pids, quota string) {
	b.t.Helper()
	for _, c := range []struct{ v1, v2, want string }{
		{"memory/memory.limit_in_bytes", "memory.max", memory},
		{"pids/pids.max", "pids.max", pids},
		{"cpu/cpu.cfs_quota_us", "cpu.max", quota},
	} {
		if got, _, _ := strings.Cut(b.limit(c.v1, c.v2), " "); got != c.want {
			b.t.Errorf("%s is %s, want %s", c.v1, got, c.want)
		}
	}
}

// testMemory takes more than there is. The kernel kills the first process, and
// Docker's daemon hears of it; Podman's monitor looks at the v2 hierarchy of a
// hybrid machine, and does not.
func (b *bed) testMemory() {
	b.want(137, b.run("--name=box", "--memory=20m", "--memory-swap=20m", "sh", "-c", "exec tail -c 100m /dev/zero")...)
	b.says("137", "inspect", "-f", "{{.State.ExitCode}}", "box")
	if b.isDocker() || testenv.CgroupMode() != testenv.CgroupHybrid {
		b.waits("true", "inspect", "-f", "{{.State.OOMKilled}}", "box")
	}
}

func (b *bed) testProcesses() {
	r := b.do(b.run("--rm", "--pids-limit=10", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 2 & done; wait")...)
	if !strings.Contains(r.err, "can't fork") {
		b.t.Errorf("more processes than the limit: %+v", r)
	}
	b.want(0, b.run("-d", "--name=box", "--pids-limit=10", "sleep", "1000")...)
	if r := b.do("exec", "box", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 2 & done; wait"); !strings.Contains(r.err, "can't fork") {
		b.t.Errorf("exec is outside of the limit: %+v", r)
	}
}

// status is a shell command that prints fields of a process's status.
func status(names string) []string {
	return []string{"sh", "-c", "awk '/^(" + names + "):/ { printf \"%s \", $2 }' /proc/self/status"}
}

func (b *bed) testCapabilities() {
	const none, few = "0000000000000000", "0000000000002001" // CHOWN, NET_RAW
	b.says(none+" "+none, b.run(append([]string{"--rm", "--cap-drop=all"}, status("CapEff|CapBnd")...)...)...)
	added := append([]string{"--rm", "--cap-drop=all", "--cap-add=chown", "--cap-add=net_raw"}, status("CapEff|CapBnd")...)
	b.says(few+" "+few, b.run(added...)...)
	b.want(0, b.run("-d", "--name=box", "--cap-drop=all", "sleep", "1000")...)
	b.says(none+" "+none, append([]string{"exec", "box"}, status("CapEff|CapBnd")...)...)
	if mask, lacks := lacking(b.t); lacks {
		// What Docker's daemon asks for, the machine has not to give: that is
		// an error, and not a container with less.
		r := b.do(b.run("--rm", "--privileged", "true")...)
		if b.isDocker() && (r.code != 125 || !strings.Contains(strings.ToLower(r.err), "cap")) {
			b.t.Errorf("--privileged on a machine with the capabilities %x: %+v", mask, r)
		}
		if b.isDocker() {
			return
		}
	}
	b.says("rw", b.run("--rm", "--privileged", "sh", "-c", "awk '$2 == \"/proc/sys\" || $2 == \"/sys\" { print substr($4, 1, 2) }' /proc/mounts")...)
}

// lacking tells whether a capability that the kernel knows is not among those
// that this process may hand on.
func lacking(t *testing.T) (mask uint64, lacks bool) {
	t.Helper()
	last, err1 := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	text, err2 := os.ReadFile("/proc/self/status")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(last)))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "CapBnd:")
	if mask, err = strconv.ParseUint(strings.Fields(after)[0], 16, 64); err != nil {
		t.Fatal(err)
	}
	return mask, mask != 1<<(n+1)-1
}

func (b *bed) testSecurity() {
	b.says("0 2", b.run(append([]string{"--rm"}, status("NoNewPrivs|Seccomp")...)...)...)
	b.says("1 2", b.run(append([]string{"--rm", "--security-opt=no-new-privileges"}, status("NoNewPrivs|Seccomp")...)...)...)
	b.says("0 0", b.run(append([]string{"--rm", "--security-opt=seccomp=unconfined"}, status("NoNewPrivs|Seccomp")...)...)...)
	b.want(0, b.run("-d", "--name=box", "--security-opt=no-new-privileges", "sleep", "1000")...)
	b.says("1 2", append([]string{"exec", "box"}, status("NoNewPrivs|Seccomp")...)...)
	if b.isDocker() { // Podman's profile allows it
		b.want(1, "exec", "box", "unshare", "-U", "true")
	}
	b.says("", "exec", "box", "cat", "/proc/timer_list")
	b.want(1, "exec", "box", "sh", "-c", "echo 1 >/proc/sys/kernel/printk")
}

// testKilled has the container's process die by another's hand.
func (b *bed) testKilled() {
	b.want(0, b.run("-d", "--name=box", "sleep", "1000")...)
	pid := b.want(0, "inspect", "-f", "{{.State.Pid}}", "box")
	if out, err := b.Command("kill", "-9", pid).CombinedOutput(); err != nil {
		b.t.Fatalf("kill: %v\n%s", err, out)
	}
	b.says("137", "wait", "box")
	b.waits("exited 137", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "box")
	b.want(0, "rm", "box")
	b.want(0, b.run("-d", "--name=box", "sleep", "1000")...)
	b.want(0, append(b.remove, "box")...)
}

// testAgain starts one that has ended.
func (b *bed) testAgain() {
	b.want(0, b.run("--name=box", "sh", "-c", "echo once >>/tmp/file; wc -l </tmp/file")...)
	b.says("2", "start", "-a", "box")
	b.want(0, "rm", "box")
	b.want(0, b.run("-d", "--name=box", "sleep", "1000")...)
	b.want(0, "restart", "-t", "0", "box")
	b.says("true", "inspect", "-f", "{{.State.Running}}", "box")
}

// testJoined has a container in the namespaces of another.
func (b *bed) testJoined() {
	b.want(0, b.run("-d", "--name=box", "--ipc=shareable", "sleep", "1000")...)
	out := b.want(0, b.run("--rm", "--pid=container:box", "--ipc=container:box", "sh", "-c", "ps; readlink /proc/self/ns/ipc; readlink /proc/1/ns/ipc")...)
	lines := strings.Split(out, "\n")
	if !strings.Contains(out, "sleep 1000") || len(lines) < 2 || lines[len(lines)-1] != lines[len(lines)-2] {
		b.t.Errorf("in the namespaces of another: %s", out)
	}
}
