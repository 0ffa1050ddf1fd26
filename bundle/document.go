package bundle

import (
	"encoding/json"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A document is a specification as it is read: field by field that of specs.Spec,
// but for parts that few have, and those of other systems.
//
// encoding/json learns a type whole before it decodes a first value of it, with
// all that lies below: of specs.Spec that takes as long as all else that is done
// before the container is made. What is [rare] it learns where there is some. A
// filter of system calls is not taken apart at all: it is most of the text, and
// its program is in the cache under that.
type document struct {
	Version     string            `json:"ociVersion"`
	Process     *processDocument  `json:"process"`
	Root        *specs.Root       `json:"root"`
	Hostname    string            `json:"hostname"`
	Domainname  string            `json:"domainname"`
	Mounts      []specs.Mount     `json:"mounts"`
	Hooks       rare[specs.Hooks] `json:"hooks"`
	Annotations map[string]string `json:"annotations"`
	Linux       *linuxDocument    `json:"linux"`

	Solaris rare[specs.Solaris] `json:"solaris"`
	Windows rare[specs.Windows] `json:"windows"`
	VM      rare[specs.VM]      `json:"vm"`
	ZOS     rare[specs.ZOS]     `json:"zos"`
	FreeBSD rare[specs.FreeBSD] `json:"freebsd"`
}

type processDocument struct {
	Terminal        bool                        `json:"terminal"`
	ConsoleSize     rare[specs.Box]             `json:"consoleSize"`
	User            specs.User                  `json:"user"`
	Args            []string                    `json:"args"`
	CommandLine     string                      `json:"commandLine"`
	Env             []string                    `json:"env"`
	Cwd             string                      `json:"cwd"`
	Capabilities    *specs.LinuxCapabilities    `json:"capabilities"`
	Rlimits         []specs.POSIXRlimit         `json:"rlimits"`
	NoNewPrivileges bool                        `json:"noNewPrivileges"`
	ApparmorProfile string                      `json:"apparmorProfile"`
	OOMScoreAdj     *int                        `json:"oomScoreAdj"`
	Scheduler       rare[specs.Scheduler]       `json:"scheduler"`
	SelinuxLabel    string                      `json:"selinuxLabel"`
	IOPriority      rare[specs.LinuxIOPriority] `json:"ioPriority"`
	ExecCPUAffinity rare[specs.CPUAffinity]     `json:"execCPUAffinity"`
}

type linuxDocument struct {
	UIDMappings       rare[[]specs.LinuxIDMapping]           `json:"uidMappings"`
	GIDMappings       rare[[]specs.LinuxIDMapping]           `json:"gidMappings"`
	Sysctl            map[string]string                      `json:"sysctl"`
	Resources         *resourcesDocument                     `json:"resources"`
	CgroupsPath       string                                 `json:"cgroupsPath"`
	Namespaces        []specs.LinuxNamespace                 `json:"namespaces"`
	Devices           rare[[]specs.LinuxDevice]              `json:"devices"`
	NetDevices        rare[map[string]specs.LinuxNetDevice]  `json:"netDevices"`
	Seccomp           json.RawMessage                        `json:"seccomp"`
	RootfsPropagation string                                 `json:"rootfsPropagation"`
	MaskedPaths       []string                               `json:"maskedPaths"`
	ReadonlyPaths     []string                               `json:"readonlyPaths"`
	MountLabel        string                                 `json:"mountLabel"`
	IntelRdt          rare[specs.LinuxIntelRdt]              `json:"intelRdt"`
	MemoryPolicy      rare[specs.LinuxMemoryPolicy]          `json:"memoryPolicy"`
	Personality       rare[specs.LinuxPersonality]           `json:"personality"`
	TimeOffsets       rare[map[string]specs.LinuxTimeOffset] `json:"timeOffsets"`
}

type resourcesDocument struct {
	Devices        []specs.LinuxDeviceCgroup        `json:"devices"`
	Memory         rare[specs.LinuxMemory]          `json:"memory"`
	CPU            rare[specs.LinuxCPU]             `json:"cpu"`
	Pids           rare[specs.LinuxPids]            `json:"pids"`
	BlockIO        rare[specs.LinuxBlockIO]         `json:"blockIO"`
	HugepageLimits rare[[]specs.LinuxHugepageLimit] `json:"hugepageLimits"`
	Network        rare[specs.LinuxNetwork]         `json:"network"`
	Rdma           rare[map[string]specs.LinuxRdma] `json:"rdma"`
	Unified        map[string]string                `json:"unified"`
}

// A rare part of a document. That it encodes itself keeps encoding/json from
// learning how to encode T before there is one.
type rare[T any] struct{ value *T }

func (r *rare[T]) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &r.value) }
func (r rare[T]) MarshalJSON() ([]byte, error)  { return json.Marshal(r.value) }

