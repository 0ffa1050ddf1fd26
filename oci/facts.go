package oci

import (
	"io"
	"net/netip"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Facts are what the specification of a container depends on besides the
// request and the image: the host and the engine as they are found, by
// [HostFacts] or by the engine. Functions are for what few requests need; a nil
// function knows of no obstacle and finds nothing.
type Facts struct {
	Hostname   string // the host's, for containers in its UTS or network namespace
	HostsFile  []byte // the host's /etc/hosts, for containers in its network namespace
	ResolvConf []byte // the host's resolv.conf, or that of systemd-resolved behind a stub

	// HostGateway stands for "host-gateway" in --add-host.
	HostGateway netip.Addr

	NumCPU int    // CPUs that the engine may run on
	CPUs   string // CPUs and memory nodes that a cpuset may have: "0-3,8"
	Mems   string // empty: not known, all are taken

	// Cgroups is the mode: "v1", "hybrid" or "v2". MissingLimits are those
	// that this kernel or its mounted hierarchies cannot enforce, of the
	// constants Limit...
	Cgroups       string
	MissingLimits []string

	// Bounding is the capability bounding set of the engine ("CAP_CHOWN",
	// ...): nobody can be granted more. Nil: all.
	Bounding []string
	// Rlimits are the engine's hard limits by name ("nofile"); a missing one
	// is unlimited.
	Rlimits     map[string]uint64
	OOMScoreAdj int // the engine's own

	// SubUIDs and SubGIDs are the first of the host's IDs for a user
	// namespace of [SubIDs] IDs; 0: there are none.
	SubUIDs, SubGIDs uint32

	// ThermalThrottle are the directories
	// /sys/devices/system/cpu/cpu*/thermal_throttle that exist.
	ThermalThrottle []string

	TerminalWidth, TerminalHeight uint // of the user's terminal; 0: not known

	// Nodes returns the device node at a path of the host, or all those at
	// and below a directory. Symbolic links at the path itself are followed.
	// The error is that of the kernel, bare, or ErrNotDevice.
	Nodes func(path string) ([]Node, error)
	// HostDevices returns all device nodes of the host's /dev that a
	// privileged container gets.
	HostDevices func() ([]Node, error)
	// SysctlExists tells whether /proc/sys has the parameter ("net.ipv4.x").
	SysctlExists func(name string) bool
	// Propagation tells where the mount that holds a path is mounted, and
	// whether it is shared, or receives mounts of others.
	Propagation func(path string) (mountPoint string, shared, slave bool, err error)
	// Seccomp returns the filter of a profile: "" is the default one,
	// anything else the JSON text of one. The specification's capabilities
	// are set by then.
	Seccomp func(profile string, s *specs.Spec) (*specs.LinuxSeccomp, error)
}

// Limits that a kernel may be without, for [Facts.MissingLimits].
const (
	LimitMemory      = "memory"
	LimitReservation = "memory reservation"
	LimitSwap        = "swap"
	LimitSwappiness  = "swappiness"
	LimitOOMKill     = "oom kill disable"
	LimitCPUShares   = "cpu shares"
	LimitCPUQuota    = "cpu quota"
	LimitCPURealtime = "cpu realtime"
	LimitCpuset      = "cpuset"
	LimitPids        = "pids"
	LimitBlkioWeight = "blkio weight"
	LimitBlkioRate   = "blkio rate"
)

// SubIDs is how many user and group IDs a user namespace of ours maps.
const SubIDs = 65536

// A Node is a device node of the host.
type Node struct {
	Path         string
	Type         string // "c", "b" or "p"
	Major, Minor int64
	Mode         uint32 // permission bits
	UID, GID     uint32
}

// Files are the image's own files. Open follows symbolic links inside the root
// and never out of it, never waits (FIFOs), and opens regular files only; a
// missing file is fs.ErrNotExist.
type Files interface {
	Open(path string) (io.ReadCloser, error)
}

// A Container is what the engine has decided about the container.
type Container struct {
	ID          string // 64 hexadecimal digits
	Rootfs      string // absolute, on the host
	CgroupsPath string // relative to the hierarchies' mount points

	// Hostname and Domainname are those of the container whose network
	// namespace is shared; they hold where the request has none.
	Hostname, Domainname string

	// The generated files on the host. An empty one is not mounted.
	HostnamePath, HostsPath, ResolvConfPath string

	// ShmPath is the directory on the host that becomes /dev/shm in IPC modes
	// "shareable" and "container:NAME".
	ShmPath string

	// Join are paths of the namespaces to be joined where the request says
	// "container:NAME", by the specification's kinds: "network", "pid",
	// "ipc", "uts", and "user" where that container has one of its own.
	Join map[string]string

	// Hidden are further paths to be masked, see [HostSecrets].
	Hidden []string
}
