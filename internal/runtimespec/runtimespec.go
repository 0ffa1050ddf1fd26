// Package runtimespec reads and writes the runtime specification's config.json
// without learning all of its types.
//
// encoding/json learns a type whole before it decodes or encodes a first value of
// it, with all that lies below: of specs.Spec that takes as long as all else that
// is done before a container is made. What is [Rare] it learns where there is some.
package runtimespec

import (
	"encoding/json"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A document is a specification as it is read and written: field by field that of
// specs.Spec, but for parts that few have, and those of other systems. A filter of
// system calls is not taken apart when it is read: it is most of the text, and its
// program is in a cache under that.
type document struct {
	Version     string            `json:"ociVersion"`
	Process     *processDocument  `json:"process,omitempty"`
	Root        *specs.Root       `json:"root,omitempty"`
	Hostname    string            `json:"hostname,omitempty"`
	Domainname  string            `json:"domainname,omitempty"`
	Mounts      []specs.Mount     `json:"mounts,omitempty"`
	Hooks       Rare[specs.Hooks] `json:"hooks,omitzero"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Linux       *linuxDocument    `json:"linux,omitempty"`

	Solaris Rare[specs.Solaris] `json:"solaris,omitzero"`
	Windows Rare[specs.Windows] `json:"windows,omitzero"`
	VM      Rare[specs.VM]      `json:"vm,omitzero"`
	ZOS     Rare[specs.ZOS]     `json:"zos,omitzero"`
	FreeBSD Rare[specs.FreeBSD] `json:"freebsd,omitzero"`
}

type processDocument struct {
	Terminal        bool                        `json:"terminal,omitempty"`
	ConsoleSize     Rare[specs.Box]             `json:"consoleSize,omitzero"`
	User            specs.User                  `json:"user"`
	Args            []string                    `json:"args,omitempty"`
	CommandLine     string                      `json:"commandLine,omitempty"`
	Env             []string                    `json:"env,omitempty"`
	Cwd             string                      `json:"cwd"`
	Capabilities    *specs.LinuxCapabilities    `json:"capabilities,omitempty"`
	Rlimits         []specs.POSIXRlimit         `json:"rlimits,omitempty"`
	NoNewPrivileges bool                        `json:"noNewPrivileges,omitempty"`
	ApparmorProfile string                      `json:"apparmorProfile,omitempty"`
	OOMScoreAdj     *int                        `json:"oomScoreAdj,omitempty"`
	Scheduler       Rare[specs.Scheduler]       `json:"scheduler,omitzero"`
	SelinuxLabel    string                      `json:"selinuxLabel,omitempty"`
	IOPriority      Rare[specs.LinuxIOPriority] `json:"ioPriority,omitzero"`
	ExecCPUAffinity Rare[specs.CPUAffinity]     `json:"execCPUAffinity,omitzero"`
}

type linuxDocument struct {
	UIDMappings       Rare[[]specs.LinuxIDMapping]           `json:"uidMappings,omitzero"`
	GIDMappings       Rare[[]specs.LinuxIDMapping]           `json:"gidMappings,omitzero"`
	Sysctl            map[string]string                      `json:"sysctl,omitempty"`
	Resources         *resourcesDocument                     `json:"resources,omitempty"`
	CgroupsPath       string                                 `json:"cgroupsPath,omitempty"`
	Namespaces        []specs.LinuxNamespace                 `json:"namespaces,omitempty"`
	Devices           Rare[[]specs.LinuxDevice]              `json:"devices,omitzero"`
	NetDevices        Rare[map[string]specs.LinuxNetDevice]  `json:"netDevices,omitzero"`
	Seccomp           json.RawMessage                        `json:"seccomp,omitempty"`
	RootfsPropagation string                                 `json:"rootfsPropagation,omitempty"`
	MaskedPaths       []string                               `json:"maskedPaths,omitempty"`
	ReadonlyPaths     []string                               `json:"readonlyPaths,omitempty"`
	MountLabel        string                                 `json:"mountLabel,omitempty"`
	IntelRdt          Rare[specs.LinuxIntelRdt]              `json:"intelRdt,omitzero"`
	MemoryPolicy      Rare[specs.LinuxMemoryPolicy]          `json:"memoryPolicy,omitzero"`
	Personality       Rare[specs.LinuxPersonality]           `json:"personality,omitzero"`
	TimeOffsets       Rare[map[string]specs.LinuxTimeOffset] `json:"timeOffsets,omitzero"`
}

type resourcesDocument struct {
	Devices        []specs.LinuxDeviceCgroup        `json:"devices,omitempty"`
	Memory         Rare[specs.LinuxMemory]          `json:"memory,omitzero"`
	CPU            Rare[specs.LinuxCPU]             `json:"cpu,omitzero"`
	Pids           Rare[specs.LinuxPids]            `json:"pids,omitzero"`
	BlockIO        Rare[specs.LinuxBlockIO]         `json:"blockIO,omitzero"`
	HugepageLimits Rare[[]specs.LinuxHugepageLimit] `json:"hugepageLimits,omitzero"`
	Network        Rare[specs.LinuxNetwork]         `json:"network,omitzero"`
	Rdma           Rare[map[string]specs.LinuxRdma] `json:"rdma,omitzero"`
	Unified        map[string]string                `json:"unified,omitempty"`
}

// A Rare part of a document is nil where there is none. That it encodes itself
// keeps encoding/json from learning how to encode T before.
type Rare[T any] struct{ Value *T }

// UnmarshalJSON decodes the part; null is none.
func (r *Rare[T]) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &r.Value) }

// MarshalJSON encodes the part, or null.
func (r Rare[T]) MarshalJSON() ([]byte, error) { return json.Marshal(r.Value) }

// or returns the part, or what stands for none.
func (r Rare[T]) or(none T) T {
	if r.Value == nil {
		return none
	}
	return *r.Value
}

func list[T any](v []T) (r Rare[[]T]) {
	if len(v) > 0 {
		r.Value = &v
	}
	return r
}

func table[T any](v map[string]T) (r Rare[map[string]T]) {
	if len(v) > 0 {
		r.Value = &v
	}
	return r
}

// Encode writes a specification: what json.Marshal does, sooner.
func Encode(s *specs.Spec) ([]byte, error) {
	d := &document{
		Version: s.Version, Process: processOf(s.Process), Root: s.Root, Hostname: s.Hostname, Domainname: s.Domainname,
		Mounts: s.Mounts, Hooks: Rare[specs.Hooks]{s.Hooks}, Annotations: s.Annotations, Solaris: Rare[specs.Solaris]{s.Solaris},
		Windows: Rare[specs.Windows]{s.Windows}, VM: Rare[specs.VM]{s.VM}, ZOS: Rare[specs.ZOS]{s.ZOS}, FreeBSD: Rare[specs.FreeBSD]{s.FreeBSD},
	}
	var err error
	if d.Linux, err = linuxOf(s.Linux); err != nil {
		return nil, err
	}
	return json.Marshal(d)
}

func processOf(p *specs.Process) *processDocument {
	if p == nil {
		return nil
	}
	return &processDocument{
		Terminal: p.Terminal, ConsoleSize: Rare[specs.Box]{p.ConsoleSize}, User: p.User, Args: p.Args, CommandLine: p.CommandLine,
		Env: p.Env, Cwd: p.Cwd, Capabilities: p.Capabilities, Rlimits: p.Rlimits, NoNewPrivileges: p.NoNewPrivileges,
		ApparmorProfile: p.ApparmorProfile, OOMScoreAdj: p.OOMScoreAdj, Scheduler: Rare[specs.Scheduler]{p.Scheduler},
		SelinuxLabel: p.SelinuxLabel, IOPriority: Rare[specs.LinuxIOPriority]{p.IOPriority},
		ExecCPUAffinity: Rare[specs.CPUAffinity]{p.ExecCPUAffinity},
	}
}

func linuxOf(l *specs.Linux) (*linuxDocument, error) {
	if l == nil {
		return nil, nil
	}
	d := &linuxDocument{
		UIDMappings: list(l.UIDMappings), GIDMappings: list(l.GIDMappings), Sysctl: l.Sysctl, Resources: resourcesOf(l.Resources),
		CgroupsPath: l.CgroupsPath, Namespaces: l.Namespaces, Devices: list(l.Devices), NetDevices: table(l.NetDevices),
		RootfsPropagation: l.RootfsPropagation, MaskedPaths: l.MaskedPaths, ReadonlyPaths: l.ReadonlyPaths, MountLabel: l.MountLabel,
		IntelRdt: Rare[specs.LinuxIntelRdt]{l.IntelRdt}, MemoryPolicy: Rare[specs.LinuxMemoryPolicy]{l.MemoryPolicy},
		Personality: Rare[specs.LinuxPersonality]{l.Personality}, TimeOffsets: table(l.TimeOffsets),
	}
	if l.Seccomp == nil {
		return d, nil
	}
	var err error
	d.Seccomp, err = json.Marshal(l.Seccomp)
	return d, err
}

func resourcesOf(r *specs.LinuxResources) *resourcesDocument {
	if r == nil {
		return nil
	}
	return &resourcesDocument{
		Devices: r.Devices, Memory: Rare[specs.LinuxMemory]{r.Memory}, CPU: Rare[specs.LinuxCPU]{r.CPU}, Pids: Rare[specs.LinuxPids]{r.Pids},
		BlockIO: Rare[specs.LinuxBlockIO]{r.BlockIO}, HugepageLimits: list(r.HugepageLimits), Network: Rare[specs.LinuxNetwork]{r.Network},
		Rdma: table(r.Rdma), Unified: r.Unified,
	}
}

// Decode returns a specification, its Linux never nil, and the filter of system
// calls, which it lacks.
func Decode(text []byte) (*specs.Spec, json.RawMessage, error) {
	d := &document{}
	if err := Unmarshal(text, d); err != nil {
		return nil, nil, err
	}
	s := &specs.Spec{
		Version: d.Version, Process: d.Process.spec(), Root: d.Root, Hostname: d.Hostname, Domainname: d.Domainname,
		Mounts: d.Mounts, Hooks: d.Hooks.Value, Annotations: d.Annotations, Linux: &specs.Linux{},
		Solaris: d.Solaris.Value, Windows: d.Windows.Value, VM: d.VM.Value, ZOS: d.ZOS.Value, FreeBSD: d.FreeBSD.Value,
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
		Terminal: d.Terminal, ConsoleSize: d.ConsoleSize.Value, User: d.User, Args: d.Args, CommandLine: d.CommandLine,
		Env: d.Env, Cwd: d.Cwd, Capabilities: d.Capabilities, Rlimits: d.Rlimits, NoNewPrivileges: d.NoNewPrivileges,
		ApparmorProfile: d.ApparmorProfile, OOMScoreAdj: d.OOMScoreAdj, Scheduler: d.Scheduler.Value,
		SelinuxLabel: d.SelinuxLabel, IOPriority: d.IOPriority.Value, ExecCPUAffinity: d.ExecCPUAffinity.Value,
	}
}

func (d *linuxDocument) spec() *specs.Linux {
	return &specs.Linux{
		UIDMappings: d.UIDMappings.or(nil), GIDMappings: d.GIDMappings.or(nil), Sysctl: d.Sysctl,
		Resources: d.Resources.spec(), CgroupsPath: d.CgroupsPath, Namespaces: d.Namespaces, Devices: d.Devices.or(nil),
		NetDevices: d.NetDevices.or(nil), RootfsPropagation: d.RootfsPropagation, MaskedPaths: d.MaskedPaths,
		ReadonlyPaths: d.ReadonlyPaths, MountLabel: d.MountLabel, IntelRdt: d.IntelRdt.Value,
		MemoryPolicy: d.MemoryPolicy.Value, Personality: d.Personality.Value, TimeOffsets: d.TimeOffsets.or(nil),
	}
}

func (d *resourcesDocument) spec() *specs.LinuxResources {
	if d == nil {
		return nil
	}
	return &specs.LinuxResources{
		Devices: d.Devices, Memory: d.Memory.Value, CPU: d.CPU.Value, Pids: d.Pids.Value, BlockIO: d.BlockIO.Value,
		HugepageLimits: d.HugepageLimits.or(nil), Network: d.Network.Value, Rdma: d.Rdma.or(nil), Unified: d.Unified,
	}
}
