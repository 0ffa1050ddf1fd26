package oci

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// minMemory is what Docker thinks a container cannot start without, in bytes.
const minMemory = 6 << 20

// check refuses limits that make no sense, and drops those that this kernel
// cannot enforce, with a warning, as Docker does.
func (m *maker) check(r *Resources) error {
	for _, part := range []func(*Resources) error{
		m.checkMemory, m.checkSwap, m.checkOOM, m.checkCPU, m.checkQuota, m.checkRealtime, m.checkCpuset, m.checkBlkio,
	} {
		if err := part(r); err != nil {
			return err
		}
	}
	if r.PidsLimit > 0 && m.lacks(LimitPids) {
		m.discard("PIDs limit capabilities", "PIDs limit discarded.")
		r.PidsLimit = 0
	}
	return nil
}

func (m *maker) lacks(limit string) bool { return slices.Contains(m.f.MissingLimits, limit) }

func (m *maker) discard(what, then string) {
	m.warn("Your kernel does not support " + what + " or the cgroup is not mounted. " + then)
}

func (m *maker) checkMemory(r *Resources) error {
	if r.Memory != 0 && r.Memory < minMemory {
		return errors.New("Minimum memory limit allowed is 6MB")
	}
	if r.Memory > 0 && m.lacks(LimitMemory) {
		m.discard("memory limit capabilities", "Limitation discarded.")
		r.Memory, r.MemorySwap = 0, -1
	}
	if r.MemoryReservation > 0 && m.lacks(LimitReservation) {
		m.discard("memory soft limit capabilities", "Limitation discarded.")
		r.MemoryReservation = 0
	}
	if r.MemoryReservation != 0 && r.MemoryReservation < minMemory {
		return errors.New("Minimum memory reservation allowed is 6MB")
	}
	if r.Memory > 0 && r.Memory < r.MemoryReservation {
		return errors.New("Minimum memory limit can not be less than memory reservation limit, see usage")
	}
	return nil
}

func (m *maker) checkSwap(r *Resources) error {
	if r.Memory > 0 && r.MemorySwap != -1 && m.lacks(LimitSwap) {
		m.discard("swap limit capabilities", "Memory limited without swap.")
		r.MemorySwap = -1
	}
	if r.MemorySwap < -1 {
		return fmt.Errorf("invalid memory swap %d: it is -1 or larger", r.MemorySwap)
	}
	if r.MemorySwap > 0 && r.Memory > r.MemorySwap {
		return errors.New("Minimum memoryswap limit should be larger than memory limit, see usage")
	}
	if r.Memory == 0 && r.MemorySwap > 0 {
		return errors.New("You should always set the Memory limit when using Memoryswap limit, see usage")
	}
	return nil
}

func (m *maker) checkOOM(r *Resources) error {
	if s := r.MemorySwappiness; s != nil {
		switch {
		case *s == -1: // Docker's command line's way to say: not set
			r.MemorySwappiness = nil
		case *s < 0 || *s > 100:
			return fmt.Errorf("Invalid value: %v, valid memory swappiness range is 0-100", *s)
		case m.f.Cgroups == "v2" || m.lacks(LimitSwappiness):
			m.discard("memory swappiness capabilities", "Memory swappiness discarded.")
			r.MemorySwappiness = nil
		}
	}
	if r.OOMKillDisable && (m.f.Cgroups == "v2" || m.lacks(LimitOOMKill)) {
		m.warn("Your kernel does not support OomKillDisable. OomKillDisable discarded.")
		r.OOMKillDisable = false
	}
	if r.OOMKillDisable && r.Memory == 0 {
		m.warn("OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.")
	}
	return nil
}

