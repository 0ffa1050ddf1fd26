package stat

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
)

func (s *Stats) readV2(g group) error {
	if g == "" {
		return errors.New("read the use of control groups: there is no group")
	}
	for _, read := range []func(group) error{s.pidsV2, s.memoryV2, s.ioV2, s.cpuV2, s.hugetlbV2} {
		if err := read(g); err != nil {
			return fmt.Errorf("read the use of control groups: %w", err)
		}
	}
	return nil
}

// pidsV2 counts processes where there is no controller for it.
func (s *Stats) pidsV2(g group) error {
	if _, err := g.text("pids.current"); err == nil {
		return s.pids(g)
	}
	procs, err := g.text("cgroup.procs")
	if errors.Is(err, syscall.EOPNOTSUPP) {
		procs, err = g.text("cgroup.threads")
	}
	s.Pids.Current = uint64(strings.Count(procs, "\n"))
	return err
}

func (s *Stats) cpuV2(g group) error {
	t, err := g.table("cpu.stat")
	if err != nil {
		return err
	}
	const usec = 1000
	s.CPU.Usage = Usage{Total: t["usage_usec"] * usec, User: t["user_usec"] * usec, Kernel: t["system_usec"] * usec}
	s.CPU.Throttling = Throttling{t["nr_periods"], t["nr_throttled"], t["throttled_usec"] * usec}
	s.CPU.PSI, err = g.pressure("cpu.pressure")
	return err
}

// memoryV2 adds memory to swap, which version 1 counts together.
func (s *Stats) memoryV2(g group) (err error) {
	m := &s.Memory
	if m.Raw, err = g.table("memory.stat"); err != nil {
		return err
	}
	m.Cache = m.Raw["file"]
	var swap Entry
	err = g.numbers(want{"memory.current", &m.Usage.Usage}, want{"memory.max", &m.Usage.Limit}, want{"memory.peak", &m.Usage.Max},
		want{"memory.swap.current", &swap.Usage}, want{"memory.swap.max", &swap.Limit})
	if err != nil {
		return err
	}
	swap.Usage += m.Usage.Usage
	if swap.Limit != ^uint64(0) {
		swap.Limit += m.Usage.Limit
	}
	m.Swap = swap
	m.PSI, err = g.pressure("memory.pressure")
	return err
}

// ioV2 reads lines as "8:0 rbytes=4096 wbytes=0 rios=1 ...".
func (s *Stats) ioV2(g group) error {
	text, err := g.text("io.stat")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b := &s.Blkio
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		major, minor, err := deviceNumber("io.stat", f[0])
		if err != nil {
			return err
		}
		for _, item := range f[1:] {
			name, value, _ := strings.Cut(item, "=")
			to, op := b.place(name)
			if to == nil {
				continue
			}
			n, err := number("io.stat", value)
			if err != nil {
				return err
			}
			*to = append(*to, BlkioEntry{major, minor, op, n})
		}
	}
	b.PSI, err = g.pressure("io.pressure")
	return err
}

// place returns where version 1 has a number of io.stat.
func (b *Blkio) place(name string) (to *[]BlkioEntry, op string) {
	switch name {
	case "rbytes":
		return &b.IoServiceBytesRecursive, "Read"
	case "wbytes":
		return &b.IoServiceBytesRecursive, "Write"
	case "rios":
		return &b.IoServicedRecursive, "Read"
	case "wios":
		return &b.IoServicedRecursive, "Write"
	}
	return nil, ""
}

// pressure reads a file of PSI; nil where the kernel has none, or it is off.
func (g group) pressure(file string) (*PSI, error) {
	text, err := g.text(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EOPNOTSUPP) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &PSI{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		to := map[string]*Pressure{"some": &p.Some, "full": &p.Full}[f[0]]
		if to == nil {
			continue
		}
		for _, item := range f[1:] {
			if err := to.set(item); err != nil {
				return nil, &fs.PathError{Op: "parse", Path: file, Err: err}
			}
		}
	}
	return p, nil
}

// set takes one of the items "avg10=0.00" and "total=0".
func (p *Pressure) set(item string) (err error) {
	name, value, _ := strings.Cut(item, "=")
	switch name {
	case "avg10":
		p.Avg10, err = strconv.ParseFloat(value, 64)
	case "avg60":
		p.Avg60, err = strconv.ParseFloat(value, 64)
	case "avg300":
		p.Avg300, err = strconv.ParseFloat(value, 64)
	case "total":
		p.Total, err = strconv.ParseUint(value, 10, 64)
	}
	return err
}

func (s *Stats) hugetlbV2(g group) error {
	for _, size := range pageSizes() {
		p := "hugetlb." + size
		if _, err := g.text(p + ".rsvd.current"); errors.Is(err, fs.ErrNotExist) {
			continue // no controller
		}
		usage, err := g.number(p + ".rsvd.current")
		if err != nil {
			return err
		}
		events, err := g.table(p + ".events")
		if err != nil {
			return err
		}
		s.Hugetlb[size] = Hugetlb{Usage: usage, Failcnt: events["max"]}
	}
	return nil
}
