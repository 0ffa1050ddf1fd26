package mydocker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "mydocker"

// floors says which package may import which: it is the map of the house.
//
// "a < b" means that b may import a, and whatever a may import. A comma makes
// a list, whose members do not import each other; a semicolon ends a rule.
// Names in capitals stand for everything below them. A package has its place
// once all rules below it are written, so the order of rules matters.
//
// It is a statement of policy. Do not change it to fix a build: a package that
// needs another of its own floor most often wants a value that its caller could
// give it. Where a rule lets one room import another of the same floor, the
// comment says why.
const floors = `
	# The ground: the kernel's calls, the program of the first process, plans.
	NONE < linux, initprog, internal/units, internal/ps, internal/proc, internal/ocispec, internal/runtimespec, jsonlog;

	# Speaking netlink uses the calls.
	linux < linux/netlink, linux/nft;

	# Tools without a domain.
	linux < internal/atomicfile, internal/filelock, internal/testenv;

	# A plan emits the program, and its journal is a file written whole.
	initprog, linux, internal/atomicfile, internal/filelock < plan;

	# What a monitor is made of, besides: small, so that each container can have one.
	initprog, linux < monitor/wire;
	jsonlog < event;

	# Logs are read by others than those that write them: see libraries_test.go.
	linux, jsonlog < jsonlog/reader;

	plan, linux/netlink, linux/nft, internal/units, internal/ps, internal/proc, internal/ocispec, internal/runtimespec,
	internal/atomicfile, internal/filelock, jsonlog/reader, event
	< GROUND;

	# Floor 1, the making of one container. Everything that happens inside the
	# root resolves its paths in package rootfs, and only there.
	GROUND < runtime/rootfs
	< runtime/namespace, runtime/mount, runtime/device, runtime/cgroup, runtime/process;

	# What a group says of its container, for who asks.
	runtime/cgroup < runtime/cgroup/stat;

	# Speaks to systemd; the limits themselves are written as everywhere.
	runtime/cgroup < runtime/systemd;

	# The profile is data, the compiler makes a filter of it, security puts
	# the filter beside capabilities and no_new_privs.
	GROUND < runtime/security/seccomp/profile < runtime/security/seccomp < runtime/security;

	# Writes the tables of numbers.
	NONE < runtime/security/seccomp/gen;

	runtime/namespace, runtime/mount, runtime/device, runtime/cgroup, runtime/process,
	runtime/security
	< runtime;

	runtime, runtime/cgroup/stat < FLOOR1;

	# Floor 2, the stores.
	FLOOR1 < oci, reference, layer, ipam, bridge, firewall;

	# Blobs and the file that names them: other tools know them, too, so it is
	# about files alone, and knows neither references nor layers.
	GROUND < content;

	# The layers of an image are unpacked beside each other, each by package layer.
	layer < layer/chain;

	# An image is a name and layers, of blobs; to import is to make one of an archive.
	# What it removes of layers it claims from those that unpack them.
	reference, layer/chain, oci, content < image < image/importer;

	# A network is an address, a bridge and rules: it asks each of the three
	# for its steps and puts them in order.
	ipam, bridge, firewall < network;

	# Registries are asked for images by reference, as the user of config.json. It
	# is no part of FLOOR2: the command does not speak HTTP.
	GROUND < registry/credentials;
	reference, registry/credentials < registry;

	oci, image/importer, network < FLOOR2;

	# To pull is to bring the blobs of a registry's image to the store, and to unpack
	# them meanwhile. It is no part of FLOOR2, either.
	registry, content, layer/chain, image < image/pull;

	# Floor 3. The engine opens containers, which know nothing of it, and starts
	# the monitors that stay with them.
	initprog, linux, jsonlog, event, monitor/wire < monitor < cmd/mydocker-monitor;
	FLOOR2 < container;
	container, monitor < engine < FLOOR3;

	# Containers as the runtime specification knows them: of the runtime alone,
	# without images, networks and monitors.
	GROUND < cli/tracer;
	FLOOR1 < bundle;
	runtime/systemd < bundle/scope;
	bundle, cli/tracer < cli/runtimecmd;
	cli/runtimecmd, bundle/scope < cmd/mydocker-runtime;

	# Floor 4, the doors. Commands bind flags and print tables.
	FLOOR3 < cli/runflags, cli/format;
	cli/runflags, cli/format, cli/tracer, cli/runtimecmd < cli;
	cli, cli/runtimecmd, monitor < cmd/mydocker;

	# Commands that speak to registries, in a program of their own.
	image/pull, cli < cli/imagecmd < cmd/mydocker-image;

	# Measures the commands from outside, like anybody else's.
	NONE < bench;
`

