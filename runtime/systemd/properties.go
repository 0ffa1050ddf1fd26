package systemd

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/runtime/cgroup"
)

// A Property is one of a unit.
type Property struct {
	Name string
	// Text is the value in GVariant's text format.
	Text string
	// Since is the version of systemd that has it, if it is a recent one: before,
	// the property is left out.
	Since int `json:",omitempty"`

	value dbus.Variant
}

func property(name string, value any) Property {
	v := dbus.MakeVariant(value)
	return Property{Name: name, Text: v.String(), value: v}
}

// properties collects them.
type properties []Property

func (p *properties) add(name string, value any) { *p = append(*p, property(name, value)) }

// infinity is a limit that is none.
const infinity = math.MaxUint64

// Limits returns the properties for limits: those that systemd would else reset
// to its own when it looks at the unit again. It does no I/O.
func Limits(l cgroup.Layout, r *specs.LinuxResources) ([]Property, error) {
	if r == nil {
		return nil, nil
	}
	var p properties
	var err error
	if l.Mode == cgroup.V2 {
		err = p.memoryV2(r.Memory)
		p.weight(r.CPU)
	} else {
		p.onlyV1(r)
	}
	if err == nil {
		err = p.cpu(r.CPU)
	}
	if err != nil {
		return nil, err
	}
	if r.Pids != nil && r.Pids.Limit != nil {
		p.tasks(*r.Pids.Limit)
	}
	if l.Mode == cgroup.V2 {
		err = p.unified(r.Unified)
	}
	return p, err
}

func given[T int64 | uint64 | uint16](v *T) bool { return v != nil && *v != 0 }

func (p *properties) onlyV1(r *specs.LinuxResources) {
	if r.Memory != nil && given(r.Memory.Limit) {
		p.add("MemoryLimit", uint64(*r.Memory.Limit))
	}
	if r.CPU != nil && given(r.CPU.Shares) {
		p.add("CPUShares", *r.CPU.Shares)
	}
	if r.BlockIO != nil && given(r.BlockIO.Weight) {
		p.add("BlockIOWeight", uint64(*r.BlockIO.Weight))
	}
}

func (p *properties) memoryV2(m *specs.LinuxMemory) error {
	if m == nil {
		return nil
	}
	if given(m.Limit) {
		p.add("MemoryMax", uint64(*m.Limit))
	}
	if given(m.Reservation) {
		p.add("MemoryLow", uint64(*m.Reservation))
	}
	swap, err := cgroup.SwapAlone(m)
	if err == nil && swap != nil {
		p.add("MemorySwapMax", uint64(*swap))
	}
	return err
}

// idleSince is the version in which a weight of 0 came to be an idle group.
const idleSince = 252

// weight sets the share of an idle group, which has none, or of another.
func (p *properties) weight(c *specs.LinuxCPU) {
	switch {
	case c == nil:
	case c.Idle != nil && *c.Idle == 1:
		p.add("CPUWeight", uint64(0))
		(*p)[len(*p)-1].Since = idleSince
	case given(c.Shares):
		p.add("CPUWeight", cgroup.Weight(*c.Shares))
	}
}

func (p *properties) cpu(c *specs.LinuxCPU) error {
	if c == nil {
		return nil
	}
	var quota int64
	var period uint64
	if c.Quota != nil {
		quota = *c.Quota
	}
	if c.Period != nil {
		period = *c.Period
	}
	p.quota(quota, period)
	return p.cpuset(c.Cpus, c.Mems)
}

// quota sets a share of time. Systemd counts in percents: a part of one is
// rounded up.
func (p *properties) quota(quota int64, period uint64) {
	if period != 0 {
		p.add("CPUQuotaPeriodUSec", period)
	}
	if quota == 0 && period == 0 {
		return
	}
	perSecond := uint64(infinity)
	if quota > 0 {
		if period == 0 {
			period = 100000
		}
		const percent = 10000
		perSecond = (uint64(quota)*1000000/period + percent - 1) / percent * percent
	}
	p.add("CPUQuotaPerSecUSec", perSecond)
}

