package oci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/moby/sys/mountinfo"

	"mydocker/runtime/security"
)

// HostFacts reads from this host what a specification of the request will
// need, and no more. It is the one function of the package that looks at the
// host; it changes nothing and needs no privileges. Left to the engine, which
// knows them: HostGateway, Cgroups, MissingLimits, the terminal's size, Seccomp.
func HostFacts(r *Request) (f Facts, err error) {
	if f.Hostname, err = os.Hostname(); err != nil {
		return f, err
	}
	if f.ResolvConf, err = hostResolvConf(r); err != nil {
		return f, err
	}
	if r.Network == "host" {
		if f.HostsFile, err = optional("/etc/hosts"); err != nil {
			return f, err
		}
	}
	f.NumCPU = runtime.NumCPU()
	if r.Resources.CpusetCpus != "" || r.Resources.CpusetMems != "" {
		f.CPUs, f.Mems = line("/sys/devices/system/cpu/online"), line("/sys/devices/system/node/online")
	}
	f.Bounding = bounding()
	if len(r.Ulimits) > 0 {
		f.Rlimits = hardLimits()
	}
	f.OOMScoreAdj, _ = strconv.Atoi(line("/proc/self/oom_score_adj"))
	f.ThermalThrottle = thermalThrottle()
	f.SubUIDs, f.SubGIDs = subIDs, subIDs
	f.Nodes, f.HostDevices, f.SysctlExists, f.Propagation = hostNodes, hostDevices, sysctlExists, propagationOf
	return f, nil
}

// subIDs is where the IDs of user namespaces begin. systemd's list of ranges
// (UIDS-GIDS.md) leaves those from 0x70000000 on to nobody.
const subIDs = 0x70000000

// optional reads a file that may be missing.
func optional(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// line reads a file of one line; empty where there is none.
func line(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b))
}

// hostResolvConf reads the host's resolv.conf. Behind the stub of
// systemd-resolved, which only the host reaches, there is a file with the real
// servers.
func hostResolvConf(r *Request) ([]byte, error) {
	b, err := optional("/etc/resolv.conf")
	if err != nil || r.Network == "host" {
		return b, err
	}
	if s := parseResolvConf(b).servers; len(s) == 1 && s[0] == "127.0.0.53" {
		if real, err := optional("/run/systemd/resolve/resolv.conf"); err == nil && len(real) > 0 {
			return real, nil
		}
	}
	return b, nil
}

// bounding returns the engine's capability bounding set. prctl(2) says EINVAL
// for what the kernel does not know.
func bounding() []string {
	const prCapbsetRead = 23
	out := []string{}
	for i, name := range security.AllCaps() {
		if has, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prCapbsetRead, uintptr(i), 0); errno == 0 && has == 1 {
			out = append(out, name)
		}
	}
	return out
}

// hardLimits returns the engine's own, by setrlimit(2)'s numbers.
func hardLimits() map[string]uint64 {
	out := map[string]uint64{}
	for i, name := range []string{"cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock",
		"as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"} {
		var l syscall.Rlimit
		if syscall.Getrlimit(i, &l) == nil {
			out[name] = l.Max
		}
	}
	return out
}

// thermalThrottle lists the directories that tell about the heat of each CPU.
// Where the first has none the rest is not looked at.
func thermalThrottle() []string {
	const pattern = "/sys/devices/system/cpu/cpu%s/thermal_throttle"
	if _, err := os.Lstat(fmt.Sprintf(pattern, "0")); err != nil {
		return nil
	}
	found, _ := filepath.Glob(fmt.Sprintf(pattern, "[0-9]*"))
	return found
}

func sysctlExists(name string) bool {
	_, err := os.Lstat("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	return err == nil
}

// propagationOf finds the mount that a path lies on: the innermost of those
// that are mounted on its parents, the last where several lie on each other.
func propagationOf(path string) (mountPoint string, shared, slave bool, err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", false, false, err
	}
	all, err := mountinfo.GetMounts(mountinfo.ParentsFilter(path))
	for _, m := range all {
		if len(m.Mountpoint) >= len(mountPoint) {
			mountPoint = m.Mountpoint
			shared, slave = strings.Contains(m.Optional, "shared:"), strings.Contains(m.Optional, "master:")
		}
	}
	return mountPoint, shared, slave, err
}

// hostNodes is [Facts.Nodes].
func hostNodes(path string) ([]Node, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, bare(err)
	}
	n, err := node(real)
	if err == nil {
		n.Path = path
		return []Node{n}, nil
	}
	var out []Node
	filepath.WalkDir(real, func(p string, _ fs.DirEntry, walk error) error {
		if n, err := node(p); err == nil && walk == nil {
			n.Path = filepath.Join(path, strings.TrimPrefix(p, real))
			out = append(out, n)
		}
		return nil // what cannot be read is left out
	})
	if len(out) == 0 {
		return nil, err
	}
	return out, nil
}

// node reads what a path itself is, not what it leads to.
func node(path string) (Node, error) {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return Node{}, err
	}
	kinds := map[uint32]string{syscall.S_IFCHR: "c", syscall.S_IFBLK: "b"}
	kind, ok := kinds[st.Mode&syscall.S_IFMT]
	if !ok {
		return Node{}, ErrNotDevice
	}
	dev := uint64(st.Rdev) // see makedev(3)
	return Node{
		Path: path, Type: kind, Mode: st.Mode & 0o777, UID: st.Uid, GID: st.Gid,
		Major: int64(dev>>8&0xfff | dev>>32&^0xfff), Minor: int64(dev&0xff | dev>>12&0xffffff00),
	}, nil
}

func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// notForContainers are the parts of /dev that a container has of its own, or
// that are other programs' places for such.
var notForContainers = []string{"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console", "ptmx"}

// hostDevices is [Facts.HostDevices], as containerd lists them.
func hostDevices() (out []Node, err error) {
	err = filepath.WalkDir("/dev", func(p string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission): // gone since, or not for us
			return nil
		case err != nil:
			return err
		case slices.Contains(notForContainers, e.Name()) && e.IsDir():
			return filepath.SkipDir
		case slices.Contains(notForContainers, e.Name()):
			return nil
		}
		if n, err := node(p); err == nil {
			out = append(out, n)
		}
		return nil
	})
	return out, err
}
