package oci

import (
	"errors"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// What is read of this host fits what it must have, and makes a
// specification of a request that uses all of it.
func TestHostFacts(t *testing.T) {
	r := Request{
		Network: "host", Privileged: true, Ulimits: []Ulimit{{"nofile", 1, 2}}, Command: []string{"x"},
		Resources: Resources{CpusetCpus: "0"},
	}
	f, err := HostFacts(&r)
	if err != nil {
		t.Fatal(err)
	}
	if f.Hostname == "" || f.NumCPU < 1 || f.CPUs == "" || f.Rlimits["nofile"] == 0 || len(f.Rlimits) != len(rlimits) {
		t.Errorf("facts %+v", f)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "CapBnd:")
	set, err := strconv.ParseUint(strings.Fields(rest)[0], 16, 64)
	if err != nil || len(f.Bounding) != bits.OnesCount64(set) {
		t.Errorf("bounding set %v, %v; the kernel's is %x", f.Bounding, err, set)
	}
	cfg, own := image()
	if _, _, err := Spec(&r, cfg, made(), f, own); err != nil {
		t.Error(err)
	}
}

func TestHostNodes(t *testing.T) {
	got, err := hostNodes("/dev/null")
	if err != nil || len(got) != 1 || got[0].Path != "/dev/null" || got[0].Type != "c" || got[0].Major != 1 || got[0].Minor != 3 {
		t.Errorf("/dev/null: %+v, %v", got, err)
	}
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := errors.Join(os.Symlink("/dev/null", link), os.Symlink("/dev", filepath.Join(dir, "dev"))); err != nil {
		t.Fatal(err)
	}
	if got, err := hostNodes(link); err != nil || len(got) != 1 || got[0].Path != link || got[0].Minor != 3 {
		t.Errorf("link: %+v, %v", got, err)
	}
	got, err = hostNodes(filepath.Join(dir, "dev"))
	want := filepath.Join(dir, "dev", "null")
	if err != nil || !slices.ContainsFunc(got, func(n Node) bool { return n.Path == want && n.Minor == 3 }) {
		t.Errorf("directory: no %s in %+v, %v", want, got, err)
	}
	if _, err := hostNodes(dir + "/none"); err != syscall.ENOENT {
		t.Errorf("missing: %v", err)
	}
	if _, err := hostNodes("/etc/passwd"); err != ErrNotDevice {
		t.Errorf("file: %v", err)
	}
}

func TestHostDevices(t *testing.T) {
	all, err := hostDevices()
	if err != nil || !slices.ContainsFunc(all, func(n Node) bool { return n.Path == "/dev/null" }) {
		t.Fatalf("no /dev/null in %+v, %v", all, err)
	}
	for _, n := range all {
		if strings.HasPrefix(n.Path, "/dev/pts/") || n.Path == "/dev/ptmx" || n.Path == "/dev/console" {
			t.Errorf("%s is the host's own", n.Path)
		}
	}
}

func TestPropagationOf(t *testing.T) {
	at, _, _, err := propagationOf("/proc/self/")
	if err != nil || at != "/proc" {
		t.Errorf("/proc/self lies on %q, %v", at, err)
	}
	if _, _, _, err := propagationOf("/none"); err == nil {
		t.Error("a missing path has a mount")
	}
}

func TestSysctlExists(t *testing.T) {
	if !sysctlExists("net.ipv4.ping_group_range") || sysctlExists("net.none") {
		t.Error("wrong about net.ipv4.ping_group_range or net.none")
	}
}
