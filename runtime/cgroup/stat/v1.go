package stat

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"mydocker/runtime/cgroup"
)

// tick is the unit of cpuacct.stat in nanoseconds: USER_HZ is 100 everywhere.
const tick = 1e9 / 100

func (s *Stats) readV1(l cgroup.Layout, path string) error {
	for _, c := range []struct {
		controller string
		read       func(group) error
	}{
		{"cpuset", s.cpusetV1}, {"memory", s.memoryV1}, {"cpu", s.cpuV1}, {"cpuacct", s.cpuacctV1}, {"pids", s.pids},
		{"blkio", s.blkioV1}, {"hugetlb", s.hugetlbV1},
	} {
		dir := l.GroupDir(c.controller, path)
		if dir == "" {
			continue
		}
		if err := c.read(group(dir)); err != nil {
			return fmt.Errorf("read the use of %s: %w", c.controller, err)
		}
	}
	return nil
}

func (s *Stats) cpuV1(g group) error {
	t, err := g.table("cpu.stat")
	s.CPU.Throttling = Throttling{t["nr_periods"], t["nr_throttled"], t["throttled_time"]}
	return err
}

func (s *Stats) cpuacctV1(g group) error {
	t, err := g.table("cpuacct.stat")
	if err != nil {
		return err
	}
	u := &s.CPU.Usage
	u.User, u.Kernel = t["user"]*tick, t["system"]*tick
	if u.Total, err = g.number("cpuacct.usage"); err != nil {
		return err
	}
	each, err := g.text("cpuacct.usage_percpu")
	if err != nil {
		return err
	}
	for _, f := range strings.Fields(each) {
		n, err := number("cpuacct.usage_percpu", f)
		if err != nil {
			return err
		}
		u.Percpu = append(u.Percpu, n)
	}
	modes, err := g.text("cpuacct.usage_all") // a line "cpu user system", then one for each CPU
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for line := range strings.Lines(modes) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] == "cpu" {
			continue
		}
		user, uerr := number("cpuacct.usage_all", f[1])
		kernel, kerr := number("cpuacct.usage_all", f[2])
		if err := errors.Join(uerr, kerr); err != nil {
			return err
		}
		u.PercpuUser, u.PercpuKernel = append(u.PercpuUser, user), append(u.PercpuKernel, kernel)
	}
	return nil
}

func (s *Stats) cpusetV1(g group) (err error) {
	c := &s.CPUSet
	if c.CPUs, err = g.list("cpuset.cpus"); err != nil {
		return err
	}
	if c.Mems, err = g.list("cpuset.mems"); err != nil {
		return err
	}
	level, err := g.text("cpuset.sched_relax_domain_level")
	if err == nil {
		c.SchedRelaxDomainLevel, err = strconv.ParseInt(strings.TrimSpace(level), 10, 64)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return g.numbers(want{"cpuset.cpu_exclusive", &c.CPUExclusive}, want{"cpuset.mem_hardwall", &c.MemHardwall},
		want{"cpuset.mem_exclusive", &c.MemExclusive}, want{"cpuset.memory_migrate", &c.MemoryMigrate},
		want{"cpuset.memory_spread_page", &c.MemorySpreadPage}, want{"cpuset.memory_spread_slab", &c.MemorySpreadSlab},
		want{"cpuset.memory_pressure", &c.MemoryPressure}, want{"cpuset.sched_load_balance", &c.SchedLoadBalance})
}

// list reads a list as "0-2,5".
func (g group) list(file string) (out []uint16, err error) {
	text, err := g.text(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, ferr := strconv.ParseUint(first, 10, 16)
		to, terr := strconv.ParseUint(last, 10, 16)
		if err := errors.Join(ferr, terr); err != nil {
			return nil, &fs.PathError{Op: "parse", Path: file, Err: err}
		}
		for n := from; n <= to; n++ {
			out = append(out, uint16(n))
		}
	}
	return out, nil
}

func (s *Stats) memoryV1(g group) (err error) {
	m := &s.Memory
	if m.Raw, err = g.table("memory.stat"); err != nil {
		return err
	}
	m.Cache = m.Raw["cache"]
	for name, e := range map[string]*Entry{"memory": &m.Usage, "memory.memsw": &m.Swap, "memory.kmem": &m.Kernel, "memory.kmem.tcp": &m.KernelTCP} {
		err := g.numbers(want{name + ".usage_in_bytes", &e.Usage}, want{name + ".max_usage_in_bytes", &e.Max},
			want{name + ".failcnt", &e.Failcnt}, want{name + ".limit_in_bytes", &e.Limit})
		if err != nil {
			return err
		}
	}
	return nil
}

// pids is the same in both versions.
func (s *Stats) pids(g group) error {
	p := &s.Pids
	err := g.numbers(want{"pids.current", &p.Current}, want{"pids.max", &p.Limit})
	if p.Limit == ^uint64(0) {
		p.Limit = 0
	}
	return err
}

// blkioV1 reads what the BFQ scheduler counts, or else what throttling does.
func (s *Stats) blkioV1(g group) error {
	b := &s.Blkio
	for _, prefix := range []string{"blkio.bfq.io_", "blkio.throttle.io_"} {
		serviced, err := g.devices(prefix + "serviced_recursive")
		if err != nil {
			return err
		}
		if serviced == nil {
			continue
		}
		b.IoServicedRecursive = serviced
		if b.IoServiceBytesRecursive, err = g.devices(prefix + "service_bytes_recursive"); err != nil || prefix == "blkio.throttle.io_" {
			return err
		}
		return s.bfqDebug(g)
	}
	return nil
}

// bfqDebug reads what BFQ counts in kernels that are built for it.
func (s *Stats) bfqDebug(g group) (err error) {
	b := &s.Blkio
	for file, to := range map[string]*[]BlkioEntry{
		"sectors": &b.SectorsRecursive, "io_service_time": &b.IoServiceTimeRecursive, "io_wait_time": &b.IoWaitTimeRecursive,
		"io_merged": &b.IoMergedRecursive, "io_queued": &b.IoQueuedRecursive, "time": &b.IoTimeRecursive,
	} {
		if *to, err = g.devices("blkio.bfq." + file + "_recursive"); err != nil {
			return err
		}
	}
	return nil
}

// devices reads lines as "8:0 Read 4096" or "8:0 4096", without the sums over
// all devices. Nothing: there is no device that was used.
func (g group) devices(file string) (out []BlkioEntry, err error) {
	text, err := g.text(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] == "Total" {
			continue
		}
		var e BlkioEntry
		if e.Major, e.Minor, err = deviceNumber(file, f[0]); err != nil {
			return nil, err
		}
		if len(f) > 2 {
			e.Op = f[1]
		}
		if e.Value, err = number(file, f[len(f)-1]); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

func deviceNumber(file, s string) (major, minor uint64, err error) {
	a, b, _ := strings.Cut(s, ":")
	if major, err = number(file, a); err == nil {
		minor, err = number(file, b)
	}
	return major, minor, err
}

func (s *Stats) hugetlbV1(g group) error {
	for _, size := range pageSizes() {
		var h Hugetlb
		p := "hugetlb." + size + ".rsvd"
		err := g.numbers(want{p + ".usage_in_bytes", &h.Usage}, want{p + ".max_usage_in_bytes", &h.Max}, want{p + ".failcnt", &h.Failcnt})
		if err != nil {
			return err
		}
		s.Hugetlb[size] = h
	}
	return nil
}
