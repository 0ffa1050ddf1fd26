package bundle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/runtime"
	"mydocker/runtime/cgroup"
)

// FuzzConfig: whatever a config.json says, it becomes a plan or an error. All of
// that happens before anything is changed on the host, and nothing here needs
// root or changes a file.
func FuzzConfig(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	layouts := fuzzedLayouts()
	f.Fuzz(func(t *testing.T, text []byte) { planOf(t, text, layouts) })
}

// planOf takes a text as far as a plan for each layout.
func planOf(t *testing.T, text []byte, layouts []cgroup.Layout) {
	for _, l := range layouts {
		spec, _, err := decode(text)
		if err != nil {
			return
		}
		if _, err := runtime.Validate(spec); err != nil {
			return
		}
		compileFuzzed(t, spec, l)
	}
}

// TestOddValues puts odd values in the place of each that a specification has.
func TestOddValues(t *testing.T) {
	text, err := os.ReadFile("testdata/much.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	n := 0
	try := func() {
		n++
		b, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		planOf(t, b, fuzzedLayouts())
	}
	odd(doc, try)
	if n < 1000 {
		t.Errorf("%d values were tried", n)
	}
}

// odd calls try with each value below v replaced, and puts it back.
func odd(v any, try func()) {
	values := []any{nil, true, -1.0, 0.0, 1e18, 4294967295.0, "", "x", "../..", "\x00", "/", []any{}, []any{nil}, map[string]any{}}
	each := func(old any, set func(any)) {
		for _, o := range values {
			set(o)
			try()
		}
		set(old)
		odd(old, try)
	}
	switch v := v.(type) {
	case map[string]any:
		for k, old := range v {
			each(old, func(n any) { v[k] = n })
			delete(v, k)
			try()
			v[k] = old
		}
	case []any:
		for i, old := range v {
			each(old, func(n any) { v[i] = n })
		}
	}
}

// compileFuzzed does what making does before the container's directory is there.
func compileFuzzed(t *testing.T, spec *specs.Spec, l cgroup.Layout) {
	c := runtime.Container{Spec: spec, Hold: true, Preserve: 1, Keyring: "_ses.x", Caller: &runtime.Caller{Capabilities: 1<<40 - 1}}
	c.Spec.Root = &specs.Root{Path: "/", Readonly: spec.Root.Readonly}
	facts, err := runtime.Look(c)
	if err != nil {
		return
	}
	m := &making{Runtime: &Runtime{}, config: &config{spec: spec}, id: "x"}
	m.limits(&c, l)
	if facts.Cgroups, spec.Linux.CgroupsPath = cgroup.Resolve(l, spec.Linux.CgroupsPath, "x", nil); spec.Linux.CgroupsPath == "/" {
		return
	}
	p, err := runtime.Compile(c, facts)
	if err != nil {
		return
	}
	for _, s := range p.Init {
		_ = s.Shell()
	}
	if _, err := runtime.Program(p, false, 0); err != nil {
		t.Errorf("a plan of which no program can be made: %v", err)
	}
}

// fuzzedLayouts are machines of both versions.
func fuzzedLayouts() []cgroup.Layout {
	return []cgroup.Layout{
		{Mode: cgroup.V2, Unified: "/sys/fs/cgroup", Controllers: []string{"cpu", "memory", "pids", "io"}},
		{Mode: cgroup.V1, Hierarchies: []cgroup.Hierarchy{{Mount: "/sys/fs/cgroup/memory", Controllers: []string{"memory"}}, {Mount: "/sys/fs/cgroup/devices", Controllers: []string{"devices"}}}},
	}
}

// seeds are specifications as they are written, and one with much in it.
func seeds(f *testing.F) (out [][]byte) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// FuzzProcess is for the process.json of exec.
func FuzzProcess(f *testing.F) {
	for _, seed := range seeds(f) {
		var s struct{ Process json.RawMessage }
		if json.Unmarshal(seed, &s) == nil {
			f.Add([]byte(s.Process))
		}
	}
	spec, _, err := decode(seeds(f)[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p := &specs.Process{}
		if json.Unmarshal(text, p) != nil || runtime.ValidateProcess(p) != nil {
			return
		}
		runtime.Warnings(p)
		made, err := runtime.CompileJoin(runtime.Join{Spec: spec, Process: p, Groups: &cgroup.Steps{}, Keyring: "_ses.x"}, runtime.JoinFacts{})
		if err != nil {
			return
		}
		if _, err := runtime.Program(made, false, 0); err != nil {
			t.Errorf("a plan of which no program can be made: %v", err)
		}
	})
}

// FuzzLimits is for the limits of update.
func FuzzLimits(f *testing.F) {
	f.Add([]byte(`{"memory":{"limit":1048576,"swap":-1},"cpu":{"quota":1000,"shares":10},"pids":{"limit":7},"unified":{"a.b":"1"}}`))
	f.Add([]byte(`{"blockIO":{"weight":10,"weightDevice":[{"major":8,"minor":0,"weight":100}]},"hugepageLimits":[{"pageSize":"2MB","limit":1}],"rdma":{"x":{"hcaHandles":1}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := &specs.LinuxResources{}
		if json.Unmarshal(text, r) != nil {
			return
		}
		_, set, err := cgroup.Merge(&specs.LinuxResources{}, r)
		if err != nil {
			return
		}
		for _, mode := range []string{cgroup.V1, cgroup.V2} {
			l := cgroup.Layout{Mode: mode, Unified: "/nowhere", Controllers: []string{"memory", "cpu", "pids", "io"}}
			if s, err := cgroup.Compile(l, "/x", false, set, set.Devices); err == nil {
				for _, h := range s.Host {
					_ = h.Shell()
				}
			}
		}
	})
}
