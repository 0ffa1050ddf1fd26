package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// An image is the same small root filesystem in the forms that the entrants
// take.
type image struct {
	dir    string // the benchmark's directory
	rootfs string
	tar    string // the archive of rootfs
	bundle string // of the OCI runtime specification; its root is rootfs
	asleep string // the same, whose command sleeps
}

// What everybody is told to limit, and the bundle has.
const (
	memoryLimit = 512 << 20
	pidsLimit   = 100
)

func makeImage(dir string) (image, error) {
	im := image{
		dir:    dir,
		rootfs: filepath.Join(dir, "rootfs"),
		tar:    filepath.Join(dir, "rootfs.tar"),
		bundle: filepath.Join(dir, "bundle"),
		asleep: filepath.Join(dir, "asleep"),
	}
	if err := im.makeRootfs(); err != nil {
		return im, fmt.Errorf("making the root filesystem: %w", err)
	}
	if out, err := exec.Command("tar", "-C", im.rootfs, "-cf", im.tar, ".").CombinedOutput(); err != nil {
		return im, fmt.Errorf("tar: %w: %s", err, out)
	}
	return im, errors.Join(im.makeBundle(im.bundle, "true"), im.makeBundle(im.asleep, sleep...))
}

func (im image) makeRootfs() error {
	for _, d := range []string{"bin", "dev", "etc", "proc", "sys", "tmp"} {
		if err := os.MkdirAll(filepath.Join(im.rootfs, d), 0o755); err != nil {
			return err
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	code, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(im.rootfs, "bin/busybox"), code, 0o755); err != nil {
		return err
	}
	for _, applet := range []string{"sh", "true", "sleep"} {
		if err := os.Symlink("busybox", filepath.Join(im.rootfs, "bin", applet)); err != nil {
			return err
		}
	}
	passwd := filepath.Join(im.rootfs, "etc/passwd")
	return os.WriteFile(passwd, []byte("root:x:0:0:root:/:/bin/sh\n"), 0o644)
}

func (im image) makeBundle(dir string, command ...string) error {
	spec := im.spec()
	spec.Process.Args, spec.Linux.CgroupsPath = command, "/mydocker-bench/"+filepath.Base(dir)
	profile, err := seccomp.GetDefaultProfile(spec)
	if err != nil {
		return fmt.Errorf("docker's seccomp profile: %w", err)
	}
	spec.Linux.Seccomp = profile
	data, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644)
}

// spec is what Docker would write for `docker run --network none`, without its
// overlay and its files in /etc. Its version is the newest that Debian's crun
// takes.
func (im image) spec() *specs.Spec {
	caps := []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
		"CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
	}
	return &specs.Spec{
		Version:  "1.0.2",
		Hostname: "bench",
		Root:     &specs.Root{Path: im.rootfs},
		Process: &specs.Process{
			Cwd:          "/",
			Env:          []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
			Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
		},
		Mounts: []specs.Mount{
			mount("proc", "/proc", "proc", "nosuid", "noexec", "nodev"),
			mount("tmpfs", "/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
			mount("devpts", "/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
			mount("sysfs", "/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
			mount("cgroup", "/sys/fs/cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
			mount("mqueue", "/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
			mount("tmpfs", "/dev/shm", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=67108864"),
		},
		Linux: linuxSpec(),
	}
}

func mount(kind, at, source string, options ...string) specs.Mount {
	return specs.Mount{Type: kind, Destination: at, Source: source, Options: options}
}

func linuxSpec() *specs.Linux {
	var spaces []specs.LinuxNamespace
	for _, kind := range []specs.LinuxNamespaceType{
		specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace,
		specs.UTSNamespace, specs.MountNamespace, specs.CgroupNamespace,
	} {
		spaces = append(spaces, specs.LinuxNamespace{Type: kind})
	}
	memory, pids := int64(memoryLimit), int64(pidsLimit)
	return &specs.Linux{
		Namespaces: spaces,
		Resources: &specs.LinuxResources{
			Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}},
			Memory:  &specs.LinuxMemory{Limit: &memory},
			Pids:    &specs.LinuxPids{Limit: &pids},
		},
		MaskedPaths: []string{
			"/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
			"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
		},
		ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
	}
}
