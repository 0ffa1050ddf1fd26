package oci

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// DefaultShmSize is the size of /dev/shm where the user says nothing, in bytes.
const DefaultShmSize = 100 << 20

// mounts sets the file systems of the kernel, in Docker's order, and /dev/shm.
func (m *maker) mounts() error {
	if m.r.ShmSize < 0 {
		return errors.New("SHM size can not be less than 0")
	}
	sys, cgroup := []string{"nosuid", "noexec", "nodev"}, []string{"nosuid", "noexec", "nodev"}
	if !m.r.Privileged {
		sys, cgroup = append(sys, "ro"), append([]string{"ro"}, cgroup...)
	}
	m.s.Mounts = []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=100M"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: sys},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: cgroup},
		// The kernel shows the queues of the IPC namespace, whichever that is.
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
	}
	return m.shm()
}

// shm sets /dev/shm, which belongs to the IPC namespace: shared with it, or new.
func (m *maker) shm() error {
	source := ""
	switch mode := m.r.IPCMode; {
	case mode == "none":
		return nil
	case mode == "host":
		source = "/dev/shm"
	case joins(mode) && m.c.ShmPath == "":
		return fmt.Errorf("%s: its /dev/shm is not shareable", mode)
	case joins(mode), mode == "shareable":
		source = m.c.ShmPath
	}
	if source != "" {
		m.mount(specs.Mount{Destination: "/dev/shm", Type: "bind", Source: source, Options: []string{"rbind", "rprivate"}})
		return nil
	}
	size := m.r.ShmSize
	if size == 0 {
		size = DefaultShmSize
	}
	m.mount(specs.Mount{Destination: "/dev/shm", Type: "tmpfs", Source: "shm",
		Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=" + strconv.FormatInt(size, 10)}})
	return nil
}

func (m *maker) mount(all ...specs.Mount) { m.s.Mounts = append(m.s.Mounts, all...) }

// userMounts adds the generated files and what the user mounts, outer mount
// points before those inside them. What is there already gives way, and with
// /dev everything below it.
func (m *maker) userMounts() error {
	var mounts []specs.Mount
	at := map[string]bool{}
	for _, u := range m.r.Mounts {
		s, err := m.userMount(u)
		if err != nil {
			return err
		}
		if at[s.Destination] {
			return fmt.Errorf("Duplicate mount point: %s", s.Destination)
		}
		at[s.Destination] = true
		mounts = append(mounts, s)
	}
	m.s.Mounts = slices.DeleteFunc(m.s.Mounts, func(d specs.Mount) bool {
		return at[d.Destination] || at["/dev"] && strings.HasPrefix(d.Destination, "/dev/")
	})
	m.readonly()
	files := slices.DeleteFunc(m.generated(), func(d specs.Mount) bool { return at[d.Destination] })
	mounts = append(files, mounts...)
	slices.SortStableFunc(mounts, func(a, b specs.Mount) int { return depth(a.Destination) - depth(b.Destination) })
	m.mount(mounts...)
	return nil
}

func depth(p string) int { return strings.Count(p, "/") }

// readonly takes the writing off the kernel's file systems in a read-only
// root, except those that live in memory and are the container's own.
func (m *maker) readonly() {
	if !m.r.ReadOnly {
		return
	}
	for i, d := range m.s.Mounts {
		switch d.Destination {
		case "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue":
			continue
		}
		if !slices.Contains(d.Options, "ro") && !m.r.Privileged {
			m.s.Mounts[i].Options = append(d.Options, "ro")
		}
	}
}

// generated are the files that the engine makes for the container.
func (m *maker) generated() (out []specs.Mount) {
	options := []string{"rbind", "rprivate"}
	if m.r.ReadOnly {
		options = []string{"rbind", "ro", "rprivate"}
	}
	for _, f := range []struct{ source, target string }{
		{m.c.ResolvConfPath, "/etc/resolv.conf"},
		{m.c.HostnamePath, "/etc/hostname"},
		{m.c.HostsPath, "/etc/hosts"},
	} {
		if f.source != "" {
			out = append(out, specs.Mount{Destination: f.target, Type: "bind", Source: f.source, Options: slices.Clone(options)})
		}
	}
	return out
}

func (m *maker) userMount(u Mount) (s specs.Mount, err error) {
	if err := noNUL("mount", append(slices.Clone(u.TmpfsOptions), u.Source, u.Target)...); err != nil {
		return s, err
	}
	target, err := mountTarget(u)
	if err != nil {
		return s, err
	}
	switch u.Type {
	case "bind":
		s, err = m.bind(u)
	case "tmpfs":
		s, err = tmpfs(u)
	default:
		err = fmt.Errorf("invalid mount config: mount type unknown: %q", u.Type)
	}
	s.Destination = target
	return s, err
}

// mountTarget checks where the user wants a mount. Below /proc that could
// deceive what later writes there (CVE-2019-16884), so that only what
// containers commonly fake is let through.
func mountTarget(u Mount) (string, error) {
	if !path.IsAbs(u.Target) {
		return "", fmt.Errorf("invalid mount target %q: mount path must be absolute", u.Target)
	}
	t := path.Clean(u.Target)
	switch {
	case t == "/":
		return "", errors.New("invalid mount target \"/\": destination can't be '/'")
	case t == "/proc" && (u.Type != "bind" || path.Clean(u.Source) != "/proc"):
		return "", fmt.Errorf("invalid mount target %q: nothing but the host's /proc can be mounted there", t)
	case strings.HasPrefix(t, "/proc/") && !slices.Contains(inProc, t):
		return "", fmt.Errorf("invalid mount target %q: cannot be mounted because it is inside /proc", t)
	}
	return t, nil
}

// inProc may be mounted over, as runc has it (lxcfs does).
var inProc = []string{"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps",
	"/proc/uptime", "/proc/loadavg", "/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid"}
