package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/runtimespec"
	"mydocker/runtime"
	"mydocker/runtime/cgroup"
	"mydocker/runtime/security/seccomp"
)

// FuzzConfig: whatever a config.json says, it becomes a plan or an error. All of
// that happens before anything is changed on the host, and nothing here needs
// root or changes a file but the cache of filters.
func FuzzConfig(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	dir := fuzzedBundle(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		_ = planOf(t, text)
		_ = plannedIn(t, dir, text)
	})
}

// fuzzedBundle is a directory with a root, for specifications that change.
func fuzzedBundle(t testing.TB) string {
	dir := t.TempDir()
	for _, d := range []string{"rootfs/proc", "state"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// plannedIn does to a text what create does before it takes the container's name,
// on this machine and for this user.
func plannedIn(t testing.TB, dir string, text []byte) error {
	spec, profile, err := runtimespec.Decode(text)
	if err != nil {
		return err
	}
	r := &Runtime{Root: filepath.Join(dir, "state"), Rootless: Rootless()}
	o := CreateOptions{IO: IO{TakeConsole: func(*os.File) { t.Error("there is a terminal") }}}
	m := &making{Runtime: r, CreateOptions: o, config: &config{text, spec, profile, dir}, id: "x", dir: r.dir("x"), hold: true}
	if err := m.planned(); err != nil {
		return err
	}
	if _, err := runtime.Program(m.plan, false, 0); err != nil {
		t.Errorf("a plan of which no program can be made: %v", err)
	}
	return nil
}

// TestSeedsArePlans: what is changed at random begins as something that can be
// made.
func TestSeedsArePlans(t *testing.T) {
	for _, seed := range seeds(t) {
		if err := planOf(t, seed); err != nil {
			t.Errorf("%v\n%s", err, seed)
		}
	}
	dir := fuzzedBundle(t)
	text, err := os.ReadFile("testdata/rootless.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := plannedIn(t, dir, text); err != nil {
		t.Error(err)
	}
}

// TestRootOfTheHost is refused whatever leads to it.
func TestRootOfTheHost(t *testing.T) {
	dir := fuzzedBundle(t)
	if err := os.Symlink("/", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{"/", "/../.", "link", "link/proc/..", strings.Repeat("../", 30)} {
		text := fmt.Sprintf(`{"ociVersion":"1.0.0","root":{"path":%q},"process":{"cwd":"/","args":["x"]},"linux":{"namespaces":[{"type":"mount"}]}}`, root)
		if err := plannedIn(t, dir, []byte(text)); err == nil || !strings.Contains(err.Error(), "invalid rootfs") {
			t.Errorf("%s: %v", root, err)
		}
	}
}

// planOf takes a text as far as a plan on machines that are not this one. It
// returns why it is none.
func planOf(t testing.TB, text []byte) error {
	for _, l := range fuzzedLayouts() {
		spec, profile, err := runtimespec.Decode(text)
		if err != nil {
			return err
		}
		if _, err := runtime.Validate(spec); err != nil {
			return err
		}
		if err := compileFuzzed(t, spec, profile, l); err != nil {
			return fmt.Errorf("version %v: %w", l.Mode, err)
		}
	}
	return nil
}

// TestOddValues puts odd values in the place of each that a specification has.
// Of all of them nothing is left in the bundle or beside it.
func TestOddValues(t *testing.T) {
	text, err := os.ReadFile("testdata/much.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	dir := fuzzedBundle(t)
	before, n, plans := filesIn(t, dir), 0, 0
	odd(doc, func() {
		n++
		b, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if planOf(t, b) == nil {
			plans++
		}
		_ = plannedIn(t, dir, b)
	})
	if n < 2000 || plans < n/10 {
		t.Errorf("%d values were tried, %d became plans", n, plans)
	}
	if after := filesIn(t, dir); !slices.Equal(before, after) {
		t.Errorf("files: %v, before: %v", after, before)
	}
}

// filesIn names all that is in a directory but filters, and when it was changed.
func filesIn(t testing.TB, dir string) (out []string) {
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || path == filepath.Join(dir, "state") {
			return err // it has the cache
		}
		if e.Name() == "~seccomp" {
			return filepath.SkipDir
		}
		info, err := e.Info()
		if err == nil {
			out = append(out, fmt.Sprint(path, info.Mode(), info.Size(), info.ModTime()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
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

// compileFuzzed does what making does before the container's directory is there,
// for a root that is there.
func compileFuzzed(t testing.TB, spec *specs.Spec, profile []byte, l cgroup.Layout) error {
	c := runtime.Container{Spec: spec, Hold: true, Preserve: 1, Keyring: "_ses.x", Caller: &runtime.Caller{Capabilities: 1<<40 - 1}}
	c.Spec.Root = &specs.Root{Path: "/", Readonly: spec.Root.Readonly}
	facts, err := runtime.Look(c)
	if err != nil {
		return err
	}
	if facts.Filter, err = seccomp.Given("", profile); err != nil {
		return err
	}
	m := &making{Runtime: &Runtime{}, config: &config{spec: spec}, id: "x"}
	m.limits(&c, l)
	fit(spec.Linux.Resources, l)
	if facts.Cgroups, spec.Linux.CgroupsPath = cgroup.Resolve(l, spec.Linux.CgroupsPath, "x", nil); spec.Linux.CgroupsPath == "/" {
		return errors.New("the root of all groups")
	}
	p, err := runtime.Compile(c, facts)
	if err != nil {
		return err
	}
	for _, s := range p.Init {
		_ = s.Shell()
	}
	if _, err := runtime.Program(p, false, 0); err != nil {
		t.Errorf("a plan of which no program can be made: %v", err)
	}
	return nil
}

// fit removes the limits that one version has and the other refuses.
func fit(r *specs.LinuxResources, l cgroup.Layout) {
	if l.Mode == cgroup.V1 {
		r.Unified = nil
		return
	}
	r.Network = nil
	if m := r.Memory; m != nil {
		m.Swappiness, m.DisableOOMKiller = nil, nil
	}
}

// fuzzedLayouts are machines of both versions, with all that either has.
func fuzzedLayouts() []cgroup.Layout {
	v1 := cgroup.Layout{Mode: cgroup.V1}
	for _, c := range []string{"memory", "devices", "cpu", "cpuset", "pids", "blkio", "hugetlb", "net_cls", "net_prio", "rdma", "freezer"} {
		v1.Hierarchies = append(v1.Hierarchies, cgroup.Hierarchy{Mount: "/sys/fs/cgroup/" + c, Controllers: []string{c}})
	}
	all := []string{"cpu", "cpuset", "memory", "pids", "io", "hugetlb", "rdma"}
	return []cgroup.Layout{v1, {Mode: cgroup.V2, Unified: "/sys/fs/cgroup", Controllers: all}}
}

// seeds are specifications as they are written, and one with much in it.
func seeds(f testing.TB) (out [][]byte) {
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
	spec, _, err := runtimespec.Decode(seeds(f)[0])
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
