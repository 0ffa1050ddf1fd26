// Package stat reads what a container uses, as the command "events" of the OCI
// runtimes tells it: the JSON is that of runc's types/events.go.
package stat

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"mydocker/runtime/cgroup"
)

// An Event is one line of "events": of type "stats" or "oom".
type Event struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Data any    `json:"data,omitempty"`
}

// Stats are the use and the limits of a container. Times are in nanoseconds,
// sizes in bytes.
type Stats struct {
	CPU     CPU                `json:"cpu"`
	CPUSet  CPUSet             `json:"cpuset"`
	Memory  Memory             `json:"memory"`
	Pids    Pids               `json:"pids"`
	Blkio   Blkio              `json:"blkio"`
	Hugetlb map[string]Hugetlb `json:"hugetlb"`
	// IntelRdt and NetworkInterfaces have a place in the format only.
	IntelRdt          struct{} `json:"intel_rdt"`
	NetworkInterfaces []any    `json:"network_interfaces"`
}

// CPU is the time used, and how often there was no more.
type CPU struct {
	Usage      Usage      `json:"usage,omitzero"`
	Throttling Throttling `json:"throttling,omitzero"`
	PSI        *PSI       `json:"psi,omitempty"`
}

// Usage is time, in total and on each CPU.
type Usage struct {
	Total        uint64   `json:"total,omitempty"`
	Percpu       []uint64 `json:"percpu,omitempty"`
	PercpuKernel []uint64 `json:"percpu_kernel,omitempty"`
	PercpuUser   []uint64 `json:"percpu_user,omitempty"`
	Kernel       uint64   `json:"kernel"`
	User         uint64   `json:"user"`
}

// Throttling counts the periods in which the quota was used up.
type Throttling struct {
	Periods          uint64 `json:"periods,omitempty"`
	ThrottledPeriods uint64 `json:"throttledPeriods,omitempty"`
	ThrottledTime    uint64 `json:"throttledTime,omitempty"`
}

// PSI tells for how long processes waited, see accounting/psi.rst.
type PSI struct {
	Some Pressure `json:"some,omitzero"`
	Full Pressure `json:"full,omitzero"`
}

// Pressure is a share of time in percent, and a time in microseconds.
type Pressure struct {
	Avg10  float64 `json:"avg10"`
	Avg60  float64 `json:"avg60"`
	Avg300 float64 `json:"avg300"`
	Total  uint64  `json:"total"`
}

// CPUSet is the set of version 1.
type CPUSet struct {
	CPUs                  []uint16 `json:"cpus,omitempty"`
	CPUExclusive          uint64   `json:"cpu_exclusive"`
	Mems                  []uint16 `json:"mems,omitempty"`
	MemHardwall           uint64   `json:"mem_hardwall"`
	MemExclusive          uint64   `json:"mem_exclusive"`
	MemoryMigrate         uint64   `json:"memory_migrate"`
	MemorySpreadPage      uint64   `json:"memory_spread_page"`
	MemorySpreadSlab      uint64   `json:"memory_spread_slab"`
	MemoryPressure        uint64   `json:"memory_pressure"`
	SchedLoadBalance      uint64   `json:"sched_load_balance"`
	SchedRelaxDomainLevel int64    `json:"sched_relax_domain_level"`
}

// Memory has the numbers of memory.stat in Raw. Swap is memory and swap together.
type Memory struct {
	Cache     uint64            `json:"cache,omitempty"`
	Usage     Entry             `json:"usage,omitzero"`
	Swap      Entry             `json:"swap,omitzero"`
	Kernel    Entry             `json:"kernel,omitzero"`
	KernelTCP Entry             `json:"kernelTCP,omitzero"`
	Raw       map[string]uint64 `json:"raw,omitempty"`
	PSI       *PSI              `json:"psi,omitempty"`
}

// Entry is one kind of memory.
type Entry struct {
	Limit   uint64 `json:"limit"`
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

// Pids counts tasks; a limit of 0 is none.
type Pids struct {
	Current uint64 `json:"current,omitempty"`
	Limit   uint64 `json:"limit,omitempty"`
}

// Blkio is what was read and written.
type Blkio struct {
	IoServiceBytesRecursive []BlkioEntry `json:"ioServiceBytesRecursive,omitempty"`
	IoServicedRecursive     []BlkioEntry `json:"ioServicedRecursive,omitempty"`
	IoQueuedRecursive       []BlkioEntry `json:"ioQueueRecursive,omitempty"`
	IoServiceTimeRecursive  []BlkioEntry `json:"ioServiceTimeRecursive,omitempty"`
	IoWaitTimeRecursive     []BlkioEntry `json:"ioWaitTimeRecursive,omitempty"`
	IoMergedRecursive       []BlkioEntry `json:"ioMergedRecursive,omitempty"`
	IoTimeRecursive         []BlkioEntry `json:"ioTimeRecursive,omitempty"`
	SectorsRecursive        []BlkioEntry `json:"sectorsRecursive,omitempty"`
	PSI                     *PSI         `json:"psi,omitempty"`
}

// BlkioEntry is one number of one device.
type BlkioEntry struct {
	Major uint64 `json:"major,omitempty"`
	Minor uint64 `json:"minor,omitempty"`
	Op    string `json:"op,omitempty"`
	Value uint64 `json:"value,omitempty"`
}

// Hugetlb is the use of huge pages of one size.
type Hugetlb struct {
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

// Read reads the numbers of a container's groups. What the host has no
// controller for is zero.
func Read(l cgroup.Layout, path string) (*Stats, error) {
	s := &Stats{Hugetlb: map[string]Hugetlb{}}
	var err error
	if l.Mode == cgroup.V2 {
		err = s.readV2(group(l.GroupDir("", path)))
	} else {
		err = s.readV1(l, path)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// A group is a control group's directory.
type group string

func (g group) text(file string) (string, error) {
	b, err := os.ReadFile(filepath.Join(string(g), file))
	return string(b), err
}

// number reads a file with one number. Files that are not there are 0: kernels
// have them or not.
func (g group) number(file string) (uint64, error) {
	s, err := g.text(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return number(file, strings.TrimSpace(s))
}

// table reads a file whose lines are a name and a number; a line of another
// kind is left out.
func (g group) table(file string) (map[string]uint64, error) {
	s, err := g.text(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out := map[string]uint64{}
	for line := range strings.Lines(s) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			out[name] = n
		}
	}
	return out, nil
}

// number parses a number of the kernel; "max" is the largest.
func number(file, s string) (uint64, error) {
	if s == "max" {
		return ^uint64(0), nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, &fs.PathError{Op: "parse", Path: file, Err: err}
	}
	return n, nil
}

// A want is a file and the place for its number.
type want struct {
	file string
	to   *uint64
}

func (g group) numbers(wants ...want) (err error) {
	for _, w := range wants {
		if *w.to, err = g.number(w.file); err != nil {
			return err
		}
	}
	return nil
}

// pageSizes are the sizes of huge pages, as control groups name them.
func pageSizes() (sizes []string) {
	entries, err := os.ReadDir("/sys/kernel/mm/hugepages")
	if err != nil {
		return nil
	}
	for _, e := range entries { // hugepages-2048kB
		kb, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(e.Name(), "hugepages-"), "kB"), 10, 64)
		if err != nil {
			continue
		}
		unit := 0
		for kb >= 1024 && unit < 2 {
			kb, unit = kb/1024, unit+1
		}
		sizes = append(sizes, strconv.FormatUint(kb, 10)+[]string{"KB", "MB", "GB"}[unit])
	}
	return sizes
}
