package format

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/container"
	"mydocker/internal/ocispec"
	"mydocker/oci"
)

// ContainerJSON is what inspect prints for a container, in the shape of
// Docker's GET /containers/{id}/json.
type ContainerJSON struct {
	ID              string `json:"Id"`
	Created         string
	Path            string
	Args            []string
	State           StateJSON
	Image           string
	ResolvConfPath  string
	HostnamePath    string
	HostsPath       string
	LogPath         string
	Name            string
	RestartCount    int
	Driver          string
	Platform        string
	MountLabel      string
	ProcessLabel    string
	AppArmorProfile string
	ExecIDs         []string
	HostConfig      HostConfigJSON
	GraphDriver     GraphDriverJSON
	SizeRw          *int64 `json:",omitempty"`
	SizeRootFs      *int64 `json:",omitempty"`
	Mounts          []MountJSON
	Config          ConfigJSON
	NetworkSettings NetworkSettingsJSON
}

// StateJSON is the state of a container.
type StateJSON struct {
	Status                       string
	Running, Paused, Restarting  bool
	OOMKilled, Dead              bool
	Pid, ExitCode                int
	Error, StartedAt, FinishedAt string
	Health                       *struct{ Status string } `json:",omitempty"` // there are no health checks yet
}

// HostConfigJSON is what of a container depends on the host.
type HostConfigJSON struct {
	Binds                                     []string
	LogConfig                                 LogConfigJSON
	NetworkMode                               string
	RestartPolicy                             RestartPolicyJSON
	PortBindings                              map[string]any    // none yet
	PublishAllPorts                           bool              // not yet
	VolumesFrom                               []string          // none yet
	Mounts                                    []string          `json:",omitempty"` // see Binds
	Tmpfs                                     map[string]string `json:",omitempty"`
	AutoRemove                                bool
	CapAdd, CapDrop                           []string
	CgroupnsMode                              string
	DNS                                       []string `json:"Dns"`
	DNSOptions                                []string `json:"DnsOptions"`
	DNSSearch                                 []string `json:"DnsSearch"`
	ExtraHosts, GroupAdd                      []string
	IpcMode                                   string
	OomScoreAdj                               int
	PidMode                                   string
	Privileged, ReadonlyRootfs                bool
	SecurityOpt                               []string
	UTSMode, UsernsMode                       string
	ShmSize                                   int64
	Sysctls                                   map[string]string
	Runtime                                   string
	CpuShares, Memory, NanoCpus               int64
	CgroupParent                              string
	BlkioWeight                               uint16
	BlkioDeviceReadBps, BlkioDeviceWriteBps   []LimitJSON
	BlkioDeviceReadIOps, BlkioDeviceWriteIOps []LimitJSON
	CpuPeriod, CpuQuota                       int64
	CpusetCpus, CpusetMems                    string
	Devices                                   []DeviceJSON
	MemoryReservation, MemorySwap             int64
	MemorySwappiness                          *int64
	OomKillDisable                            bool
	PidsLimit                                 *int64
	Ulimits                                   []UlimitJSON
	Init                                      bool
	MaskedPaths, ReadonlyPaths                []string
}

// LogConfigJSON says how output is kept.
type LogConfigJSON struct {
	Type   string
	Config map[string]string
}

// RestartPolicyJSON says when a container is started again.
type RestartPolicyJSON struct {
	Name              string
	MaximumRetryCount int
}

// DeviceJSON is one of --device.
type DeviceJSON struct{ PathOnHost, PathInContainer, CgroupPermissions string }

// LimitJSON is a rate of one block device: bytes or operations a second.
type LimitJSON struct {
	Path string
	Rate uint64
}

// UlimitJSON is one of --ulimit.
type UlimitJSON struct {
	Name       string
	Hard, Soft int64
}

// GraphDriverJSON tells where the root's directories are.
type GraphDriverJSON struct {
	Name string
	Data map[string]string
}

// MountJSON is one volume.
type MountJSON struct {
	Type, Source, Destination, Mode string
	RW                              bool
	Propagation                     string
}

// ConfigJSON is what of a container does not depend on the host.
type ConfigJSON struct {
	Hostname, Domainname, User              string
	AttachStdin, AttachStdout, AttachStderr bool
	Tty, OpenStdin, StdinOnce               bool
	Env, Cmd                                []string
	Image                                   string
	WorkingDir                              string
	Entrypoint                              []string
	Labels                                  map[string]string
	StopSignal                              string         `json:",omitempty"`
	StopTimeout                             *int           `json:",omitempty"`
	ExposedPorts, Volumes                   map[string]any // none yet
}