func (p *properties) cpuset(cpus, mems string) error {
	for _, s := range []struct{ name, list string }{{"AllowedCPUs", cpus}, {"AllowedMemoryNodes", mems}} {
		if s.list == "" {
			continue
		}
		bits, err := bitsOf(s.list)
		if err != nil {
			return fmt.Errorf("%s %q: %w", s.name, s.list, err)
		}
		p.add(s.name, bits)
	}
	return nil
}

// bitsOf turns a list ("0-2,5") into bits, the first byte for 0 to 7.
func bitsOf(list string) ([]byte, error) {
	var bits []byte
	for _, part := range strings.Split(list, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 13) // kernels have 8192 at most
		if err != nil {
			return nil, err
		}
		to, err := strconv.ParseUint(last, 10, 13)
		if err != nil {
			return nil, err
		}
		if from > to {
			return nil, fmt.Errorf("invalid range: %s", part)
		}
		for n := from; n <= to; n++ {
			for uint64(len(bits)) <= n/8 {
				bits = append(bits, 0)
			}
			bits[n/8] |= 1 << (n % 8)
		}
	}
	if len(bits) == 0 {
		return nil, fmt.Errorf("empty value")
	}
	return bits, nil
}

// tasks limits them; systemd has no 0.
func (p *properties) tasks(limit int64) {
	switch {
	case limit < 0:
		p.add("TasksMax", uint64(infinity))
	case limit == 0:
		p.add("TasksMax", uint64(1))
	default:
		p.add("TasksMax", uint64(limit))
	}
}

// bytesOf are the files of version 2 whose value is a property's, or "max".
var bytesOf = map[string]string{
	"memory.high": "MemoryHigh", "memory.low": "MemoryLow", "memory.min": "MemoryMin", "memory.max": "MemoryMax",
	"memory.swap.max": "MemorySwapMax", "pids.max": "TasksMax",
}

// unified sets what has a property; the others are only written to the group.
func (p *properties) unified(files map[string]string) error {
	for _, k := range slices.Sorted(maps.Keys(files)) {
		if err := p.file(k, strings.TrimSpace(files[k]), files); err != nil {
			return fmt.Errorf("unified resource %q value invalid: %q: %w", k, files[k], err)
		}
	}
	return nil
}

func (p *properties) file(k, v string, files map[string]string) error {
	idle := strings.TrimSpace(files["cpu.idle"]) == "1"
	switch k {
	case "cpu.idle":
		if idle {
			p.weight(&specs.LinuxCPU{Idle: new(int64(1))})
		}
	case "cpu.weight":
		n, err := strconv.ParseUint(v, 10, 64)
		if err == nil && !idle {
			p.add("CPUWeight", n)
		}
		return err
	case "cpu.max":
		return p.cpuMax(v)
	case "cpuset.cpus":
		return p.cpuset(v, "")
	case "cpuset.mems":
		return p.cpuset("", v)
	}
	name := bytesOf[k]
	if name == "" {
		return nil
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if v == "max" {
		n, err = infinity, nil
	}
	if name == "TasksMax" && n == 0 {
		n = 1
	}
	if err == nil {
		p.add(name, n)
	}
	return err
}

// cpuMax takes "QUOTA" or "QUOTA PERIOD".
func (p *properties) cpuMax(v string) error {
	f := strings.Fields(v)
	if len(f) < 1 || len(f) > 2 {
		return fmt.Errorf("it is not a quota and a period")
	}
	quota, period := int64(0), uint64(100000)
	var err error
	if f[0] != "max" {
		if quota, err = strconv.ParseInt(f[0], 10, 64); err != nil {
			return err
		}
	}
	if len(f) == 2 {
		if period, err = strconv.ParseUint(f[1], 10, 64); err != nil {
			return err
		}
	}
	p.quota(quota, period)
	return nil
}
