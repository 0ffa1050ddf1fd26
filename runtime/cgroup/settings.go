package cgroup

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// settings collects limits.
type settings []setting

func (s *settings) add(limit, controller, file, value string) {
	*s = append(*s, setting{limit, controller, file, value})
}

// number adds a limit that is there.
func number[T int64 | uint64 | uint16 | uint32](s *settings, limit, controller, file string, v *T) {
	if v != nil {
		s.add(limit, controller, file, fmt.Sprint(*v))
	}
}

// settingsV1 translates limits for hierarchies of version 1.
func (c *compiler) settingsV1(r *specs.LinuxResources) (s settings) {
	c.memoryV1(&s, r.Memory)
	c.cpuV1(&s, r.CPU)
	if p := r.Pids; p != nil && p.Limit != nil {
		s.add("pids limit", "pids", "pids.max", atMost(*p.Limit))
	}
	c.blkioV1(&s, r.BlockIO)
	for _, h := range r.HugepageLimits {
		s.add("huge page limit", "hugetlb", "hugetlb."+h.Pagesize+".limit_in_bytes", strconv.FormatUint(h.Limit, 10))
	}
	if n := r.Network; n != nil {
		number(&s, "network class", "net_cls", "net_cls.classid", n.ClassID)
		for _, p := range n.Priorities {
			s.add("network priority", "net_prio", "net_prio.ifpriomap", fmt.Sprintf("%s %d", p.Name, p.Priority))
		}
	}
	if len(r.Unified) > 0 {
		c.fail("unified limits need control groups of version 2")
	}
	return s
}

func (c *compiler) memoryV1(s *settings, m *specs.LinuxMemory) {
	if m == nil {
		return
	}
	number(s, "memory limit", "memory", "memory.limit_in_bytes", m.Limit)
	if m.Swap != nil && (c.has("memory.memsw.limit_in_bytes") || *m.Swap > 0 && m.Limit == nil) {
		number(s, "swap limit", "memory", "memory.memsw.limit_in_bytes", m.Swap) // after the limit: it may not be less
	}
	number(s, "memory reservation", "memory", "memory.soft_limit_in_bytes", m.Reservation)
	number(s, "memory swappiness", "memory", "memory.swappiness", m.Swappiness)
	if m.DisableOOMKiller != nil && *m.DisableOOMKiller {
		s.add("oom kill disable", "memory", "memory.oom_control", "1")
	}
}

func (c *compiler) cpuV1(s *settings, u *specs.LinuxCPU) {
	if u == nil {
		return
	}
	number(s, "CPU shares", "cpu", "cpu.shares", u.Shares)
	number(s, "CPU period", "cpu", "cpu.cfs_period_us", u.Period)
	number(s, "CPU quota", "cpu", "cpu.cfs_quota_us", u.Quota)
	number(s, "CPU burst", "cpu", "cpu.cfs_burst_us", u.Burst)
	number(s, "CPU real-time period", "cpu", "cpu.rt_period_us", u.RealtimePeriod)
	number(s, "CPU real-time runtime", "cpu", "cpu.rt_runtime_us", u.RealtimeRuntime)
	number(s, "CPU idle", "cpu", "cpu.idle", u.Idle)
	if u.Cpus != "" {
		s.add("CPU set", "cpuset", "cpuset.cpus", u.Cpus)
	}
	if u.Mems != "" {
		s.add("memory nodes", "cpuset", "cpuset.mems", u.Mems)
	}
}

func (c *compiler) blkioV1(s *settings, b *specs.LinuxBlockIO) {
	if b == nil {
		return
	}
	weight := "blkio.weight"
	if !c.has(weight) && c.has(bfqMark) {
		weight = "blkio.bfq.weight"
	}
	number(s, "block I/O weight", "blkio", weight, b.Weight)
	for _, d := range b.WeightDevice {
		if d.Weight != nil {
			s.add("block I/O weight", "blkio", weight+"_device", fmt.Sprintf("%d:%d %d", d.Major, d.Minor, *d.Weight))
		}
	}
	for _, t := range []struct {
		file    string
		devices []specs.LinuxThrottleDevice
	}{
		{"blkio.throttle.read_bps_device", b.ThrottleReadBpsDevice}, {"blkio.throttle.write_bps_device", b.ThrottleWriteBpsDevice},
		{"blkio.throttle.read_iops_device", b.ThrottleReadIOPSDevice}, {"blkio.throttle.write_iops_device", b.ThrottleWriteIOPSDevice},
	} {
		for _, d := range t.devices {
			s.add("block I/O rate", "blkio", t.file, fmt.Sprintf("%d:%d %d", d.Major, d.Minor, d.Rate))
		}
	}
}

