package stat

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
	"mydocker/plan"
	"mydocker/runtime/cgroup"
)

const testPath = "/mydocker-test-cgroup-stat/one"

// groups makes a container's groups on this machine, with limits.
func groups(t *testing.T, r *specs.LinuxResources) cgroup.Layout {
	t.Helper()
	testenv.Root(t)
	testenv.Leaks(t)
	l, err := cgroup.Probe()
	if err != nil {
		t.Fatal(err)
	}
	s, err := cgroup.Compile(l, testPath, true, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, h := range slices.Backward(s.Host) {
			if u := h.Undo(); u != nil {
				if err := u.Do(&plan.Env{}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for _, h := range s.Host {
		if err := h.Do(&plan.Env{}); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// run starts a shell in the groups.
func run(t *testing.T, l cgroup.Layout, script string) *exec.Cmd {
	t.Helper()
	var enter strings.Builder
	for _, h := range l.Hierarchies {
		enter.WriteString("echo 0 > " + l.GroupDir(h.Controllers[0], testPath) + "/cgroup.procs; ")
	}
	if l.Unified != "" {
		enter.WriteString("echo 0 > " + l.GroupDir("", testPath) + "/cgroup.procs; ")
	}
	cmd := exec.Command("/bin/sh", "-ec", enter.String()+script)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// fifo makes a file that whoever opens it waits at for the other side.
func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(testenv.Dir(t), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func ptr[T any](v T) *T { return &v }

// TestV2Read compares with what the kernel's files hold when all is still.
func TestV2Read(t *testing.T) {
	l := groups(t, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr[int64](64 << 20)}, Pids: &specs.LinuxPids{Limit: ptr[int64](20)}})
	fifo := fifo(t)
	cmd := run(t, l, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done > "+fifo+"; exec sleep 1000")
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	if _, err := os.ReadFile(fifo); err != nil { // it has worked
		t.Fatal(err)
	}
	s, err := Read(l, testPath)
	if err != nil {
		t.Fatal(err)
	}
	if s.Pids != (Pids{Current: 1, Limit: 20}) {
		t.Errorf("pids: %+v", s.Pids)
	}
	if u := s.CPU.Usage; u.Total == 0 || u.User+u.Kernel == 0 || u.Total > uint64(time.Minute) {
		t.Errorf("CPU: %+v", u)
	}
	if m := s.Memory; m.Usage.Limit != 64<<20 || m.Usage.Usage == 0 || m.Usage.Usage > 64<<20 || m.Usage.Max < m.Usage.Usage || len(m.Raw) < 10 || m.Swap.Limit == 0 {
		t.Errorf("memory: %+v", m)
	}
	if l.Mode != cgroup.V2 {
		if u := s.CPU.Usage; len(u.Percpu) == 0 || len(u.PercpuUser) != len(u.Percpu) || len(u.PercpuKernel) != len(u.Percpu) {
			t.Errorf("CPUs: %+v", u)
		}
		if c := s.CPUSet; len(c.CPUs) == 0 || !slices.Equal(c.Mems, []uint16{0}) || c.SchedLoadBalance != 1 || c.SchedRelaxDomainLevel != -1 {
			t.Errorf("CPU set: %+v", c)
		}
	} else if s.CPU.PSI == nil && s.Memory.PSI == nil {
		if _, err := os.Stat(filepath.Join(l.GroupDir("", testPath), "cpu.pressure")); err == nil {
			t.Error("there is pressure, but it was not read")
		}
	}
}

func TestV2NoGroup(t *testing.T) {
	l := groups(t, &specs.LinuxResources{})
	if s, err := Read(l, testPath+"/none"); err == nil && s.Pids.Current > 0 {
		t.Errorf("a group that is not there has %+v", s)
	}
}

// TestFormat is the JSON of a container that did nothing, and all of its names.
func TestFormat(t *testing.T) {
	b, err := json.Marshal(Event{Type: "stats", ID: "x", Data: &Stats{Hugetlb: map[string]Hugetlb{}}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"type":"stats","id":"x","data":{"cpu":{},"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,` +
		`"memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},` +
		`"memory":{},"pids":{},"blkio":{},"hugetlb":{},"intel_rdt":{},"network_interfaces":null}}`
	if string(b) != want {
		t.Errorf("got %s", b)
	}
	if b, err = json.Marshal(Event{Type: "oom", ID: "x"}); err != nil || string(b) != `{"type":"oom","id":"x"}` {
		t.Errorf("got %s (%v)", b, err)
	}
}

// files makes a directory that looks like a group.
func files(t *testing.T, content map[string]string) group {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return group(dir)
}

func TestDisks(t *testing.T) {
	want := Blkio{
		IoServiceBytesRecursive: []BlkioEntry{{8, 0, "Read", 4096}, {8, 0, "Write", 8192}},
		IoServicedRecursive:     []BlkioEntry{{8, 0, "Read", 1}, {8, 0, "Write", 2}},
	}
	v1 := files(t, map[string]string{
		"blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Write 8192\nTotal 12288\n",
		"blkio.throttle.io_serviced_recursive":      "8:0 Read 1\n8:0 Write 2\nTotal 3\n",
		"blkio.bfq.io_serviced_recursive":           "Total 0\n",
	})
	v2 := files(t, map[string]string{"io.stat": "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n7:0\n"})
	var one, two Stats
	if err := one.blkioV1(v1); err != nil || !reflect.DeepEqual(one.Blkio, want) {
		t.Errorf("version 1: %+v (%v)", one.Blkio, err)
	}
	if err := two.ioV2(v2); err != nil || !reflect.DeepEqual(two.Blkio, want) {
		t.Errorf("version 2: %+v (%v)", two.Blkio, err)
	}
}

func TestPressure(t *testing.T) {
	g := files(t, map[string]string{"cpu.pressure": "some avg10=1.50 avg60=0.25 avg300=0.00 total=7\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n"})
	p, err := g.pressure("cpu.pressure")
	if err != nil || *p != (PSI{Some: Pressure{1.5, 0.25, 0, 7}, Full: Pressure{Total: 3}}) {
		t.Errorf("got %+v (%v)", p, err)
	}
	if p, err := g.pressure("io.pressure"); p != nil || err != nil {
		t.Errorf("a file that is not there: %v, %v", p, err)
	}
}

func TestMalformed(t *testing.T) {
	g := files(t, map[string]string{"pids.current": "x\n", "cpuset.cpus": "0-y\n", "io.stat": "8:0 rbytes=z\n"})
	if err := new(Stats).pids(g); err == nil {
		t.Error("x is a number")
	}
	if err := new(Stats).cpusetV1(g); err == nil {
		t.Error("0-y is a list")
	}
	if err := new(Stats).ioV2(g); err == nil {
		t.Error("z is a number")
	}
}

// TestV2OOM lets the kernel kill a child of the container, and then the container end.
func TestV2OOM(t *testing.T) {
	const limit = 16 << 20
	l := groups(t, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr[int64](limit), Swap: ptr[int64](limit)}})
	fifo := fifo(t)
	cmd := run(t, l, "read go < "+fifo+"; dd if=/dev/zero of=/dev/null bs="+strconv.Itoa(4*limit)+" count=1 2>/dev/null || :; exec sleep 1000")
	defer cmd.Wait()
	defer cmd.Process.Kill()
	ready, err := os.OpenFile(fifo, os.O_WRONLY, 0) // it is in its groups
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	o, err := WatchOOM(l, testPath)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := ready.WriteString("go\n"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if killed, err := o.Wait(ctx); err != nil || !killed {
		t.Fatalf("got %v, %v", killed, err)
	}
	soon, stop := context.WithTimeout(ctx, 100*time.Millisecond)
	defer stop()
	if killed, err := o.Wait(soon); err == nil {
		t.Logf("one more: %v", killed) // version 1 tells of each attempt
	}
	if err := cgroup.Kill(l, testPath); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if l.Mode != cgroup.V2 {
		removed(t, l)
	}
	for { // version 1 may have more to tell first
		killed, err := o.Wait(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !killed {
			return
		}
		if l.Mode == cgroup.V2 {
			t.Fatal("told of an end as of a want of memory")
		}
	}
}

// removed removes the memory group, as the end of a container does.
func removed(t *testing.T, l cgroup.Layout) {
	t.Helper()
	if err := (cgroup.Remove{Dir: l.GroupDir("memory", testPath)}).Do(nil); err != nil {
		t.Fatal(err)
	}
}
