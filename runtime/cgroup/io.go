package cgroup

import (
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// checkIO refuses what the kernel, or this one, has not.
func (c *compiler) checkIO(b *specs.LinuxBlockIO) {
	leaf := given(b.LeafWeight) || slices.ContainsFunc(b.WeightDevice, func(d specs.LinuxWeightDevice) bool { return given(d.LeafWeight) })
	if leaf {
		c.fail("block I/O leaf weights are not supported: kernels since 5.0 have none")
	}
	for _, w := range weights(b) {
		if w < 10 || w > 1000 {
			c.fail("block I/O weight %d is not from 10 to 1000", w)
		}
	}
}

// weights are all that are given.
func weights(b *specs.LinuxBlockIO) (out []uint16) {
	if given(b.Weight) {
		out = append(out, *b.Weight)
	}
	for _, d := range b.WeightDevice {
		if given(d.Weight) {
			out = append(out, *d.Weight)
		}
	}
	return out
}

// rates are the four ways to throttle a device, with their names in version 1
// and 2.
func rates(b *specs.LinuxBlockIO) []rate {
	return []rate{
		{"blkio.throttle.read_bps_device", "rbps", b.ThrottleReadBpsDevice}, {"blkio.throttle.write_bps_device", "wbps", b.ThrottleWriteBpsDevice},
		{"blkio.throttle.read_iops_device", "riops", b.ThrottleReadIOPSDevice}, {"blkio.throttle.write_iops_device", "wiops", b.ThrottleWriteIOPSDevice},
	}
}

type rate struct {
	v1, v2  string
	devices []specs.LinuxThrottleDevice
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
		if given(d.Weight) {
			s.add("block I/O weight", "blkio", weight+"_device", fmt.Sprintf("%d:%d %d", d.Major, d.Minor, *d.Weight))
		}
	}
	for _, t := range rates(b) {
		for _, d := range t.devices {
			s.add("block I/O rate", "blkio", t.v1, fmt.Sprintf("%d:%d %d", d.Major, d.Minor, d.Rate))
		}
	}
}

// ioV2 sets weights of the BFQ scheduler where it is, and else those of the cost
// model, whose scale is another.
func (c *compiler) ioV2(s *settings, b *specs.LinuxBlockIO) {
	if b == nil {
		return
	}
	file, scale := "io.weight", func(w uint16) uint64 { return 1 + (uint64(w)-10)*9999/990 } // 10 to 1000 becomes 1 to 10000
	if c.has(bfqWeight) {
		file, scale = bfqWeight, func(w uint16) uint64 { return uint64(w) }
	}
	if given(b.Weight) {
		s.add("block I/O weight", "io", file, fmt.Sprint(scale(*b.Weight)))
	}
	for _, d := range b.WeightDevice {
		if given(d.Weight) {
			s.add("block I/O weight", "io", file, fmt.Sprintf("%d:%d %d", d.Major, d.Minor, scale(*d.Weight)))
		}
	}
	for _, t := range rates(b) {
		for _, d := range t.devices {
			value := fmt.Sprint(d.Rate)
			if d.Rate == 0 { // no limit, as in version 1
				value = "max"
			}
			s.add("block I/O rate", "io", "io.max", fmt.Sprintf("%d:%d %s=%s", d.Major, d.Minor, t.v2, value))
		}
	}
}