// settingsV2 translates limits for version 2.
func (c *compiler) settingsV2(r *specs.LinuxResources) (s settings) {
	c.memoryV2(&s, r.Memory)
	cpuV2(&s, r.CPU)
	if p := r.Pids; p != nil && p.Limit != nil {
		s.add("pids limit", "pids", "pids.max", atMost(*p.Limit))
	}
	c.ioV2(&s, r.BlockIO)
	for _, h := range r.HugepageLimits {
		v := strconv.FormatUint(h.Limit, 10)
		s.add("huge page limit", "hugetlb", "hugetlb."+h.Pagesize+".max", v)
		s.add("huge page limit", "hugetlb", "hugetlb."+h.Pagesize+".rsvd.max", v)
	}
	if n := r.Network; n != nil && (n.ClassID != nil || len(n.Priorities) > 0) {
		c.fail("network classes and priorities need control groups of version 1")
	}
	for _, k := range slices.Sorted(maps.Keys(r.Unified)) {
		if strings.Contains(k, "/") {
			c.fail("unified limit %q is no name of a file", k)
			continue
		}
		s.add(k, "", k, r.Unified[k])
	}
	return s
}

// memoryV2 splits Docker's sum of memory and swap.
func (c *compiler) memoryV2(s *settings, m *specs.LinuxMemory) {
	if m == nil {
		return
	}
	if m.Limit != nil {
		s.add("memory limit", "memory", "memory.max", atMost(*m.Limit))
	}
	if m.Swap != nil {
		swap := *m.Swap
		if swap > 0 && m.Limit != nil && *m.Limit > 0 {
			if swap -= *m.Limit; swap < 0 {
				c.fail("swap limit: memory and swap together (%d) are less than memory (%d)", *m.Swap, *m.Limit)
			}
		}
		s.add("swap limit", "memory", "memory.swap.max", atMost(swap))
	}
	if m.Reservation != nil {
		s.add("memory reservation", "memory", "memory.low", atMost(*m.Reservation))
	}
	if m.DisableOOMKiller != nil && *m.DisableOOMKiller {
		c.fail("oom kill disable: control groups of version 2 cannot")
	}
}

func cpuV2(s *settings, u *specs.LinuxCPU) {
	if u == nil {
		return
	}
	if u.Shares != nil && *u.Shares > 0 {
		s.add("CPU shares", "cpu", "cpu.weight", strconv.FormatUint(weightOf(*u.Shares), 10))
	}
	if u.Quota != nil || u.Period != nil {
		quota, period := "max", "100000"
		if u.Quota != nil && *u.Quota > 0 {
			quota = strconv.FormatInt(*u.Quota, 10)
		}
		if u.Period != nil && *u.Period > 0 {
			period = strconv.FormatUint(*u.Period, 10)
		}
		s.add("CPU quota", "cpu", "cpu.max", quota+" "+period)
	}
	number(s, "CPU burst", "cpu", "cpu.max.burst", u.Burst)
	number(s, "CPU idle", "cpu", "cpu.idle", u.Idle)
	if u.Cpus != "" {
		s.add("CPU set", "cpuset", "cpuset.cpus", u.Cpus)
	}
	if u.Mems != "" {
		s.add("memory nodes", "cpuset", "cpuset.mems", u.Mems)
	}
}

// weightOf turns shares (2 to 262144, usually 1024) into a weight (1 to 10000,
// usually 100): a quadratic in the logarithm through these three pairs, as
// other runtimes have it since 2025.
func weightOf(shares uint64) uint64 {
	switch {
	case shares <= 2:
		return 1
	case shares >= 262144:
		return 10000
	}
	l := math.Log2(float64(shares))
	return uint64(math.Ceil(math.Pow(10, (l*l+125*l)/612.0-7.0/34.0)))
}

