package limits_test

import (
	"bytes"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"mydocker/internal/testenv"
)

// bed is an engine in a network namespace of the test's own.
type bed struct {
	t   *testing.T
	env testenv.Engine
}

func open(t *testing.T) bed {
	testenv.Root(t)
	testenv.NetNS(t)
	b := bed{t, testenv.NewEngine(t)}
	b.run("--rm", "host", "true") // makes what stays
	testenv.Leaks(t)
	return b
}

// run runs a container without a network; it returns its output and exit code.
func (b bed) run(args ...string) (string, int) {
	b.t.Helper()
	return b.command(append([]string{"run", "--network", "none"}, args...)...)
}

func (b bed) command(args ...string) (string, int) {
	b.t.Helper()
	cmd := b.env.Command(b.t, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() == 125 {
		b.t.Fatalf("mydocker %v: %v\n%s", args, err, errs.String())
	}
	b.t.Log(strings.TrimSpace(errs.String()))
	return strings.TrimSpace(out.String()), cmd.ProcessState.ExitCode()
}

// file is the place of a limit as the container sees it.
func file(v1, v2 string) string {
	if testenv.CgroupMode() == testenv.CgroupV2 {
		return "/sys/fs/cgroup/" + v2
	}
	return "/sys/fs/cgroup/" + v1
}

func TestV2MemoryKills(t *testing.T) {
	b := open(t)
	// tail keeps what it reads until there is a new line: there is none.
	_, code := b.run("--name", "hungry", "--memory", "32m", "--memory-swap", "32m", "host", "sh", "-c", "head -c 200m /dev/zero | tail; exit $?")
	if code == 0 {
		t.Error("200 MB fit in 32 MB")
	}
	if out, _ := b.command("inspect", "-f", "{{.State.OOMKilled}}", "hungry"); out != "true" {
		t.Errorf("OOMKilled is %q", out)
	}
	b.command("rm", "hungry")
	if out, code := b.run("--rm", "--memory", "32m", "host", "echo", "fits"); out != "fits" || code != 0 {
		t.Errorf("a small program: %q, %d", out, code)
	}
}

func TestV2MemoryLimitIsWritten(t *testing.T) {
	b := open(t)
	out, _ := b.run("--rm", "--memory", "100m", "host", "cat", file("memory/memory.limit_in_bytes", "memory.max"))
	if out != strconv.Itoa(100<<20) {
		t.Errorf("the limit is %q", out)
	}
}

func TestV2PidsStop(t *testing.T) {
	b := open(t)
	out, _ := b.run("--rm", "--pids-limit", "20", "host", "sh", "-c",
		"for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do sleep 30 & done 2>/dev/null; cat "+file("pids/pids.current", "pids.current"))
	// The shell ends at the fork that failed, or goes on with cat: both are in the limit.
	if n, err := strconv.Atoi(out); err == nil && n > 20 {
		t.Errorf("%d processes in a limit of 20", n)
	}
	out, _ = b.run("--rm", "--pids-limit", "20", "host", "sh", "-c", "cat "+file("pids/pids.max", "pids.max"))
	if out != "20" {
		t.Errorf("the limit is %q", out)
	}
	if _, code := b.run("--rm", "--pids-limit", "5", "host", "sh", "-c", "sleep 30 & sleep 30 & sleep 30 & sleep 30 & sleep 30 & sleep 30 & kill $(jobs -p)"); code == 0 {
		t.Error("six more processes fit in a limit of five")
	}
}

func TestV2HalfACPUIsThrottled(t *testing.T) {
	b := open(t)
	spin := "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; grep nr_throttled " + file("cpu/cpu.stat", "cpu.stat")
	out, _ := b.run("--rm", "--cpus", "0.1", "host", "sh", "-c", spin)
	n, err := strconv.Atoi(strings.TrimPrefix(out, "nr_throttled "))
	if err != nil || n == 0 {
		t.Errorf("a busy loop on a tenth of a CPU was not held back: %q", out)
	}
	if out, _ = b.run("--rm", "host", "sh", "-c", spin); out != "nr_throttled 0" {
		t.Errorf("without a limit: %q", out)
	}
}

func TestV2Cpuset(t *testing.T) {
	b := open(t)
	out, _ := b.run("--rm", "--cpuset-cpus", "0", "host", "sh", "-c", "grep Cpus_allowed_list /proc/self/status")
	if strings.Join(strings.Fields(out), " ") != "Cpus_allowed_list: 0" {
		t.Errorf("allowed: %q", out)
	}
}

func TestV2Devices(t *testing.T) {
	b := open(t)
	out, _ := b.run("--rm", "--cap-add", "SYS_ADMIN", "host", "sh", "-c",
		"mknod /k c 1 11; head -c1 /k 2>&1; mknod /z c 1 5; head -c1 /z | wc -c; mknod /h b 254 0; head -c1 /h 2>&1")
	if n := strings.Count(out, "Operation not permitted"); n != 2 || !strings.Contains(out, "1") {
		t.Errorf("kmsg and a disk are to be refused, zero is not:\n%s", out)
	}
	if out, _ = b.run("--rm", "--device", "/dev/fuse:/dev/k:r", "host", "sh", "-c", "head -c0 /dev/k && echo read; (echo >> /dev/k) 2>&1"); !strings.HasPrefix(out, "read") || !strings.Contains(out, "not permitted") {
		t.Errorf("--device with r: %q", out)
	}
	if out, _ = b.run("--rm", "--privileged", "host", "sh", "-c", "mknod /k c 1 11; head -c0 /k && echo read"); out != "read" {
		t.Errorf("privileged: %q", out)
	}
}

func TestV2OtherLimits(t *testing.T) {
	b := open(t)
	out, _ := b.run("--rm", "--cpu-shares", "512", "--memory-reservation", "20m", "--oom-score-adj", "321", "--ulimit", "nofile=77:88", "--sysctl", "kernel.msgmax=4321",
		"host", "sh", "-c", "cat "+file("cpu/cpu.shares", "cpu.weight")+" "+file("memory/memory.soft_limit_in_bytes", "memory.low")+" /proc/self/oom_score_adj; ulimit -Sn; ulimit -Hn; cat /proc/sys/kernel/msgmax")
	shares := "512"
	if testenv.CgroupMode() == testenv.CgroupV2 {
		shares = "59"
	}
	if want := shares + "\n20971520\n321\n77\n88\n4321"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestV2ForkBombLeavesNothing(t *testing.T) {
	b := open(t)
	b.run("--rm", "--pids-limit", "50", "host", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do (while :; do sleep 0.01 & done) 2>/dev/null & done; sleep 0.3; kill -9 -1")
	// What testenv.Leaks finds afterwards would be the failure.
}
