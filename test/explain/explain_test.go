package explain_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"mydocker/internal/testenv"
)

// look prints what can be seen of a container from inside, in a form that two
// containers with the same plan share. Link-local addresses come in the
// kernel's own time and are left out.
const look = `
echo "== mounts"; sed -E 's/^[0-9]+ [0-9]+ [0-9]+:[0-9]+ //; s/ (master|shared|propagate_from):[0-9]+//g; s/ - ([^ ]+) .*/ - \1/' /proc/self/mountinfo | sort
echo "== links"; ls -l /dev | sed -E 's/^(.{10}) +[0-9]+ +/\1 /; s/ [A-Z][a-z]{2} +[0-9]+ +[0-9:]+ / /' | grep -v ^total
echo "== status"; grep -E '^(Cap|NoNewPrivs|Uid|Gid|Groups|Umask)' /proc/self/status
echo "== identity"; id -u; id -g; hostname; cat /proc/sys/kernel/domainname; pwd
echo "== environment"; tr '\0' '\n' < /proc/self/environ | sort
echo "== limits"; cat /proc/self/limits
echo "== oom"; cat /proc/self/oom_score_adj
echo "== session"; s=$(cut -d' ' -f6 /proc/self/stat); [ $s = $$ ] && echo own; [ $s = $PPID ] && echo of the parent
echo "== descriptors"; ls /proc/$$/fd
echo "== cgroup"; sed -E 's/^[0-9]+://' /proc/self/cgroup | sort
for f in memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes memory/memory.soft_limit_in_bytes memory/memory.swappiness memory/memory.oom_control \
  cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpuset/cpuset.cpus cpuset/cpuset.mems pids/pids.max devices/devices.list \
  blkio/blkio.weight blkio/blkio.throttle.read_bps_device blkio/blkio.throttle.write_bps_device blkio/blkio.throttle.read_iops_device blkio/blkio.throttle.write_iops_device; do
  if [ -r /sys/fs/cgroup/$f ]; then echo "$f:"; grep -v -E '^(oom_kill|under_oom) ' /sys/fs/cgroup/$f; fi
done
echo "== files"; for f in /etc/hosts /etc/hostname /etc/resolv.conf; do echo "$f:"; cat $f; done
echo "== network"; ip -o addr show | grep -v 'inet6 fe80:' | sed -E 's/^[0-9]+: //; s/@[^ ]+//; s/valid_lft.*//'; ip route | sed 's/ linkdown//'; cat /sys/class/net/*/address 2>/dev/null
echo "== sysctl"; cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range /proc/sys/kernel/shm_rmid_forced /proc/sys/kernel/msgmax
echo "== namespaces"; for n in mnt uts ipc net pid cgroup user time; do a=$(readlink /proc/self/ns/$n); case " $HOST_NS " in *" $a "*) echo "$n host" ;; *) echo "$n own" ;; esac; done
echo "== done"
`

// changing replaces what differs between any two containers.
var changing = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`[0-9a-f]{64}`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "SHORTID"},
	{regexp.MustCompile(`\b10\.\d+\.\d+\.[1-9]\d*\b`), "ADDRESS"},
	{regexp.MustCompile(`02:42(:[0-9a-f]{2}){4}`), "MAC"},
}

// TestMain keeps descriptors that the test was started with from its children:
// a script cannot close those of two digits.
func TestMain(m *testing.M) {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	for _, f := range fds {
		if n, err := strconv.Atoi(f.Name()); err == nil && n > 2 {
			syscall.CloseOnExec(n)
		}
	}
	os.Exit(m.Run())
}

func normal(s string) string {
	for _, c := range changing {
		s = c.re.ReplaceAllString(s, c.with)
	}
	return s
}

// TestScriptsMakeTheSameContainer runs each container twice, once by the
// engine and once by the script that --explain prints, and compares what is
// seen inside.
func TestScriptsMakeTheSameContainer(t *testing.T) {
	testenv.Root(t)
	for _, tool := range []string{"unshare", "nsenter", "setpriv", "pivot_root", "prlimit", "findmnt", "ip", "nft", "mknod"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the scripts need %s", tool)
		}
	}
	for _, c := range cases(t) {
		t.Run(c.name, func(t *testing.T) { compare(t, c.flags) })
	}
}

func compare(t *testing.T, flags []string) {
	testenv.NetNS(t)
	env := testenv.NewEngine(t)
	// The first containers make what stays: directories, the bridge, caches.
	output(t, env.Command(t, "run", "--rm", "host", "true"))
	output(t, env.Command(t, slices.Concat([]string{"run"}, flags, []string{"host", "true"})...))
	testenv.Reaped(t, "veth")
	testenv.Leaks(t, env.Root, env.State)
	probe := []string{"-e", "HOST_NS=" + hostNamespaces(t), "host", "/bin/sh", "-c", look}
	run := slices.Concat([]string{"run"}, flags, probe)
	engine := output(t, env.Command(t, run...))
	script := output(t, env.Command(t, slices.Concat([]string{"run", "--explain"}, flags, probe)...))
	file := filepath.Join(t.TempDir(), "script.sh")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	shell := output(t, exec.Command("/bin/sh", file))
	if !strings.Contains(engine, "== done") {
		t.Fatalf("the engine's container did not end its report:\n%s", engine)
	}
	if a, b := normal(engine), normal(shell); a != b {
		t.Errorf("engine and script differ:\n%s", difference(a, b))
	}
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s\n%s", cmd.Path, err, tail(out.String()), tail(errs.String()))
	}
	return out.String()
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// hostNamespaces lists the test's own namespaces, as the containers' probe compares them.
func hostNamespaces(t *testing.T) string {
	var all []string
	for _, n := range []string{"mnt", "uts", "ipc", "net", "pid", "cgroup", "user", "time"} {
		l, err := os.Readlink("/proc/thread-self/ns/" + n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return strings.Join(all, " ")
}

// difference lists the lines that only one side has.
func difference(a, b string) string {
	var out strings.Builder
	left, right := count(a), count(b)
	for _, l := range strings.Split(a, "\n") {
		if left[l] > right[l] {
			fmt.Fprintf(&out, "engine: %s\n", l)
		}
	}
	for _, l := range strings.Split(b, "\n") {
		if right[l] > left[l] {
			fmt.Fprintf(&out, "script: %s\n", l)
		}
	}
	return out.String()
}

func count(s string) map[string]int {
	n := map[string]int{}
	for _, l := range strings.Split(s, "\n") {
		n[l]++
	}
	return n
}