func (c *compiler) ioV2(s *settings, b *specs.LinuxBlockIO) {
	if b == nil {
		return
	}
	if b.Weight != nil && *b.Weight > 0 {
		if c.has(bfqWeight) {
			s.add("block I/O weight", "io", bfqWeight, fmt.Sprint(*b.Weight))
		} else { // 10 to 1000 becomes 1 to 10000
			s.add("block I/O weight", "io", "io.weight", fmt.Sprint(1+(uint64(*b.Weight)-10)*9999/990))
		}
	}
	for _, t := range []struct {
		key     string
		devices []specs.LinuxThrottleDevice
	}{
		{"rbps", b.ThrottleReadBpsDevice}, {"wbps", b.ThrottleWriteBpsDevice},
		{"riops", b.ThrottleReadIOPSDevice}, {"wiops", b.ThrottleWriteIOPSDevice},
	} {
		for _, d := range t.devices {
			s.add("block I/O rate", "io", "io.max", fmt.Sprintf("%d:%d %s=%d", d.Major, d.Minor, t.key, d.Rate))
		}
	}
}

// atMost returns a limit for a file that says "max" where there is none.
func atMost(v int64) string {
	if v < 0 {
		return "max"
	}
	return strconv.FormatInt(v, 10)
}

func deviceNumber(n *int64) string {
	if n == nil || *n < 0 {
		return "*"
	}
	return strconv.FormatInt(*n, 10)
}

// deviceLines are rules as the devices controller of version 1 takes them.
func deviceLines(rules []specs.LinuxDeviceCgroup) (out [][2]string) {
	for _, r := range bothKinds(rules) {
		verb := "deny"
		if r.Allow {
			verb = "allow"
		}
		kind, access := r.Type, r.Access
		if kind == "a" {
			out = append(out, [2]string{verb, "a"})
			continue
		}
		if access == "" {
			access = "rwm"
		}
		out = append(out, [2]string{verb, strings.Join([]string{kind, deviceNumber(r.Major) + ":" + deviceNumber(r.Minor), access}, " ")})
	}
	return out
}

// bothKinds writes a rule for both kinds of device as two, unless it is for all
// devices and uses: that is all the kernel's "a" can say.
func bothKinds(rules []specs.LinuxDeviceCgroup) (out []specs.LinuxDeviceCgroup) {
	for _, r := range rules {
		if r.Type != "" && r.Type != "a" {
			out = append(out, r)
			continue
		}
		if deviceNumber(r.Major) == "*" && deviceNumber(r.Minor) == "*" && (r.Access == "" || len(r.Access) == 3) {
			r.Type = "a"
			out = append(out, r)
			continue
		}
		for _, kind := range []string{"b", "c"} {
			r.Type = kind
			out = append(out, r)
		}
	}
	return out
}

// unsupported refuses by name what no hierarchy of ours can do.
func (c *compiler) unsupported(r *specs.LinuxResources) {
	if len(r.Rdma) > 0 {
		c.fail("rdma limits are not supported")
	}
	//lint:ignore SA1019 to be refused, it has to be looked at
	if m := r.Memory; m != nil && (m.Kernel != nil || m.KernelTCP != nil) {
		c.fail("kernel memory limits are not supported: kernels since 5.16 have none")
	}
	if b := r.BlockIO; b != nil && b.LeafWeight != nil {
		c.fail("block I/O leaf weights are not supported: kernels since 5.0 have none")
	}
	if c.Mode != V2 {
		return
	}
	if b := r.BlockIO; b != nil && len(b.WeightDevice) > 0 {
		c.fail("block I/O weights of single devices need control groups of version 1")
	}
	if u := r.CPU; u != nil && (u.RealtimePeriod != nil || u.RealtimeRuntime != nil) {
		c.fail("real-time CPU limits need control groups of version 1")
	}
	if m := r.Memory; m != nil && m.Swappiness != nil {
		c.fail("memory swappiness needs control groups of version 1")
	}
}
