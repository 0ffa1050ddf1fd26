package oci

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// cpuPeriod is the period, in microseconds, in which --cpus counts.
const cpuPeriod = 100_000

// resources sets the limits of the container's cgroup, in the specification's
// units. What is not asked for is not set.
func (m *maker) resources() error {
	r := m.r.Resources // a copy: checking drops what the kernel cannot do
	if err := m.check(&r); err != nil {
		return err
	}
	out := m.s.Linux.Resources
	out.Memory = memory(r)
	out.CPU = cpu(r)
	if r.PidsLimit != 0 {
		limit := max(r.PidsLimit, -1)
		out.Pids = &specs.LinuxPids{Limit: &limit}
	}
	return m.blockIO(r)
}

// memory returns the limits of memory, or nil. Swap is twice the memory where
// the user says nothing, as with Docker; -1 leaves it unlimited, which it is.
func memory(r Resources) *specs.LinuxMemory {
	var out specs.LinuxMemory
	if r.MemorySwap == 0 && r.Memory > 0 {
		r.MemorySwap = 2 * r.Memory
	}
	out.Limit = positive(r.Memory)
	out.Reservation = positive(r.MemoryReservation)
	out.Swap = positive(r.MemorySwap)
	if r.MemorySwappiness != nil {
		n := uint64(*r.MemorySwappiness)
		out.Swappiness = &n
	}
	if r.OOMKillDisable {
		out.DisableOOMKiller = &r.OOMKillDisable
	}
	if out == (specs.LinuxMemory{}) {
		return nil
	}
	return &out
}

func cpu(r Resources) *specs.LinuxCPU {
	out := specs.LinuxCPU{Cpus: r.CpusetCpus, Mems: r.CpusetMems}
	if r.NanoCPUs > 0 {
		r.CPUPeriod, r.CPUQuota = cpuPeriod, r.NanoCPUs*cpuPeriod/1e9
	}
	out.Shares = unsigned(r.CPUShares)
	out.Period = unsigned(r.CPUPeriod)
	out.RealtimePeriod = unsigned(r.CPURTPeriod)
	out.RealtimeRuntime = nonzero(r.CPURTRuntime)
	out.Quota = nonzero(r.CPUQuota)
	if out == (specs.LinuxCPU{}) {
		return nil
	}
	return &out
}

func nonzero(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

func positive(n int64) *int64 { return nonzero(max(n, 0)) }

func unsigned(n int64) *uint64 {
	if n <= 0 {
		return nil
	}
	u := uint64(n)
	return &u
}

// blockIO sets the weights and rates of block devices.
func (m *maker) blockIO(r Resources) error {
	var out specs.LinuxBlockIO
	if r.BlkioWeight > 0 {
		out.Weight = &r.BlkioWeight
	}
	for _, l := range r.BlkioWeightDevice {
		w := specs.LinuxWeightDevice{}
		weight := uint16(l.Rate)
		w.Weight = &weight
		n, err := m.blockDevice(l.Path)
		if err != nil {
			return err
		}
		w.Major, w.Minor = n.Major, n.Minor
		out.WeightDevice = append(out.WeightDevice, w)
	}
	for _, t := range []struct {
		from []Limit
		to   *[]specs.LinuxThrottleDevice
	}{
		{r.DeviceReadBps, &out.ThrottleReadBpsDevice},
		{r.DeviceWriteBps, &out.ThrottleWriteBpsDevice},
		{r.DeviceReadIOps, &out.ThrottleReadIOPSDevice},
		{r.DeviceWriteIOps, &out.ThrottleWriteIOPSDevice},
	} {
		var err error
		if *t.to, err = m.throttle(t.from); err != nil {
			return err
		}
	}
	if out.Weight != nil || out.WeightDevice != nil || out.ThrottleReadBpsDevice != nil || out.ThrottleWriteBpsDevice != nil ||
		out.ThrottleReadIOPSDevice != nil || out.ThrottleWriteIOPSDevice != nil {
		m.s.Linux.Resources.BlockIO = &out
	}
	return nil
}

func (m *maker) throttle(limits []Limit) (out []specs.LinuxThrottleDevice, err error) {
	for _, l := range limits {
		n, err := m.blockDevice(l.Path)
		if err != nil {
			return nil, err
		}
		t := specs.LinuxThrottleDevice{Rate: l.Rate}
		t.Major, t.Minor = n.Major, n.Minor
		out = append(out, t)
	}
	return out, nil
}

// blockDevice looks a device up on the host by its path.
func (m *maker) blockDevice(path string) (n Node, err error) {
	found := []Node(nil)
	if err = ErrNotDevice; m.f.Nodes != nil {
		found, err = m.f.Nodes(path)
	}
	if err == nil && (len(found) != 1 || found[0].Type != "b") {
		err = fmt.Errorf("not a block device")
	}
	if err != nil {
		return n, fmt.Errorf("stat %s: %w", path, err)
	}
	return found[0], nil
}
