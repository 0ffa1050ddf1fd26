package mydocker

import (
	"slices"
	"strings"
	"testing"
)

// A library that only some packages import, so that the rest of the house does
// not depend on it. A name that ends in "/..." stands for what is below, too.
type library struct {
	name string
	by   []string // none: nobody
	why  string
}

var libraries = []library{
	{"golang.org/x/sys/unix", []string{"linux/...", "initprog"},
		"system calls are typed, and repeated when interrupted, in one place"},
	{"github.com/vishvananda/...", []string{"linux/netlink"}, "package linux/netlink is how the house speaks to it"},
	{"github.com/google/nftables/...", []string{"linux/nft"}, "package linux/nft is how the house speaks to it"},
	{"github.com/coreos/go-systemd/...", []string{"runtime/systemd"}, "package runtime/systemd is how the house speaks to it"},
	{"github.com/godbus/...", []string{"runtime/systemd"}, "package runtime/systemd is how the house speaks to it"},
	{"github.com/moby/profiles/...", []string{"runtime/security/seccomp/profile", "bench"},
		"the profile is data of that package; bench gives it to other runtimes"},
	{"github.com/spf13/...", []string{"cli/..."}, "flags become a request at the door"},
	{"log/slog", []string{"container", "engine", "cli/...", "cmd/..."}, "below the engine errors are returned, not logged"},
	{"log", nil, "there is log/slog"},
	{"os/exec", []string{"bench", "internal/testenv", "registry/credentials"},
		"no helper program is executed on the way to a container (CVE-2026-41567); who keeps a user's passwords is one"},
	{"net/http", []string{"registry"}, "package registry is how the house speaks to registries"},
	{"io/ioutil", nil, "it is deprecated"},
	{"math/rand", nil, "names and addresses come from crypto/rand, tests print the seed of math/rand/v2"},
}

// forTests are imported by tests and by packages for tests only.
var forTests = []string{
	module + "/internal/testenv", "testing", "github.com/google/go-cmp/...", "github.com/rogpeppe/go-internal/...",
	"github.com/creack/pty",
}

// notLinked must not be part of the command: each costs every start a share of
// a millisecond or more, or opens a door that is not there.
var notLinked = []string{
	"net/http", "crypto/tls", "os/exec", "testing", "plugin", "runtime/cgo", "expvar", "net/rpc",
	"encoding/gob", "html/template", "go/ast", "database/sql",
	"google.golang.org/protobuf/...", "google.golang.org/grpc/...", "github.com/distribution/reference",
	"github.com/opencontainers/go-digest/...", // compiles 0.5 ms of regular expressions; see internal/ocispec
	module + "/internal/testenv",
}

func TestLibraries(t *testing.T) {
	for _, p := range packages(t) {
		for _, lib := range libraries {
			if matchAny(lib.by, p.rel()) {
				continue
			}
			if imp := find(p.Imports, lib.name); imp != "" {
				t.Errorf("%s imports %s: only %v may (%s)", p.rel(), imp, lib.by, lib.why)
			}
		}
		// Tests may execute programs, but have package syscall like everybody.
		unix := libraries[0]
		if !matchAny(unix.by, p.rel()) && find(slices.Concat(p.TestImports, p.XTestImports), unix.name) != "" {
			t.Errorf("a test of %s imports %s: only %v may (%s)", p.rel(), unix.name, unix.by, unix.why)
		}
		if len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo: binaries are static", p.rel())
		}
	}
}

func TestTestingStaysInTests(t *testing.T) {
	for _, p := range packages(t) {
		for _, lib := range forTests {
			if imp := find(p.Imports, lib); imp != "" && p.rel() != "internal/testenv" {
				t.Errorf("%s imports %s outside of its tests", p.rel(), imp)
			}
		}
	}
}

func TestCommandLinksNothingHeavy(t *testing.T) {
	linked := strings.Fields(goList(t, "-deps", "./cmd/mydocker"))
	if !slices.Contains(linked, module+"/cli") {
		t.Fatalf("cmd/mydocker does not link cli, so this test looks at the wrong list: %d packages", len(linked))
	}
	for _, not := range notLinked {
		if imp := find(linked, not); imp != "" {
			t.Errorf("cmd/mydocker links %s; see: go mod why %s", imp, imp)
		}
	}
}

// TestLogWriterLinksLittle: it is part of a process that stays with every
// container, whose memory is counted.
func TestLogWriterLinksLittle(t *testing.T) {
	linked := strings.Fields(goList(t, "-deps", "./jsonlog"))
	for _, not := range []string{"reflect", "fmt", "net", "encoding/...", "context", "golang.org/...", module + "/linux"} {
		if imp := find(linked, not); imp != "" {
			t.Errorf("jsonlog links %s", imp)
		}
	}
}

// find returns the first import that the pattern matches, or "".
func find(imports []string, pattern string) string {
	i := slices.IndexFunc(imports, func(imp string) bool { return match(pattern, imp) })
	if i < 0 {
		return ""
	}
	return imports[i]
}

func matchAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, name) })
}

// match compares a name with a pattern, which may end in "/...".
func match(pattern, name string) bool {
	top, below := strings.CutSuffix(pattern, "/...")
	return name == top || below && strings.HasPrefix(name, top+"/")
}
