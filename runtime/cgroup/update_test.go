package cgroup

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
)

// resources reads limits from the JSON of a specification.
func resources(t *testing.T, text string) *specs.LinuxResources {
	t.Helper()
	r := &specs.LinuxResources{}
	if err := json.Unmarshal([]byte(text), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMerge(t *testing.T) {
	const rate = `{"major":8,"minor":0,"rate":`
	for name, c := range map[string]struct{ now, change, merged, set string }{
		"nothing":       {`{}`, `{}`, `{}`, `{}`},
		"a quota":       {`{"cpu":{"quota":5,"period":10,"shares":7}}`, `{"cpu":{"quota":6}}`, `{"cpu":{"quota":6,"period":10,"shares":7}}`, `{"cpu":{"quota":6,"period":10}}`},
		"a period":      {`{"cpu":{"quota":5}}`, `{"cpu":{"period":9}}`, `{"cpu":{"quota":5,"period":9}}`, `{"cpu":{"quota":5,"period":9}}`},
		"shares":        {`{"cpu":{"quota":5,"cpus":"0"}}`, `{"cpu":{"shares":9}}`, `{"cpu":{"quota":5,"shares":9,"cpus":"0"}}`, `{"cpu":{"shares":9}}`},
		"memory":        {`{"memory":{"limit":5,"swap":9}}`, `{"memory":{"limit":6}}`, `{"memory":{"limit":6,"swap":9}}`, `{"memory":{"limit":6,"swap":9}}`},
		"swap":          {`{"memory":{"limit":5}}`, `{"memory":{"swap":9}}`, `{"memory":{"limit":5,"swap":9}}`, `{"memory":{"limit":5,"swap":9}}`},
		"any memory":    {`{"memory":{"limit":5,"swap":9}}`, `{"memory":{"limit":-1}}`, `{"memory":{"limit":-1}}`, `{"memory":{"limit":-1}}`},
		"a check":       {`{"memory":{"limit":5,"checkBeforeUpdate":true}}`, `{"memory":{"reservation":6}}`, `{"memory":{"limit":5,"reservation":6,"checkBeforeUpdate":true}}`, `{"memory":{"reservation":6,"checkBeforeUpdate":true}}`},
		"devices":       {`{"devices":[{"allow":true}]}`, `{"devices":[{"allow":false}],"pids":{"limit":3}}`, `{"devices":[{"allow":true}],"pids":{"limit":3}}`, `{"pids":{"limit":3}}`},
		"a device":      {`{"blockIO":{"throttleReadBpsDevice":[` + rate + `1}],"weight":20}}`, `{"blockIO":{"throttleReadBpsDevice":[` + rate + `2}]}}`, `{"blockIO":{"throttleReadBpsDevice":[` + rate + `2}],"weight":20}}`, `{"blockIO":{"throttleReadBpsDevice":[` + rate + `2}]}}`},
		"one more page": {`{"hugepageLimits":[{"pageSize":"2MB","limit":1}]}`, `{"hugepageLimits":[{"pageSize":"1GB","limit":2}]}`, `{"hugepageLimits":[{"pageSize":"2MB","limit":1},{"pageSize":"1GB","limit":2}]}`, `{"hugepageLimits":[{"pageSize":"1GB","limit":2}]}`},
	} {
		now, change := resources(t, c.now), resources(t, c.change)
		merged, set, err := Merge(now, change)
		if err != nil {
			t.Fatal(err)
		}
		if want := resources(t, c.merged); !reflect.DeepEqual(merged, want) {
			got, _ := json.Marshal(merged)
			t.Errorf("%s: merged is %s, want %s", name, got, c.merged)
		}
		if want := resources(t, c.set); !reflect.DeepEqual(set, want) {
			got, _ := json.Marshal(set)
			t.Errorf("%s: set is %s, want %s", name, got, c.set)
		}
		if !reflect.DeepEqual(now, resources(t, c.now)) || !reflect.DeepEqual(change, resources(t, c.change)) {
			t.Errorf("%s: the arguments were changed", name)
		}
	}
}

func TestValueNow(t *testing.T) {
	for _, c := range []struct{ content, value, want string }{
		{"100\n", "200", "100\n"}, {"max 100000\n", "5 10", "max 100000\n"}, {"\n", "0-1", "\n"},
		{"8:0 5\n8:16 7\n", "8:16 9", "8:16 7"}, {"", "8:0 9", "8:0 0"},
		{"8:0 rbps=5 wbps=max riops=max wiops=max\n", "8:0 wbps=9", "8:0 rbps=5 wbps=max riops=max wiops=max"}, {"", "8:0 wbps=9", "8:0 wbps=max"},
		{"default 100\n8:0 200\n", "300", "100"}, {"oom_kill_disable 0\nunder_oom 0\n", "1", ""},
	} {
		if got := valueNow(c.content, c.value); got != c.want {
			t.Errorf("before %q in %q: %q, want %q", c.value, c.content, got, c.want)
		}
	}
}

// TestMemoryAndSwap sets two files of which the first may not be above the second
// (v1 of memory and swap), from any state to any other.
func TestMemoryAndSwap(t *testing.T) {
	l := probed(t)
	dir := l.GroupDir("memory", testPath)
	if dir == "" || !l.has(memsw) {
		t.Skip("there is no memory controller of version 1 with swap accounting")
	}
	compiledMade(t, l, nil)
	for _, v := range [][2]int{{100, 150}, {200, 300}, {50, 50}, {300, 300}, {60, -1}, {-1, -1}, {100, 150}} {
		now := memory(int64(v[0])<<20, int64(v[1])<<20)
		for i, p := range []*int64{now.Memory.Limit, now.Memory.Swap} {
			if v[i] < 0 {
				*p = -1
			}
		}
		if err := Update(l, testPath, now); err != nil {
			t.Errorf("to %v: %v", v, err)
		}
		for i, file := range []string{"memory.limit_in_bytes", memsw} {
			got, err := readNumber(dir, file)
			if want := uint64(v[i]) << 20; err != nil || v[i] >= 0 && got != want || v[i] < 0 && got < 1<<62 {
				t.Errorf("%s is %d (%v), want %d", file, got, err, want)
			}
		}
	}
}

// TestV2Update changes limits of a group, all or none.
func TestV2Update(t *testing.T) {
	l := probed(t)
	compiledMade(t, l, resources(t, `{"memory":{"limit":104857600},"pids":{"limit":50},"cpu":{"shares":512,"quota":50000,"period":100000}}`))
	change := resources(t, `{"memory":{"limit":209715200},"pids":{"limit":60},"cpu":{"shares":1024,"quota":100000,"period":50000,"burst":5000}}`)
	if err := Update(l, testPath, change); err != nil {
		t.Fatal(err)
	}
	after := values(t, l)
	if n := strconv.Itoa(209715200); !strings.Contains(after, n) || !strings.Contains(after, "pids.max 60") {
		t.Errorf("after an update: %s", after)
	}
	if err := Update(l, testPath, resources(t, `{"memory":{"limit":104857600},"pids":{"limit":70},"cpu":{"shares":2000,"quota":70000,"period":1000000,"cpus":"4000"}}`)); err == nil {
		t.Error("CPU 4000 was taken")
	}
	if got := values(t, l); got != after {
		t.Errorf("after one that failed:\n%s\nwant\n%s", got, after)
	}
	if err := Update(l, testPath, resources(t, `{"hugepageLimits":[{"pageSize":"3MB"}]}`)); err == nil {
		t.Error("a size of pages that no kernel has was taken")
	}
}

// values are what the files of the groups hold.
func values(t *testing.T, l Layout) string {
	t.Helper()
	var b strings.Builder
	for controller, files := range map[string][]string{"memory": {"memory.limit_in_bytes"}, "cpu": {"cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.cfs_burst_us"},
		"pids": {"pids.max"}, "": {"memory.max", "cpu.weight", "cpu.max", "cpu.max.burst", "pids.max"}} {
		for _, f := range files {
			if v, err := os.ReadFile(filepath.Join(l.GroupDir(controller, testPath), f)); err == nil {
				b.WriteString(f + " " + string(v))
			}
		}
	}
	lines := strings.Split(b.String(), "\n")
	return strings.Join(sorted(lines), "\n")
}

// TestV2CheckMemory refuses a limit that is used already, before anything is set.
func TestV2CheckMemory(t *testing.T) {
	l := probed(t)
	if l.Mode != V2 {
		t.Skip("version 1 refuses by itself")
	}
	s := compiled(t, l, nil)
	k := talk(t, s)
	defer k.end()
	k.speaks()
	err := Update(l, testPath, resources(t, `{"pids":{"limit":9},"memory":{"limit":4096,"checkBeforeUpdate":true}}`))
	if err == nil || !strings.Contains(err.Error(), "rejecting memory limit 4096 <= usage") {
		t.Errorf("got %v", err)
	}
	if got := values(t, l); !strings.Contains(got, "memory.max max") {
		t.Errorf("it was set: %s", got)
	}
	if err := Update(l, testPath, resources(t, `{"memory":{"limit":1073741824,"swap":2147483648,"checkBeforeUpdate":true}}`)); err != nil {
		t.Error(err)
	}
}

// TestV2Signal reaches processes in groups below.
func TestV2Signal(t *testing.T) {
	l := probed(t)
	k := talk(t, compiled(t, l, nil))
	if err := Signal(l, testPath, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	k.out.Close()
	if err := k.cmd.Wait(); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("it ended with %v", err)
	}
	if frozen, err := Frozen(l, testPath); err != nil || frozen {
		t.Errorf("it stays frozen (%v)", err)
	}
}

// TestV2Delegates passes on what there is, and fails where a limit needs more.
func TestV2Delegates(t *testing.T) {
	l := probed(t)
	if l.Mode != V2 {
		t.Skip("version 1 has no subtree_control")
	}
	top := l.dir("/mydocker-test-cgroup")
	parent := Make{Dir: top, Mount: l.Unified, Delegate: []string{"memory", "pids"}}
	do(t, []plan.HostStep{parent})
	defer undo(t, []plan.HostStep{parent})
	m := Make{Dir: top + "/low/one", Mount: top, Delegate: []string{"memory", "nosuch", "pids"}}
	do(t, []plan.HostStep{m})
	if !hands(top, "memory") || !hands(top+"/low", "pids") {
		t.Error("what there is was not passed on")
	}
	m.Needed = []string{"nosuch"}
	m.Dir += "/two"
	if err := m.Do(nil); err == nil || !strings.Contains(err.Error(), "nosuch") {
		t.Errorf("got %v", err)
	}
}
