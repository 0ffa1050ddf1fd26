package behaviour_test

import (
	"os"
	"strings"
	"testing"
)

func TestDescriptorsOfTheHostAreClosed(t *testing.T) {
	b := newBed(t)
	// 3 is the directory that ls itself reads.
	b.equal(b.run("sh", "-c", "ls /proc/self/fd | tr '\n' ' '"), "0 1 2 3")
	extra, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	cmd := b.command("run", "--rm", "--rootfs", b.rootfs, "sh", "-c", "ls /proc/1/fd | tr '\n' ' '")
	cmd.ExtraFiles = []*os.File{extra, extra}
	if got := strings.TrimSpace(b.want(0, b.finish(cmd))); got != "0 1 2" && got != "0 1 2 3" {
		t.Errorf("the first process has descriptors %s", got)
	}
	out := b.want(0, b.run("sh", "-c", "for f in /proc/1/fd/*; do readlink $f; done; true"))
	if strings.Contains(out, b.Root) || strings.Contains(out, "cgroup") {
		t.Errorf("there is a way to the host: %s", out)
	}
}

func TestReadOnlyRoot(t *testing.T) {
	b := newBed(t)
	r := b.run("--read-only", "touch", "/x")
	b.want(1, r)
	b.contains(r.err, "Read-only file system")
	b.want(0, b.run("--read-only", "--tmpfs=/tmp", "touch", "/tmp/x", "/dev/shm/x"))
}

func TestMaskedPathsCannotBeRead(t *testing.T) {
	b := newBed(t)
	for _, path := range []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug"} {
		if _, err := os.Stat(path); err == nil {
			b.equal(b.run("sh", "-c", "head -c 100 "+path+" | wc -c"), "0")
		}
	}
	for _, dir := range []string{"/proc/acpi", "/sys/firmware", "/proc/scsi"} {
		if _, err := os.Stat(dir); err == nil {
			b.equal(b.run("ls", "-A", dir), "")
		}
	}
	out := b.want(0, b.run("--security-opt=systempaths=unconfined", "sh", "-c", "ls -A /sys/firmware; head -c 100 /proc/timer_list"))
	if out == "" {
		t.Error("without masks nothing is to be read either")
	}
}

func TestProcAndSysAreReadOnly(t *testing.T) {
	b := newBed(t)
	for _, path := range []string{"/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/proc/irq/default_smp_affinity"} {
		if _, err := os.Stat(path); err == nil {
			b.contains(b.run("sh", "-c", "echo x >"+path).err, "Read-only file system")
		}
	}
	b.contains(b.run("mkdir", "/sys/fs/cgroup/x").err, "Read-only file system")
	b.equal(b.run("--sysctl=kernel.msgmax=4321", "cat", "/proc/sys/kernel/msgmax"), "4321")
}

func TestHostImageIsACopy(t *testing.T) {
	b := newBed(t)
	const marker = "/marker-of-a-container"
	b.equal(b.host("sh", "-c", "echo inside >"+marker+"; cat "+marker+"; rm -f /etc/hostname; echo x >>/etc/passwd"), "inside")
	if _, err := os.Stat(marker); err == nil {
		os.Remove(marker)
		t.Error("what a container wrote is on the host")
	}
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil || strings.HasSuffix(string(passwd), "\nx\n") {
		t.Errorf("the host's passwd: %v, %q", err, passwd)
	}
}

func TestHostImageHidesSecrets(t *testing.T) {
	b := newBed(t)
	b.equal(b.host("sh", "-c", "cat /etc/shadow 2>/dev/null | wc -c"), "0")
	b.equal(b.host("sh", "-c", "ls -A /root/.ssh 2>/dev/null | wc -l"), "0")
	if out := b.want(0, b.host("--security-opt=hostsecrets=visible", "cat", "/etc/shadow")); !strings.Contains(out, "root:") {
		t.Error("asked for, they are not seen either")
	}
}

func TestCapabilities(t *testing.T) {
	b := newBed(t)
	const show = "grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | cut -f2 | tr '\n' ' '"
	const none, all = "0000000000000000 ", "00000000a80425fb "
	b.equal(b.run("sh", "-c", show), strings.TrimSpace(none+all+all+all+none))
	b.equal(b.run("--user=1000", "sh", "-c", show), strings.TrimSpace(none+none+none+all+none))
	b.equal(b.run("--cap-drop=all", "sh", "-c", show), strings.TrimSpace(strings.Repeat(none, 5)))
	const chown = "0000000000000001 "
	b.equal(b.run("--cap-drop=ALL", "--cap-add=CHOWN", "sh", "-c", show), strings.TrimSpace(none+chown+chown+chown+none))
	b.want(1, b.run("mount", "-t", "tmpfs", "none", "/mnt"))
	b.want(0, b.run("--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined", "mount", "-t", "tmpfs", "none", "/mnt"))
}

func TestNoNewPrivileges(t *testing.T) {
	b := newBed(t)
	b.equal(b.run("grep", "NoNewPrivs", "/proc/self/status"), "NoNewPrivs:\t0")
	b.equal(b.run("--security-opt=no-new-privileges", "grep", "NoNewPrivs", "/proc/self/status"), "NoNewPrivs:\t1")
}

func TestSeccomp(t *testing.T) {
	b := newBed(t)
	b.equal(b.run("grep", "Seccomp:", "/proc/self/status"), "Seccomp:\t2")
	r := b.run("unshare", "-U", "true")
	if r.code == 0 {
		t.Error("a user namespace can be made")
	}
	b.contains(r.err, "Operation not permitted")
	b.want(0, b.run("--security-opt=seccomp=unconfined", "unshare", "-U", "true"))
	b.equal(b.run("--security-opt=seccomp=unconfined", "grep", "Seccomp:", "/proc/self/status"), "Seccomp:\t0")
}

func TestNamespacesAreTheContainersOwn(t *testing.T) {
	b := newBed(t)
	const list = "for n in mnt uts ipc net pid cgroup; do readlink /proc/self/ns/$n; done"
	for ns := range strings.Lines(b.want(0, b.run("sh", "-c", list))) {
		kind, _, _ := strings.Cut(ns, ":")
		if host, _ := os.Readlink("/proc/thread-self/ns/" + kind); host == strings.TrimSpace(ns) {
			t.Errorf("the container is in the host's %s", host)
		}
	}
	// The shell lists the processes before it starts any.
	b.equal(b.run("sh", "-c", "echo $$ /proc/[0-9]*; true"), "1 /proc/1")
}
