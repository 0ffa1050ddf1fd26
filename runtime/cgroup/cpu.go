package cgroup

import (
	"fmt"
	"math"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Bounds of shares, which the kernel keeps without a word.
const minShares, maxShares = 2, 262144

func (c *compiler) cpuV1(s *settings, u *specs.LinuxCPU) {
	if u == nil {
		return
	}
	if given(u.Shares) && *u.Shares < minShares {
		c.fail("the minimum allowed cpu-shares is %d", minShares)
	}
	if given(u.Shares) && *u.Shares > maxShares {
		c.fail("the maximum allowed cpu-shares is %d", maxShares)
	}
	number(s, "CPU shares", "cpu", "cpu.shares", u.Shares)
	if given(u.Period) {
		s.addBound("cfs", "CPU period", "cpu", "cpu.cfs_period_us", fmt.Sprint(*u.Period))
	}
	if given(u.Quota) {
		s.addBound("cfs", "CPU quota", "cpu", "cpu.cfs_quota_us", fmt.Sprint(*u.Quota))
	}
	if u.Burst != nil {
		s.addBound("cfs", "CPU burst", "cpu", "cpu.cfs_burst_us", fmt.Sprint(*u.Burst))
	}
	if given(u.RealtimePeriod) {
		s.addBound("rt", "CPU real-time period", "cpu", "cpu.rt_period_us", fmt.Sprint(*u.RealtimePeriod))
	}
	if given(u.RealtimeRuntime) {
		s.addBound("rt", "CPU real-time runtime", "cpu", "cpu.rt_runtime_us", fmt.Sprint(*u.RealtimeRuntime))
	}
	if u.Idle != nil {
		s.add("CPU idle", "cpu", "cpu.idle", fmt.Sprint(*u.Idle))
	}
	cpuset(s, u)
}

func cpuV2(s *settings, u *specs.LinuxCPU) {
	if u == nil {
		return
	}
	if given(u.Shares) {
		s.add("CPU shares", "cpu", "cpu.weight", strconv.FormatUint(Weight(*u.Shares), 10))
	}
	if given(u.Quota) || given(u.Period) {
		quota, period := "max", "100000"
		if u.Quota != nil && *u.Quota > 0 {
			quota = strconv.FormatInt(*u.Quota, 10)
		}
		if given(u.Period) {
			period = strconv.FormatUint(*u.Period, 10)
		}
		s.addBound("cfs", "CPU quota", "cpu", "cpu.max", quota+" "+period)
	}
	if u.Burst != nil {
		s.addBound("cfs", "CPU burst", "cpu", "cpu.max.burst", fmt.Sprint(*u.Burst))
	}
	if u.Idle != nil {
		s.add("CPU idle", "cpu", "cpu.idle", fmt.Sprint(*u.Idle))
	}
	cpuset(s, u)
}

func cpuset(s *settings, u *specs.LinuxCPU) {
	if u.Cpus != "" {
		s.add("CPU set", "cpuset", "cpuset.cpus", u.Cpus)
	}
	if u.Mems != "" {
		s.add("memory nodes", "cpuset", "cpuset.mems", u.Mems)
	}
}

// Weight turns shares (2 to 262144, usually 1024) into a weight (1 to 10000,
// usually 100): a quadratic in the logarithm through these three pairs, as
// other runtimes have it since 2025.
func Weight(shares uint64) uint64 {
	switch {
	case shares <= minShares:
		return 1
	case shares >= maxShares:
		return 10000
	}
	l := math.Log2(float64(shares))
	return uint64(math.Ceil(math.Pow(10, (l*l+125*l)/612.0-7.0/34.0)))
}
