// Package oci turns what a user asked for, and what the image says, into an
// OCI runtime specification: the only description of a container from there on.
package oci

// A Request is a container as its user asks for it: the flags of run and
// create, parsed and checked for form, not yet completed from the image.
// It is kept in the container's record.
type Request struct {
	Image    string `json:"image,omitempty"`     // reference, or empty with RootfsDir
	Rootfs   string `json:"rootfs,omitempty"`    // --rootfs: an absolute directory
	RootfsRW bool   `json:"rootfs_rw,omitempty"` // --rootfs DIR:rw: use it in place

	// The command. Entrypoint nil means the image's; a non-nil empty one
	// resets it (--entrypoint "").
	Entrypoint    []string `json:"entrypoint,omitempty"`
	EntrypointSet bool     `json:"entrypoint_set,omitempty"`
	Command       []string `json:"command,omitempty"`     // what follows IMAGE
	Env           []string `json:"env,omitempty"`         // K=V, or K alone: unset what the image says
	WorkingDir    string   `json:"working_dir,omitempty"` // absolute
	User          string   `json:"user,omitempty"`        // user[:group], names or numbers
	GroupAdd      []string `json:"group_add,omitempty"`   // names or numbers

	TTY         bool              `json:"tty,omitempty"`
	Interactive bool              `json:"interactive,omitempty"`
	Init        bool              `json:"init,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	StopSignal  string            `json:"stop_signal,omitempty"` // SIGTERM form; empty: the image's, or SIGTERM
	StopTimeout *int              `json:"stop_timeout,omitempty"`

	// Namespaces: "" (private), "host", "container:NAME"; Network also
	// "none", "bridge", "default". Userns: "" or "host" (none), "private".
	// IPC also "none", "private", "shareable".
	Network  string `json:"network,omitempty"`
	PidMode  string `json:"pid_mode,omitempty"`
	IPCMode  string `json:"ipc_mode,omitempty"`
	UTSMode  string `json:"uts_mode,omitempty"`
	CgroupNS string `json:"cgroupns,omitempty"`
	Userns   string `json:"userns,omitempty"`

	// TimeOffsets moves the clocks "monotonic" and "boottime" of a time
	// namespace, in nanoseconds. Empty: no time namespace.
	TimeOffsets map[string]int64 `json:"time_offsets,omitempty"`

	Hostname   string   `json:"hostname,omitempty"`
	Domainname string   `json:"domainname,omitempty"`
	AddHosts   []string `json:"add_hosts,omitempty"` // name:address, address may be "host-gateway"
	DNS        []string `json:"dns,omitempty"`
	DNSSearch  []string `json:"dns_search,omitempty"` // "." alone: none
	DNSOptions []string `json:"dns_options,omitempty"`

	Mounts   []Mount `json:"mounts,omitempty"` // -v, --mount, --tmpfs in the order given
	ReadOnly bool    `json:"read_only,omitempty"`
	ShmSize  int64   `json:"shm_size,omitempty"` // bytes; 0: the default

	Privileged bool     `json:"privileged,omitempty"`
	CapAdd     []string `json:"cap_add,omitempty"`
	CapDrop    []string `json:"cap_drop,omitempty"`
	// Seccomp is "" (the default profile), "unconfined", or the JSON text of
	// a profile.
	Seccomp               string            `json:"seccomp,omitempty"`
	NoNewPrivileges       bool              `json:"no_new_privileges,omitempty"`
	SystemPathsUnconfined bool              `json:"system_paths_unconfined,omitempty"`
	Devices               []Device          `json:"devices,omitempty"`
	DeviceRules           []string          `json:"device_rules,omitempty"` // --device-cgroup-rule: "c 1:3 rwm"
	Sysctls               map[string]string `json:"sysctls,omitempty"`
	Ulimits               []Ulimit          `json:"ulimits,omitempty"`

	Resources    Resources `json:"resources"`
	CgroupParent string    `json:"cgroup_parent,omitempty"`
	OOMScoreAdj  int       `json:"oom_score_adj,omitempty"`

	// HostSecretsVisible leaves the host's secrets readable in a copy of the
	// host (--security-opt hostsecrets=visible); see HostSecrets.
	HostSecretsVisible bool `json:"host_secrets_visible,omitempty"`
}

// A Mount is one of -v, --mount or --tmpfs.
type Mount struct {
	Type        string `json:"type"`             // "bind" or "tmpfs"
	Source      string `json:"source,omitempty"` // bind: an absolute host path
	Target      string `json:"target"`           // absolute
	ReadOnly    bool   `json:"read_only,omitempty"`
	Propagation string `json:"propagation,omitempty"` // bind: rprivate (default), private, rshared, shared, rslave, slave
	// NonRecursive leaves out the mounts below Source (bind-nonrecursive,
	// bind-recursive=disabled).
	NonRecursive bool `json:"non_recursive,omitempty"`
	// ReadOnlyNonRecursive keeps submounts writable (bind-recursive=writable).
	ReadOnlyNonRecursive bool `json:"read_only_non_recursive,omitempty"`
	// CreateSource makes a missing Source directory, as -v does and --mount
	// does not.
	CreateSource bool     `json:"create_source,omitempty"`
	TmpfsSize    int64    `json:"tmpfs_size,omitempty"`    // bytes; 0: no limit of ours
	TmpfsMode    uint32   `json:"tmpfs_mode,omitempty"`    // permission bits; 0: 01777
	TmpfsOptions []string `json:"tmpfs_options,omitempty"` // --tmpfs DST:OPTIONS, e.g. "noexec", "uid=1"
}

// A Device is one of --device.
type Device struct {
	Host        string `json:"host"`        // path on the host: a device node, or a directory of them
	Container   string `json:"container"`   // path in the container
	Permissions string `json:"permissions"` // of "rwm"
}

// A Ulimit is one of --ulimit; Name without RLIMIT_, lower case: "nofile". -1 is unlimited.
type Ulimit struct {
	Name string `json:"name"`
	Soft int64  `json:"soft"`
	Hard int64  `json:"hard"`
}

// Resources are the limits of a container's cgroup, in the units of Docker's
// flags. Zero, or nil, means not limited.
type Resources struct {
	NanoCPUs          int64   `json:"nano_cpus,omitempty"`  // --cpus, billionths of a CPU
	CPUPeriod         int64   `json:"cpu_period,omitempty"` // microseconds
	CPUQuota          int64   `json:"cpu_quota,omitempty"`  // microseconds
	CPUShares         int64   `json:"cpu_shares,omitempty"`
	CPURTPeriod       int64   `json:"cpu_rt_period,omitempty"`
	CPURTRuntime      int64   `json:"cpu_rt_runtime,omitempty"`
	CpusetCpus        string  `json:"cpuset_cpus,omitempty"`
	CpusetMems        string  `json:"cpuset_mems,omitempty"`
	Memory            int64   `json:"memory,omitempty"` // bytes
	MemoryReservation int64   `json:"memory_reservation,omitempty"`
	MemorySwap        int64   `json:"memory_swap,omitempty"` // memory and swap together; -1 unlimited
	MemorySwappiness  *int64  `json:"memory_swappiness,omitempty"`
	OOMKillDisable    bool    `json:"oom_kill_disable,omitempty"`
	PidsLimit         int64   `json:"pids_limit,omitempty"` // -1 unlimited
	BlkioWeight       uint16  `json:"blkio_weight,omitempty"`
	BlkioWeightDevice []Limit `json:"blkio_weight_device,omitempty"`
	DeviceReadBps     []Limit `json:"device_read_bps,omitempty"`
	DeviceWriteBps    []Limit `json:"device_write_bps,omitempty"`
	DeviceReadIOps    []Limit `json:"device_read_iops,omitempty"`
	DeviceWriteIOps   []Limit `json:"device_write_iops,omitempty"`
}

// A Limit is a rate, or weight, of one block device.
type Limit struct {
	Path string `json:"path"` // of the device node on the host
	Rate uint64 `json:"rate"` // bytes or operations a second, or the weight
}
