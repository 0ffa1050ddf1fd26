package cgroup

import (
	"errors"
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
)

const memsw = "memory.memsw.limit_in_bytes"

// memoryV1 limits memory, and memory and swap together, which may not be less.
// Memory without a limit has swap without a limit, where nothing else is said.
func (c *compiler) memoryV1(s *settings, m *specs.LinuxMemory) {
	if m == nil {
		return
	}
	if given(m.Limit) {
		s.addBound("memory", "memory limit", "memory", "memory.limit_in_bytes", fmt.Sprint(*m.Limit))
	}
	switch {
	case given(m.Swap):
		if c.has(memsw) || *m.Swap > 0 && !given(m.Limit) {
			s.addBound("memory", "swap limit", "memory", memsw, fmt.Sprint(*m.Swap))
		}
	case given(m.Limit) && *m.Limit == -1 && c.has(memsw):
		s.addBound("memory", "swap limit", "memory", memsw, "-1")
	}
	number(s, "memory reservation", "memory", "memory.soft_limit_in_bytes", m.Reservation)
	if tcp := m.KernelTCP; given(tcp) {
		s.add("kernel TCP memory limit", "memory", "memory.kmem.tcp.limit_in_bytes", fmt.Sprint(*tcp))
		(*s)[len(*s)-1].optional = true
	}
	if m.Swappiness != nil {
		s.add("memory swappiness", "memory", "memory.swappiness", fmt.Sprint(*m.Swappiness))
	}
	if m.DisableOOMKiller != nil && *m.DisableOOMKiller {
		s.add("oom kill disable", "memory", "memory.oom_control", "1")
	}
}

// memoryV2 splits the specification's sum of memory and swap.
func (c *compiler) memoryV2(s *settings, m *specs.LinuxMemory) {
	if m == nil {
		return
	}
	if given(m.Limit) {
		s.add("memory limit", "memory", "memory.max", atMost(*m.Limit))
	}
	swap, err := SwapAlone(m)
	if err != nil {
		c.fail("%w", err)
	}
	if swap != nil {
		none := *swap <= 0 // a kernel without swap accounting has no file, and nothing to do
		s.add("swap limit", "memory", "memory.swap.max", atMost(*swap))
		(*s)[len(*s)-1].optional = none
	}
	if given(m.Reservation) {
		s.add("memory reservation", "memory", "memory.low", atMost(*m.Reservation))
	}
}

// SwapAlone returns the limit of swap without memory, as version 2 has it: -1 is
// none, nil leaves it as it is.
func SwapAlone(m *specs.LinuxMemory) (*int64, error) {
	var limit, swap int64
	if m.Limit != nil {
		limit = *m.Limit
	}
	if m.Swap != nil {
		swap = *m.Swap
	}
	switch {
	case limit == -1 && swap == 0:
		swap = -1
	case swap == 0:
		return nil, nil
	case swap < 0 || limit == -1: // as it is
	case limit == 0:
		return nil, errors.New("unable to set swap limit without memory limit")
	case limit < 0:
		return nil, fmt.Errorf("invalid memory value: %d", limit)
	case swap < limit:
		return nil, errors.New("memory+swap limit should be >= memory limit")
	default:
		swap -= limit
	}
	return &swap, nil
}