// NetworkSettingsJSON is a container's place on its networks.
type NetworkSettingsJSON struct {
	SandboxKey         string
	Ports              map[string]any
	Gateway, IPAddress string
	IPPrefixLen        int
	MacAddress         string
	Networks           map[string]EndpointJSON
}

// EndpointJSON is a container's place on one network.
type EndpointJSON struct {
	Gateway, IPAddress    string
	IPPrefixLen           int
	MacAddress            string
	NetworkID, EndpointID string // none yet
}

// ContainerInspect returns a container in Docker's shape. dir is its directory.
func ContainerInspect(r *container.Record, s *specs.Spec, dir string) ContainerJSON {
	file := func(name string) string { return filepath.Join(dir, name) }
	j := ContainerJSON{
		ID: r.ID, Created: stamp(r.Created), Path: r.Path, Args: list(r.Args), Image: r.ImageID, Name: "/" + r.Name,
		ResolvConfPath: file("resolv.conf"), HostnamePath: file("hostname"), HostsPath: file("hosts"), LogPath: file(r.ID + "-json.log"),
		Driver: "overlay", Platform: "linux", ExecIDs: nil,
		State: StateJSON{
			Status: string(r.Status), Running: running(r.Status), Paused: r.Status == container.Paused, Restarting: r.Status == container.Restarting,
			Dead: r.Status == container.Dead, OOMKilled: r.OOMKilled, Pid: r.Pid, ExitCode: r.ExitCode, Error: r.Error,
			StartedAt: stamp(r.StartedAt), FinishedAt: stamp(r.FinishedAt),
		},
		HostConfig: hostConfig(r, s), GraphDriver: graphDriver(r, file), Mounts: mounts(r), Config: config(r, s),
	}
	n := r.Network
	key := ""
	if r.Pid > 0 {
		key = "/proc/" + strconv.Itoa(r.Pid) + "/ns/net"
	}
	j.NetworkSettings = NetworkSettingsJSON{SandboxKey: key, Ports: map[string]any{}, Gateway: n.Gateway, IPAddress: n.Address, IPPrefixLen: n.PrefixLen,
		MacAddress: n.MacAddress, Networks: map[string]EndpointJSON{n.Mode: {Gateway: n.Gateway, IPAddress: n.Address, IPPrefixLen: n.PrefixLen, MacAddress: n.MacAddress}}}
	return j
}

// running tells the states in which Docker says that a container runs.
func running(s container.Status) bool {
	return s == container.Running || s == container.Paused || s == container.Restarting
}

// Complete fills in what the request leaves to the image, as docker inspect shows it.
func (c *ConfigJSON) Complete(q oci.Request, image ocispec.ImageConfig) {
	if !q.EntrypointSet {
		c.Entrypoint = image.Entrypoint
		if len(q.Command) == 0 {
			c.Cmd = list(image.Cmd)
		}
	}
	c.User, c.StopSignal = or(c.User, image.User), or(c.StopSignal, image.StopSignal)
}

func hostConfig(r *container.Record, s *specs.Spec) HostConfigJSON {
	q, res := r.Request, r.Request.Resources
	h := HostConfigJSON{
		LogConfig: LogConfigJSON{"json-file", map[string]string{}}, RestartPolicy: RestartPolicyJSON{Name: "no"}, PortBindings: map[string]any{}, Tmpfs: tmpfs(q),
		NetworkMode: r.Network.Mode, AutoRemove: r.AutoRemove, CapAdd: q.CapAdd, CapDrop: q.CapDrop, CgroupnsMode: or(q.CgroupNS, "private"),
		DNS: list(q.DNS), DNSOptions: list(q.DNSOptions), DNSSearch: list(q.DNSSearch), ExtraHosts: list(q.AddHosts), GroupAdd: q.GroupAdd,
		IpcMode: or(q.IPCMode, "private"), OomScoreAdj: q.OOMScoreAdj, PidMode: q.PidMode, Privileged: q.Privileged, ReadonlyRootfs: q.ReadOnly,
		SecurityOpt: securityOptions(q), UTSMode: q.UTSMode, UsernsMode: q.Userns, ShmSize: shmSize(q), Sysctls: q.Sysctls, Runtime: "mydocker",
		CpuShares: res.CPUShares, Memory: res.Memory, NanoCpus: res.NanoCPUs, CgroupParent: q.CgroupParent, BlkioWeight: res.BlkioWeight,
		BlkioDeviceReadBps: limits(res.DeviceReadBps), BlkioDeviceWriteBps: limits(res.DeviceWriteBps), BlkioDeviceReadIOps: limits(res.DeviceReadIOps), BlkioDeviceWriteIOps: limits(res.DeviceWriteIOps),
		CpuPeriod: res.CPUPeriod, CpuQuota: res.CPUQuota, CpusetCpus: res.CpusetCpus, CpusetMems: res.CpusetMems,
		MemoryReservation: res.MemoryReservation, MemorySwap: memorySwap(res), MemorySwappiness: res.MemorySwappiness, OomKillDisable: res.OOMKillDisable, Init: q.Init,
	}
	if res.PidsLimit != 0 {
		h.PidsLimit = &res.PidsLimit
	}
	for _, m := range q.Mounts {
		if m.Type == "bind" {
			h.Binds = append(h.Binds, m.Source+":"+m.Target+map[bool]string{true: ":ro"}[m.ReadOnly])
		}
	}
	for _, d := range q.Devices {
		h.Devices = append(h.Devices, DeviceJSON{d.Host, d.Container, d.Permissions})
	}
	for _, u := range q.Ulimits {
		h.Ulimits = append(h.Ulimits, UlimitJSON{u.Name, u.Hard, u.Soft})
	}
	if s != nil && s.Linux != nil {
		h.MaskedPaths, h.ReadonlyPaths = list(s.Linux.MaskedPaths), list(s.Linux.ReadonlyPaths)
	}
	return h
}

