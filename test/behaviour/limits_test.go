package behaviour_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"mydocker/internal/testenv"
)

// fill takes more than 100 MB of memory: a variable of a shell grows.
const fill = "x=0123456789abcdef; while :; do x=$x$x; done"

func TestMemoryLimitKills(t *testing.T) {
	b := newBed(t)
	b.want(137, b.do("run", "--name=eater", "--memory=16m", "--memory-swap=16m", "--rootfs", b.rootfs, "sh", "-c", fill))
	b.equal(b.do("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Status}}", "eater"), "true 137 exited")
	b.want(0, b.do("rm", "eater"))
	b.want(0, b.do("run", "--name=modest", "--memory=16m", "--rootfs", b.rootfs, "true"))
	b.equal(b.do("inspect", "-f", "{{.State.OOMKilled}}", "modest"), "false")
}

func TestPidsLimitStopsForks(t *testing.T) {
	b := newBed(t)
	r := b.run("--pids-limit=8", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 100 & done; echo not reached")
	if r.code == 0 || strings.Contains(r.out, "not reached") {
		t.Errorf("ten children with a limit of eight: exit code %d, %q", r.code, r.out)
	}
	b.contains(r.err, "can't fork")
	b.want(0, b.run("--pids-limit=20", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 100 & done"))
}

// TestCPULimitThrottles works until the kernel has made the container wait, and
// would for ever without a limit: the number of periods bounds it.
func TestCPULimitThrottles(t *testing.T) {
	b := newBed(t)
	const work = `
stat=$(ls /sys/fs/cgroup/cpu/cpu.stat /sys/fs/cgroup/cpu.stat 2>/dev/null | head -n1)
n=0
while [ $n -lt 100000 ]; do
	n=$((n+1))
	while read -r name value; do
		[ $name = nr_throttled ] && [ $value -gt 2 ] && exit 0
	done <$stat
done
cat $stat; exit 1`
	b.want(0, b.run("--cpus=0.1", "sh", "-c", work))
}

func TestCPULimitIsWritten(t *testing.T) {
	b := newBed(t)
	const show = "cat /sys/fs/cgroup/cpu.max 2>/dev/null || echo $(cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us)"
	b.equal(b.run("--cpus=0.5", "sh", "-c", show), "50000 100000")
	b.equal(b.run("--cpu-quota=20000", "--cpu-period=40000", "sh", "-c", show), "20000 40000")
	b.equal(b.run("--cpuset-cpus=0", "sh", "-c", "grep Cpus_allowed_list /proc/self/status"), "Cpus_allowed_list:\t0")
}

func TestDevicesOutsideTheListCannotBeOpened(t *testing.T) {
	b := newBed(t)
	// A node can be made, but not opened: 1:11 is kmsg, 1:3 null.
	r := b.run("sh", "-c", "mknod /kmsg c 1 11 && mknod /null c 1 3 && echo x >/null && echo made && echo x >/kmsg")
	b.contains(r.out, "made")
	b.contains(r.err, "Operation not permitted")
	if r.code == 0 {
		t.Error("kmsg was opened")
	}
	b.want(0, b.run("--device-cgroup-rule=c 1:11 rwm", "sh", "-c", "mknod /kmsg c 1 11 && : >/kmsg"))
	b.want(0, b.run("--device=/dev/kmsg", "sh", "-c", ": >/dev/kmsg"))
	b.want(0, b.run("--device=/dev/kmsg:/dev/other:w", "sh", "-c", ": >/dev/other"))
	b.contains(b.run("--device=/dev/kmsg:/dev/other:r", "sh", "-c", ": >/dev/other").err, "Operation not permitted")
}

func TestDevicesAreTheFew(t *testing.T) {
	b := newBed(t)
	b.equal(b.run("sh", "-c", "cd /dev; echo *"), "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero")
	b.equal(b.run("sh", "-c", "stat -c '%a %t:%T' /dev/null /dev/tty"), "666 1:3\n666 5:0")
}

func TestUlimit(t *testing.T) {
	b := newBed(t)
	b.equal(b.run("--ulimit=nofile=100:200", "sh", "-c", "ulimit -Sn; ulimit -Hn"), "100\n200")
	b.equal(b.run("--oom-score-adj=500", "cat", "/proc/self/oom_score_adj"), "500")
}

// TestLimitsAreOnTheHost looks at a running container's group from outside.
func TestLimitsAreOnTheHost(t *testing.T) {
	if testenv.CgroupMode() == testenv.CgroupV2 {
		t.Skip("the files have other names in version 2")
	}
	b := newBed(t)
	g := b.start("--rm", "--name=limited", "--memory=64m", "--pids-limit=33", "echo up >/ready; exec sleep 1000")
	pid := strings.TrimSpace(b.want(0, b.do("inspect", "-f", "{{.State.Pid}}", "limited")))
	groups, err := os.ReadFile("/proc/" + pid + "/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"memory": "memory.limit_in_bytes " + strconv.Itoa(64<<20), "pids": "pids.max 33"}
	for line := range strings.Lines(string(groups)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		file, value, ok := strings.Cut(want[f[1]], " ")
		if !ok {
			continue
		}
		delete(want, f[1])
		got, err := os.ReadFile("/sys/fs/cgroup/" + f[1] + f[2] + "/" + file)
		if err != nil || strings.TrimSpace(string(got)) != value {
			t.Errorf("%s is %q, %v, want %s", file, got, err, value)
		}
	}
	if len(want) > 0 {
		t.Errorf("there is no group for %v in %s", want, groups)
	}
	b.want(0, b.do("rm", "-f", "limited"))
	if code := g.code(); code != 137 {
		t.Errorf("a removed container ends with %d", code)
	}
}
