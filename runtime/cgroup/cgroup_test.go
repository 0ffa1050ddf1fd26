package cgroup

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
	"mydocker/plan"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	v1Info = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices
38 31 0:35 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio
39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
`
	hybridInfo = v1Info + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
	v2Info     = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
)

// layouts are the three kinds of host, with everything a kernel may have.
func layouts() map[string]Layout {
	out := map[string]Layout{}
	for name, info := range map[string]string{V1: v1Info, Hybrid: hybridInfo, V2: v2Info} {
		l := parse(info)
		l.Files = optional
		if name == V2 {
			l.Controllers = []string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids"}
		}
		out[name] = l
	}
	return out
}

func TestParse(t *testing.T) {
	if l := parse(v2Info + "33 31 0:30 / /sys/fs/cgroup/net_cls rw - cgroup cgroup rw,net_cls\n"); l.Mode != V2 || len(l.Hierarchies) > 0 {
		t.Errorf("version 2 with a hierarchy of version 1 below it: %+v", l)
	}
	for name, l := range layouts() {
		if l.Mode != name {
			t.Errorf("%s was taken for %q", name, l.Mode)
		}
	}
	l := layouts()[Hybrid]
	if h := l.hierarchy("cpuacct"); h == nil || h.Mount != "/sys/fs/cgroup/cpu,cpuacct" {
		t.Errorf("cpuacct: %v", h)
	}
	if h := l.hierarchy("name=systemd"); h == nil || len(h.Controllers) != 1 {
		t.Errorf("systemd: %v", h)
	}
}

func ptr[T any](v T) *T { return &v }

// everything has all the limits that both versions know.
func everything() *specs.LinuxResources {
	return &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr[int64](100 << 20), Swap: ptr[int64](150 << 20), Reservation: ptr[int64](50 << 20)},
		CPU:    &specs.LinuxCPU{Shares: ptr[uint64](512), Quota: ptr[int64](50000), Period: ptr[uint64](100000), Cpus: "0", Mems: "0"},
		Pids:   &specs.LinuxPids{Limit: ptr[int64](50)},
		BlockIO: &specs.LinuxBlockIO{Weight: ptr[uint16](300), ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{
			{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 0}, Rate: 1048576}}},
		HugepageLimits: []specs.LinuxHugepageLimit{},
		Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}, {Allow: true, Type: "c", Major: ptr[int64](1), Minor: ptr[int64](3), Access: "rwm"},
			{Allow: true, Type: "c", Major: ptr[int64](136), Access: "rw"}},
	}
}

func TestGolden(t *testing.T) {
	for name, l := range layouts() {
		r := everything()
		s, err := Compile(l, "/mydocker/ID", true, r, r.Devices)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, h := range s.Host {
			b.WriteString(h.Shell() + "\n")
		}
		for _, j := range s.Join {
			b.WriteString("# join\n" + j.Shell() + "\n")
		}
		b.WriteString("# born in " + s.V2Dir + "\n# undo\n")
		for _, h := range s.Host {
			if u := h.Undo(); u != nil {
				b.WriteString(u.Shell() + "\n")
			}
		}
		file := filepath.Join("testdata", name+".sh")
		if *update {
			os.MkdirAll("testdata", 0o755)
			os.WriteFile(file, []byte(b.String()), 0o644)
		}
		want, err := os.ReadFile(file)
		if err != nil || string(want) != b.String() {
			t.Errorf("%s (%v) is not\n%s", file, err, b.String())
		}
	}
}

func TestRefused(t *testing.T) {
	for want, r := range map[string]*specs.LinuxResources{
		"no hugetlb controller": {HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 1}}},
		"version 2":             {Unified: map[string]string{"memory.high": "1"}},
		"no net_cls controller": {Network: &specs.LinuxNetwork{ClassID: ptr[uint32](1)}},
	} {
		if _, err := Compile(layouts()[V1], "/mydocker/ID", true, r, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := Compile(layouts()[V2], "/", true, &specs.LinuxResources{}, nil); err == nil {
		t.Error("the root was taken for a container's group")
	}
	l := layouts()[V2]
	l.Controllers = []string{"cpu"}
	if _, err := Compile(l, "/mydocker/ID", true, everything(), nil); err == nil || !strings.Contains(err.Error(), "controller") {
		t.Errorf("without controllers: %v", err)
	}
}

func TestWeights(t *testing.T) {
	for shares, want := range map[uint64]uint64{2: 1, 1024: 100, 262144: 10000, 512: 59, 1: 1} {
		if got := Weight(shares); got != want {
			t.Errorf("%d shares are weight %d, want %d", shares, got, want)
		}
	}
}

// host compiles for this machine, into a group of the test's own.
func host(t *testing.T, r *specs.LinuxResources) Steps {
	testenv.Root(t)
	testenv.Leaks(t)
	l, err := Probe()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Compile(l, "/mydocker-test-cgroup/one", true, r, r.Devices)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// compiled are the steps for a layout, undone after the test.
func compiled(t *testing.T, l Layout, r *specs.LinuxResources) Steps {
	t.Helper()
	s, err := Compile(l, testPath, true, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { undo(t, s.Host) })
	return s
}

// compiledMade has done them, too.
func compiledMade(t *testing.T, l Layout, r *specs.LinuxResources) {
	t.Helper()
	do(t, compiled(t, l, r).Host)
}

func sorted(lines []string) []string { slices.Sort(lines); return lines }

func do(t *testing.T, steps []plan.HostStep) {
	t.Helper()
	for _, s := range steps {
		if err := s.Do(&plan.Env{}); err != nil {
			t.Fatalf("%s: %v", s.Shell(), err)
		}
	}
}

func undo(t *testing.T, steps []plan.HostStep) {
	t.Helper()
	for i := len(steps) - 1; i >= 0; i-- {
		if u := steps[i].Undo(); u != nil {
			if err := u.Do(&plan.Env{}); err != nil {
				t.Errorf("%s: %v", u.Shell(), err)
			}
		}
	}
}

func TestV2MadeWrittenRemoved(t *testing.T) {
	r := everything()
	r.BlockIO, r.Memory.Swap = nil, nil
	s := host(t, r)
	do(t, s.Host)
	do(t, s.Host) // again: what is there already stays
	for _, h := range s.Host {
		w, ok := h.(Write)
		if !ok {
			continue
		}
		got, err := os.ReadFile(filepath.Join(w.Dir, w.File))
		if err != nil || strings.TrimSpace(string(got)) != w.Value {
			t.Errorf("%s holds %q (%v), want %q", w.File, got, err, w.Value)
		}
	}
	undo(t, s.Host)
	undo(t, s.Host) // nothing left to undo
}

// TestV2StraysAreKilled removes groups in which a process, and a group of its
// own, are left.
func TestV2StraysAreKilled(t *testing.T) {
	s := host(t, &specs.LinuxResources{})
	do(t, s.Host)
	stray := exec.Command("sleep", "1000")
	if err := stray.Start(); err != nil {
		t.Fatal(err)
	}
	for _, h := range s.Host {
		m, ok := h.(Make)
		if !ok {
			continue
		}
		sub := filepath.Join(m.Dir, "sub")
		do(t, []plan.HostStep{Make{Dir: sub, Mount: m.Mount, Cpuset: m.Cpuset}})
		if err := write(sub, "cgroup.procs", strconv.Itoa(stray.Process.Pid)); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	go func() { done <- stray.Wait() }()
	undo(t, s.Host)
	if err := <-done; err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the stray ended by itself: %v", err)
	}
}
