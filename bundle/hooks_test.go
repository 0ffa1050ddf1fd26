package bundle_test

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// hook is one that appends a line about itself to a file, and its standard
// input.
func hook(name, file string, more string) specs.Hook {
	script := `s=$(cat); echo "` + name + ` $0 $VALUE cwd=$(pwd) $(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/uts) $(ls -d /bin/busybox 2>/dev/null) $s" >> ` + file + "; " + more
	return specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script, "arg0"}, Env: []string{"VALUE=" + name, "PATH=/bin:/usr/bin"}}
}

func TestHooks(t *testing.T) {
	p := newPlace(t, "echo program >> /shared/log")
	shared := filepath.Join(p.bundle, "shared")
	if err := os.Mkdir(shared, 0o777); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(shared, "log")
	p.spec.Process.Cwd = "/etc"
	p.spec.Mounts = append(p.spec.Mounts, specs.Mount{Destination: "/shared", Source: "shared", Options: []string{"rbind", "rw"}})
	h := &specs.Hooks{
		//lint:ignore SA1019 deprecated, and to be run
		Prestart:        []specs.Hook{hook("prestart", log, "")},
		CreateRuntime:   []specs.Hook{hook("createRuntime", log, ""), hook("second", log, "")},
		CreateContainer: []specs.Hook{hook("createContainer", log, "")},
		StartContainer:  []specs.Hook{hook("startContainer", "/shared/log", "")},
		Poststart:       []specs.Hook{hook("poststart", log, "")},
		Poststop:        []specs.Hook{hook("poststop", log, ""), hook("last", log, "")},
	}
	p.spec.Hooks = h
	p.create("c")
	created := lines(t, log)
	pid := p.state("c").Pid
	p.ok("start", "c")
	p.await("c", specs.StateStopped)
	p.ok("delete", "c")
	all := lines(t, log)
	var order []string
	for _, l := range all {
		order = append(order, strings.Fields(l)[0])
	}
	got := strings.Join(order, " ")
	// poststart and the program go on at the same time.
	got = strings.Replace(got, "poststart program", "program poststart", 1)
	if want := "prestart createRuntime second createContainer startContainer program poststart poststop last"; got != want || len(created) != 4 {
		t.Errorf("order: %s; %d at create", got, len(created))
	}
	host, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	status := map[string]specs.ContainerState{"prestart": "created", "createRuntime": "created", "createContainer": "created",
		"startContainer": "created", "poststart": "running", "poststop": "stopped"}
	cwd := map[string]string{"createContainer": p.spec.Root.Path, "startContainer": "/etc"} // as by runc
	for _, l := range all {
		name := strings.Fields(l)[0]
		want, ok := status[name]
		if !ok {
			continue
		}
		var s specs.State
		if err := json.Unmarshal([]byte(l[strings.Index(l, "{"):]), &s); err != nil {
			t.Errorf("%s: %v", l, err)
		}
		wantPid := map[string]int{"createContainer": 1, "startContainer": 1, "poststop": 0}
		if n, ok := wantPid[name]; !ok {
			wantPid[name] = pid
		} else {
			wantPid[name] = n
		}
		if s.ID != "c" || s.Status != want || s.Bundle != p.bundle || s.Version != specs.Version || s.Pid != wantPid[name] {
			t.Errorf("%s: %+v", name, s)
		}
		if dir := cmp.Or(cwd[name], p.bundle); !strings.Contains(l, " cwd="+dir+" ") {
			t.Errorf("%s did not begin in %s: %s", name, dir, l)
		}
		inside := name == "createContainer" || name == "startContainer"
		if strings.Contains(l, " "+host+" ") == inside {
			t.Errorf("%s ran in another mount namespace than it should: %s, the host's is %s", name, l, host)
		}
		if !strings.HasPrefix(l, name+" arg0 "+name+" ") {
			t.Errorf("%s: arguments or environment: %s", name, l)
		}
	}
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// TestHooksFail: a hook that fails ends the container, and its poststop hooks are
// run; one that fails then is only a warning.
func TestHooksFail(t *testing.T) {
	for _, kind := range []string{"createRuntime", "createContainer", "startContainer", "poststart"} {
		t.Run(kind, func(t *testing.T) {
			p := newPlace(t, "exec sleep 1000")
			log := filepath.Join(p.bundle, "log")
			bad := specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", "echo the reason >&2; exit 3"}, Env: []string{"PATH=/bin"}}
			p.spec.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/false"}, hook("poststop", log, "")}}
			switch kind {
			case "createRuntime":
				p.spec.Hooks.CreateRuntime = []specs.Hook{bad}
			case "createContainer":
				p.spec.Hooks.CreateContainer = []specs.Hook{bad}
			case "startContainer":
				p.spec.Hooks.StartContainer = []specs.Hook{bad}
			case "poststart":
				p.spec.Hooks.Poststart = []specs.Hook{bad}
			}
			command := "create"
			if kind == "startContainer" || kind == "poststart" {
				p.create("c")
				command = "start"
			}
			_, errs, code := p.run(command, "c")
			if code != 1 || !strings.Contains(errs, "error running "+kind+" hook #0 (/bin/sh): exit status 3: the reason") || !strings.Contains(errs, "warning: error running poststop hook #0") {
				t.Errorf("%d %s", code, errs)
			}
			p.fails(1, "container does not exist", "state", "c")
			if l := lines(t, log); len(l) != 1 {
				t.Errorf("poststop hooks: %q", l)
			}
			if _, errs, code := p.run("run", "c"); code != 1 || !strings.Contains(errs, "error running "+kind+" hook") || strings.Contains(errs, "not exist") {
				t.Errorf("run: %d %s", code, errs)
			}
		})
	}
}

// TestHookTimeout kills a hook that takes too long.
func TestHookTimeout(t *testing.T) {
	p := newPlace(t, "true")
	second := 1
	p.spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sleep", Args: []string{"sleep", "1000"}, Timeout: &second}}}
	p.fails(1, "it did not end within 1 seconds and was killed", "run", "c")
	// One that leaves its output open to another does not hold up the runtime.
	p.spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "sleep 3 & true"}}}}
	p.ok("run", "c")
	p.spec.Hooks.CreateRuntime[0] = specs.Hook{Path: "/nope"}
	p.fails(1, "error running createRuntime hook #0 (/nope)", "run", "c")
}