func (m *maker) checkCPU(r *Resources) error {
	switch {
	case r.NanoCPUs > 0 && r.CPUPeriod > 0:
		return errors.New("Conflicting options: Nano CPUs and CPU Period cannot both be set")
	case r.NanoCPUs > 0 && r.CPUQuota > 0:
		return errors.New("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
	case r.NanoCPUs > 0 && m.lacks(LimitCPUQuota):
		return errors.New("NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted")
	case r.NanoCPUs < 0, m.f.NumCPU > 0 && r.NanoCPUs > int64(m.f.NumCPU)*1e9,
		r.NanoCPUs > 0 && r.NanoCPUs < 1e7: // a quota has at least a millisecond
		return fmt.Errorf("Range of CPUs is from 0.01 to %d.00, as there are only %d CPUs available", m.f.NumCPU, m.f.NumCPU)
	case r.CPUShares < 0:
		return errors.New("shares: invalid argument")
	}
	if r.CPUShares > 0 && m.lacks(LimitCPUShares) {
		m.discard("CPU shares", "Shares discarded.")
		r.CPUShares = 0
	}
	if r.CPUShares > 0 { // the kernel's own bounds
		r.CPUShares = min(max(r.CPUShares, 2), 262144)
	}
	return nil
}

func (m *maker) checkQuota(r *Resources) error {
	if (r.CPUPeriod != 0 || r.CPUQuota != 0) && m.lacks(LimitCPUQuota) {
		m.warn("Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.")
		r.CPUPeriod, r.CPUQuota = 0, 0
	}
	if r.CPUPeriod != 0 && (r.CPUPeriod < 1000 || r.CPUPeriod > 1_000_000) {
		return errors.New("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
	}
	if r.CPUQuota > 0 && r.CPUQuota < 1000 {
		return errors.New("CPU cfs quota can not be less than 1ms (i.e. 1000)")
	}
	return nil
}

func (m *maker) checkRealtime(r *Resources) error {
	if r.CPURTPeriod == 0 && r.CPURTRuntime == 0 {
		return nil
	}
	if m.f.Cgroups == "v2" || m.lacks(LimitCPURealtime) {
		return errors.New("kernel does not support CPU real-time scheduler")
	}
	if r.CPURTPeriod < 0 || r.CPURTRuntime < 0 {
		return errors.New("invalid CPU real-time period or runtime: it must not be negative")
	}
	if r.CPURTPeriod != 0 && r.CPURTRuntime > r.CPURTPeriod {
		return errors.New("cpu real-time runtime cannot be higher than cpu real-time period")
	}
	return nil
}

func (m *maker) checkCpuset(r *Resources) error {
	if r.CpusetCpus == "" && r.CpusetMems == "" {
		return nil
	}
	if m.lacks(LimitCpuset) {
		m.discard("cpuset", "Cpuset discarded.")
		r.CpusetCpus, r.CpusetMems = "", ""
		return nil
	}
	if ok, err := within(r.CpusetCpus, m.f.CPUs); err != nil {
		return fmt.Errorf("Invalid value %s for cpuset cpus: %w", r.CpusetCpus, err)
	} else if !ok {
		return fmt.Errorf("Requested CPUs are not available - requested %s, available: %s", r.CpusetCpus, m.f.CPUs)
	}
	if ok, err := within(r.CpusetMems, m.f.Mems); err != nil {
		return fmt.Errorf("Invalid value %s for cpuset mems: %w", r.CpusetMems, err)
	} else if !ok {
		return fmt.Errorf("Requested memory nodes are not available - requested %s, available: %s", r.CpusetMems, m.f.Mems)
	}
	return nil
}

func (m *maker) checkBlkio(r *Resources) error {
	if m.lacks(LimitBlkioWeight) && (r.BlkioWeight > 0 || len(r.BlkioWeightDevice) > 0) {
		m.discard("Block I/O weight", "Weight discarded.")
		r.BlkioWeight, r.BlkioWeightDevice = 0, nil
	}
	if r.BlkioWeight > 0 && (r.BlkioWeight < 10 || r.BlkioWeight > 1000) {
		return errors.New("Range of blkio weight is from 10 to 1000")
	}
	for _, l := range r.BlkioWeightDevice {
		if l.Rate < 10 || l.Rate > 1000 {
			return fmt.Errorf("invalid weight for device: %s:%d", l.Path, l.Rate)
		}
	}
	if m.lacks(LimitBlkioRate) && len(r.DeviceReadBps)+len(r.DeviceWriteBps)+len(r.DeviceReadIOps)+len(r.DeviceWriteIOps) > 0 {
		m.discard("Block I/O rate limits", "Block I/O rate limits discarded.")
		r.DeviceReadBps, r.DeviceWriteBps, r.DeviceReadIOps, r.DeviceWriteIOps = nil, nil, nil, nil
	}
	return nil
}

// within tells whether a list ("0-3,8", see cpuset(7), List Format) asks for
// nothing that is not available. Where that is not known everything is.
func within(want, have string) (bool, error) {
	w, err := parseList(want)
	if err != nil || have == "" {
		return true, err
	}
	h, err := parseList(have)
	if err != nil {
		return false, err
	}
	for n := range w {
		if !h[n] {
			return false, nil
		}
	}
	return true, nil
}

// maxList is more than any kernel has CPUs.
const maxList = 8192

func parseList(s string) (map[int]bool, error) {
	out := map[int]bool{}
	if s == "" {
		return out, nil
	}
	for _, part := range strings.Split(s, ",") {
		a, b, isRange := strings.Cut(part, "-")
		if !isRange {
			b = a
		}
		first, err1 := strconv.ParseUint(a, 10, 16)
		last, err2 := strconv.ParseUint(b, 10, 16)
		if err1 != nil || err2 != nil || first > last || last >= maxList {
			return nil, fmt.Errorf("invalid format: %s", s)
		}
		for n := first; n <= last; n++ {
			out[int(n)] = true
		}
	}
	return out, nil
}
