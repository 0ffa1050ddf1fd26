package engines_test

import (
	"os"
	"strings"
	"testing"
	"time"
)

// podmansDefaults replace limits of open files and processes that may be higher
// than those of this process.
const podmansDefaults = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`

func TestPodman(t *testing.T) {
	b := newBed(t, "podman")
	b.preparePodman()
	b.all()
	t.Run("users", func(t *testing.T) { b.in(t).testUsers() })
	t.Run("nothing stays", func(t *testing.T) {
		b := b.in(t)
		b.base = nil
		b.says("", b.runtime, "list", "-q")
	})
}

func (b *bed) preparePodman() {
	b.t.Helper()
	config := b.Dir + "/containers.conf"
	if err := os.WriteFile(b.Path(config), []byte(podmansDefaults), 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.env = []string{"CONTAINERS_CONF=" + config}
	b.base = []string{"podman", "--root", b.Dir + "/root", "--runroot", b.Dir + "/run", "--tmpdir", b.Dir + "/tmp",
		"--storage-driver", "overlay", "--runtime", b.runtime}
	b.flags = []string{"--network=none", "--cgroups=no-conmon", "--cgroup-parent=/" + parent}
	b.remove = []string{"rm", "-f", "-t", "0"}
	b.want(0, "import", archive(b.t), "busybox")
	b.want(0, b.run("--rm", "true")...)
	b.Leaks() // its storage has a mount of its own from here on
}

// testUsers is a container whose root is an ordinary user outside.
func (b *bed) testUsers() {
	mapped := []string{"--uidmap=0:100000:70000", "--gidmap=0:200000:70000"}
	b.says("0 0", b.run(append(append([]string{"--rm"}, mapped...), "sh", "-c", "echo $(id -u) $(id -g)")...)...)
	b.want(0, b.run(append(append([]string{"-d", "--name=box"}, mapped...), "sh", "-c", "sleep 1000")...)...)
	b.says("0", "exec", "box", "id", "-u")
	b.says("0 100000 70000", "exec", "box", "sh", "-c", "echo $(cat /proc/self/uid_map)")
	pid := b.want(0, "inspect", "-f", "{{.State.Pid}}", "box")
	out, err := b.Command("stat", "-c", "%u %g", "/proc/"+pid).Output()
	if err != nil || string(out) != "100000 200000\n" {
		b.t.Errorf("outside it belongs to %s, %v", out, err)
	}
	// Podman 4.3 fails now and then to remove one with users of its own, with runc
	// as often: its own cleanup after the end has not unmounted everything yet.
	for try := 0; try < 5 && strings.Contains(b.do(append(b.remove, "box")...).err, "resource busy"); try++ {
		time.Sleep(100 * time.Millisecond)
	}
	b.says("", "ps", "-aq")
}
