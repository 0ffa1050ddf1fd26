package runtime_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime/namespace"
)

// ip runs ip(8), in the network namespace of this thread.
func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %q: %v\n%s", args, err, out)
	}
}

// newDevices returns a container in a network namespace with the interfaces
// away and its peer.
func newDevices(t *testing.T) *foreign {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip(err)
	}
	testenv.NetNS(t)
	f := newForeign(t)
	t.Cleanup(func() {
		exec.Command("ip", "link", "delete", "peer").Run() // with what is at its other end
	})
	ip(t, "link", "add", "away", "type", "veth", "peer", "name", "peer")
	ip(t, "address", "add", "10.9.8.7/24", "dev", "away")
	ip(t, "address", "add", "fd00::7/64", "dev", "away", "nodad")
	ip(t, "link", "set", "away", "up")
	return f
}

func addresses(t *testing.T, name string) string {
	t.Helper()
	i, err := net.InterfaceByName(name)
	if err != nil {
		return ""
	}
	list, err := i.Addrs()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, a := range list {
		if !netip.MustParsePrefix(a.String()).Addr().IsLinkLocalUnicast() {
			out = append(out, a.String())
		}
	}
	return strings.Join(out, " ")
}

// TestNetDevices moves an interface, renamed, with its addresses and up.
func TestNetDevices(t *testing.T) {
	f := newDevices(t)
	f.spec.Linux.NetDevices = map[string]specs.LinuxNetDevice{"away": {Name: "eth7"}}
	got := f.run("sh", "-c", "ip -o address show dev eth7; ip -o link show dev eth7; ip -o link show dev away 2>&1; true")
	for _, want := range []string{"10.9.8.7/24", "fd00::7/64", "UP", "can't find device 'away'"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

// TestNetDeviceLate moves it into a namespace that belongs to a user namespace
// that is joined.
func TestNetDeviceLate(t *testing.T) {
	f := newDevices(t)
	f.readable()
	owner := *f
	owner.spec = cloneSpec(f.spec)
	owner.spec.Linux.Namespaces = append(owner.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "user"})
	owner.spec.Linux.UIDMappings, owner.spec.Linux.GIDMappings = mapped(), mapped()
	user := "/proc/" + strconv.Itoa(owner.lasting().Pid) + "/ns/user"
	f.spec.Linux.Namespaces = append(f.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "user", Path: user})
	f.spec.Linux.NetDevices = map[string]specs.LinuxNetDevice{"away": {}}
	// The first process has no PID namespace to be born anew in.
	f.spec.Linux.Namespaces = slices.DeleteFunc(f.spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == "pid" })
	f.spec.Mounts[0] = specs.Mount{Destination: "/proc", Type: "bind", Source: "/proc", Options: []string{"rbind"}}
	if got := f.run("ip", "-o", "address", "show", "dev", "away"); !strings.Contains(got, "10.9.8.7/24") {
		t.Errorf("got %s", got)
	}
}

// TestNetDeviceComesBack where the container has one of that name already, and
// from a namespace that stays.
func TestNetDeviceComesBack(t *testing.T) {
	f := newDevices(t)
	const there = "10.9.8.7/24 fd00::7/64"
	f.spec.Linux.NetDevices = map[string]specs.LinuxNetDevice{"away": {Name: "lo"}}
	f.refused("one of the name lo already", "true")
	if got := addresses(t, "away"); got != there {
		t.Errorf("after a failure the addresses are %q", got)
	}
	ns, path := otherNetwork(t)
	defer ns.Close()
	f.spec.Linux.Namespaces[4].Path = path
	f.spec.Linux.NetDevices = map[string]specs.LinuxNetDevice{"away": {}}
	p, err := f.compile("nope")
	if err != nil {
		t.Fatal(err)
	}
	f.refused("execve /bin/nope", "nope")
	if got := addresses(t, "away"); got != "" {
		t.Fatal("it was not moved")
	}
	if len(p.Attach) != 1 {
		t.Fatalf("attach steps: %v", p.Attach)
	}
	undo := p.Attach[0].Undo()
	for range 2 { // it is undone once, and nothing is left to undo
		if err := undo.Do(&plan.Env{Dead: true}); err != nil {
			t.Fatal(err)
		}
		if got := addresses(t, "away"); got != there {
			t.Errorf("undone, the addresses are %q", got)
		}
	}
	if err := (namespace.ReturnDevice{Name: "away", As: "x"}).Do(&plan.Env{Dead: true}); err != nil {
		t.Error(err)
	}
}

// otherNetwork returns a network namespace and a path to it.
func otherNetwork(t *testing.T) (*os.File, string) {
	t.Helper()
	type made struct {
		f   *os.File
		err error
	}
	c := make(chan made)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		err := linux.UnshareNet()
		f, err2 := os.Open("/proc/thread-self/ns/net")
		c <- made{f, errors.Join(err, err2)}
	}()
	m := <-c
	if m.err != nil {
		t.Fatal(m.err)
	}
	return m.f, "/proc/" + strconv.Itoa(syscall.Getpid()) + "/fd/" + strconv.Itoa(int(m.f.Fd()))
}