// shmSize is the size of /dev/shm, also where nobody asked for one.
func shmSize(q oci.Request) int64 {
	if q.ShmSize == 0 {
		return oci.DefaultShmSize
	}
	return q.ShmSize
}

// memorySwap is memory and swap together: as much swap as memory, where nobody
// asked for another limit.
func memorySwap(r oci.Resources) int64 {
	if r.MemorySwap == 0 {
		return 2 * r.Memory
	}
	return r.MemorySwap
}

func tmpfs(q oci.Request) map[string]string {
	out := map[string]string{}
	for _, m := range q.Mounts {
		if m.Type == "tmpfs" {
			out[m.Target] = strings.Join(m.TmpfsOptions, ",")
		}
	}
	return out
}

func limits(in []oci.Limit) (out []LimitJSON) {
	for _, l := range in {
		out = append(out, LimitJSON{l.Path, l.Rate})
	}
	return out
}

func securityOptions(q oci.Request) (out []string) {
	if q.NoNewPrivileges {
		out = append(out, "no-new-privileges")
	}
	if q.Seccomp != "" {
		out = append(out, "seccomp="+q.Seccomp)
	}
	if q.SystemPathsUnconfined {
		out = append(out, "systempaths=unconfined")
	}
	return out
}

func graphDriver(r *container.Record, file func(string) string) GraphDriverJSON {
	if len(r.Lowers) == 0 {
		return GraphDriverJSON{Name: "directory", Data: map[string]string{"MergedDir": r.Request.Rootfs}}
	}
	return GraphDriverJSON{Name: "overlay", Data: map[string]string{
		"LowerDir": strings.Join(r.Lowers, ":"), "UpperDir": file("diff"), "WorkDir": file("work"), "MergedDir": file("merged")}}
}

func mounts(r *container.Record) []MountJSON {
	out := []MountJSON{}
	for _, m := range r.Request.Mounts {
		propagation := m.Propagation
		if m.Type == "bind" && propagation == "" {
			propagation = "rprivate"
		}
		out = append(out, MountJSON{m.Type, m.Source, m.Target, "", !m.ReadOnly, propagation})
	}
	return out
}

func config(r *container.Record, s *specs.Spec) ConfigJSON {
	q := r.Request
	c := ConfigJSON{AttachStdin: q.Interactive, AttachStdout: true, AttachStderr: true, Tty: q.TTY, OpenStdin: q.Interactive, StdinOnce: q.Interactive,
		Hostname: q.Hostname, Domainname: q.Domainname, User: q.User, Cmd: list(q.Command), Image: r.Image, Entrypoint: q.Entrypoint, Labels: q.Labels, StopSignal: q.StopSignal, StopTimeout: q.StopTimeout}
	if c.Labels == nil {
		c.Labels = map[string]string{}
	}
	if s != nil && s.Process != nil {
		c.Env, c.WorkingDir = list(s.Process.Env), s.Process.Cwd
		c.Hostname, c.Domainname = or(c.Hostname, s.Hostname), or(c.Domainname, s.Domainname)
	}
	return c
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// list returns a list that JSON does not print as null.
func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return slices.Clone(l)
}