// A listed package, as go list -json tells it.
type listed struct {
	ImportPath, Name, Dir              string
	GoFiles, CgoFiles                  []string
	Imports, TestImports, XTestImports []string
}

// rel is the package's path below the module.
func (p listed) rel() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// onlyTests reports whether there is nothing in it that others could import.
func (p listed) onlyTests() bool { return len(p.GoFiles)+len(p.CgoFiles) == 0 }

// packages lists those of the house, the one of these tests left out.
func packages(t *testing.T) []listed {
	t.Helper()
	var all []listed
	out := goList(t, "-e", "-json=ImportPath,Name,Dir,GoFiles,CgoFiles,Imports,TestImports,XTestImports", "./...")
	for d := json.NewDecoder(strings.NewReader(out)); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.ImportPath != module {
			all = append(all, p)
		}
	}
}

func goList(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	return string(out)
}

func TestFloors(t *testing.T) {
	may, err := parseFloors(floors)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range packages(t) {
		if p.onlyTests() {
			continue
		}
		seen[p.rel()] = true
		below, ok := may[p.rel()]
		if !ok {
			t.Errorf("package %s is on no floor", p.rel())
			continue
		}
		for _, imp := range p.Imports {
			if imp, ok := strings.CutPrefix(imp, module+"/"); ok && !below[imp] {
				t.Errorf("%s imports %s, which is not below it", p.rel(), imp)
			}
		}
	}
	for name := range may {
		if !seen[name] && name != strings.ToUpper(name) {
			t.Errorf("%s has a place in the house, but is not there", name)
		}
	}
}

// parseFloors returns for each name what it may import.
func parseFloors(rules string) (map[string]map[string]bool, error) {
	may := map[string]map[string]bool{}
	for _, rule := range strings.Split(withoutComments(rules), ";") {
		if strings.TrimSpace(rule) == "" {
			continue
		}
		below := map[string]bool{}
		for i, list := range strings.Split(rule, "<") {
			here := map[string]bool{}
			for _, name := range strings.Split(list, ",") {
				name = strings.TrimSpace(name)
				if name == "" || strings.ContainsAny(name, " \n\t") {
					return nil, fmt.Errorf("%q is no name, in the rule %q", name, rule)
				}
				if i == 0 && may[name] == nil && name != "NONE" {
					return nil, fmt.Errorf("%s is used before it has a place", name)
				}
				if may[name] == nil {
					may[name] = map[string]bool{}
				}
				for b := range below {
					may[name][b] = true
				}
				here[name] = true
				for b := range may[name] {
					here[b] = true
				}
			}
			below = here
		}
	}
	return may, nil
}

func withoutComments(rules string) string {
	var kept strings.Builder
	for line := range strings.Lines(rules) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func TestParseFloors(t *testing.T) {
	may, err := parseFloors("NONE < a, b;\n# why\na < c < D; D < e;")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"c", "a", true}, {"e", "a", true}, {"e", "c", true}, {"a", "b", false},
		{"c", "b", false}, {"a", "c", false}, {"b", "a", false},
	} {
		if got := may[c.from][c.to]; got != c.want {
			t.Errorf("%s may import %s: %v, want %v", c.from, c.to, got, c.want)
		}
	}
	for _, wrong := range []string{"a < b;", "NONE < a b;", "NONE < , a;"} {
		if _, err := parseFloors(wrong); err == nil {
			t.Errorf("%q was taken for a rule", wrong)
		}
	}
}

func TestNames(t *testing.T) {
	banned := []string{"util", "utils", "common", "helper", "helpers", "misc", "manager", "base", "shared", "lib"}
	for _, p := range packages(t) {
		if slices.Contains(banned, p.Name) || slices.Contains(banned, path.Base(p.ImportPath)) {
			t.Errorf("package %s has a name that says nothing", p.rel())
		}
	}
}
