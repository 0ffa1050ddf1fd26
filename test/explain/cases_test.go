package explain_test

import (
	"os"
	"path/filepath"
	"testing"
)

type flagCase struct {
	name  string
	flags []string
}

// cases has one container for each flag that changes it, and one with many at once.
func cases(t *testing.T) []flagCase {
	dir := t.TempDir()
	sub := filepath.Join(dir, "sub")
	if err := os.MkdirAll(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("from the host\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	rm := func(flags ...string) []string { return append([]string{"--rm"}, flags...) }
	none := func(flags ...string) []string { return rm(append([]string{"--network", "none"}, flags...)...) }
	return []flagCase{
		{"bridge", rm()},
		{"none", none()},
		{"network host", rm("--network", "host")},
		{"namespaces of the host", none("--pid", "host", "--ipc", "host", "--uts", "host", "--cgroupns", "host")},
		{"memory", none("--memory", "100m", "--memory-reservation", "50m", "--memory-swap", "150m", "--memory-swappiness", "10")},
		{"cpu", none("--cpus", "0.5", "--cpu-shares", "512", "--cpuset-cpus", "0", "--cpuset-mems", "0")},
		{"cpu quota", none("--cpu-period", "50000", "--cpu-quota", "20000")},
		{"pids", none("--pids-limit", "50")},
		{"oom", none("--oom-score-adj", "200", "--memory", "64m", "--oom-kill-disable")},
		{"ulimit", none("--ulimit", "nofile=100:200", "--ulimit", "core=0")},
		{"capabilities", none("--cap-drop", "ALL", "--cap-add", "NET_ADMIN")},
		{"no capabilities", none("--cap-drop", "ALL")},
		{"user", none("--user", "1234:2345", "--group-add", "7", "--group-add", "audio")},
		{"privileged", none("--privileged")},
		{"read-only", none("--read-only", "--tmpfs", "/tmp")},
		{"no new privileges", none("--security-opt", "no-new-privileges")},
		{"unconfined", none("--security-opt", "seccomp=unconfined", "--security-opt", "systempaths=unconfined")},
		{"volumes", none("-v", dir+":/data", "-v", sub+":/data/sub:ro", "-v", file+":/etc/motd:ro", "--mount", "type=bind,source="+sub+",target=/deep/er/still")},
		{"tmpfs", none("--tmpfs", "/scratch:size=1m,mode=700", "--mount", "type=tmpfs,target=/more,tmpfs-size=65536")},
		{"names", none("--hostname", "box", "--domainname", "example.test", "--add-host", "db:10.9.8.7", "--dns", "192.0.2.1", "--dns-search", "example.test", "--dns-option", "ndots:2")},
		{"devices", none("--device", "/dev/null:/dev/mynull:r", "--device-cgroup-rule", "c 10:200 rwm")},
		{"shm", none("--shm-size", "8m")},
		{"sysctl", rm("--sysctl", "net.ipv4.ip_forward=1", "--sysctl", "kernel.msgmax=16384")},
		{"environment", none("-e", "A=b c", "-e", "QUOTE=it's", "--workdir", "/new/dir")},
		{"block i/o", none("--device-read-bps", blockDevice(t)+":1mb", "--device-write-iops", blockDevice(t)+":100")},
		{"time", none("--time-offset", "monotonic=+24h", "--time-offset", "boottime=-1m")},
		{"init", none("--init")},
		{"everything", rm("--memory", "200m", "--cpus", "0.5", "--pids-limit", "100", "--hostname", "all", "--user", "1000:1000",
			"--cap-add", "SYS_PTRACE", "--cap-drop", "MKNOD", "--read-only", "--tmpfs", "/run", "-v", dir+":/data:ro", "--shm-size", "16m",
			"--ulimit", "nproc=500", "--security-opt", "no-new-privileges", "--oom-score-adj", "100", "-w", "/data", "--dns", "192.0.2.1")},
	}
}

// blockDevice returns some block device of this machine.
func blockDevice(t *testing.T) string {
	names, err := filepath.Glob("/dev/[vsn][dv]*[a-z0-9]")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range append(names, "/dev/loop0") {
		if st, err := os.Stat(n); err == nil && st.Mode()&os.ModeDevice != 0 && st.Mode()&os.ModeCharDevice == 0 {
			return n
		}
	}
	t.Skip("no block device")
	return ""
}