// or returns the part, or what stands for none.
func (r rare[T]) or(none T) T {
	if r.value == nil {
		return none
	}
	return *r.value
}

// decode returns a specification, its Linux never nil, and the filter of system
// calls, which it lacks.
func decode(text []byte) (*specs.Spec, json.RawMessage, error) {
	d := &document{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, nil, err
	}
	s := &specs.Spec{
		Version: d.Version, Process: d.Process.spec(), Root: d.Root, Hostname: d.Hostname, Domainname: d.Domainname,
		Mounts: d.Mounts, Hooks: d.Hooks.value, Annotations: d.Annotations, Linux: &specs.Linux{},
		Solaris: d.Solaris.value, Windows: d.Windows.value, VM: d.VM.value, ZOS: d.ZOS.value, FreeBSD: d.FreeBSD.value,
	}
	if d.Linux == nil {
		return s, nil, nil
	}
	s.Linux = d.Linux.spec()
	return s, d.Linux.Seccomp, nil
}

func (d *processDocument) spec() *specs.Process {
	if d == nil {
		return nil
	}
	return &specs.Process{
		Terminal: d.Terminal, ConsoleSize: d.ConsoleSize.value, User: d.User, Args: d.Args, CommandLine: d.CommandLine,
		Env: d.Env, Cwd: d.Cwd, Capabilities: d.Capabilities, Rlimits: d.Rlimits, NoNewPrivileges: d.NoNewPrivileges,
		ApparmorProfile: d.ApparmorProfile, OOMScoreAdj: d.OOMScoreAdj, Scheduler: d.Scheduler.value,
		SelinuxLabel: d.SelinuxLabel, IOPriority: d.IOPriority.value, ExecCPUAffinity: d.ExecCPUAffinity.value,
	}
}

func (d *linuxDocument) spec() *specs.Linux {
	return &specs.Linux{
		UIDMappings: d.UIDMappings.or(nil), GIDMappings: d.GIDMappings.or(nil), Sysctl: d.Sysctl,
		Resources: d.Resources.spec(), CgroupsPath: d.CgroupsPath, Namespaces: d.Namespaces, Devices: d.Devices.or(nil),
		NetDevices: d.NetDevices.or(nil), RootfsPropagation: d.RootfsPropagation, MaskedPaths: d.MaskedPaths,
		ReadonlyPaths: d.ReadonlyPaths, MountLabel: d.MountLabel, IntelRdt: d.IntelRdt.value,
		MemoryPolicy: d.MemoryPolicy.value, Personality: d.Personality.value, TimeOffsets: d.TimeOffsets.or(nil),
	}
}

func (d *resourcesDocument) spec() *specs.LinuxResources {
	if d == nil {
		return nil
	}
	return &specs.LinuxResources{
		Devices: d.Devices, Memory: d.Memory.value, CPU: d.CPU.value, Pids: d.Pids.value, BlockIO: d.BlockIO.value,
		HugepageLimits: d.HugepageLimits.or(nil), Network: d.Network.value, Rdma: d.Rdma.or(nil), Unified: d.Unified,
	}
}
