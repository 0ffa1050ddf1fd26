package oci

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/ocispec"
)

var update = flag.Bool("update", false, "write the golden files")

// files is an image's files by path.
type files map[string]string

func (f files) Open(path string) (io.ReadCloser, error) {
	s, ok := f[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
	}
	return io.NopCloser(strings.NewReader(s)), nil
}

func image() (ocispec.ImageConfig, files) {
	return ocispec.ImageConfig{
			Entrypoint: []string{"/entry"}, Cmd: []string{"serve"},
			Env: []string{"PATH=/opt/bin:/bin", "LANG=C"}, WorkingDir: "/srv",
		}, files{
			"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
			"/etc/group":  "root:x:0:\naudio:x:29:alice\nvideo:x:44:bob,alice\nalice:x:1000:\n",
		}
}

func machine() Facts {
	return Facts{
		Hostname: "host", HostGateway: netip.MustParseAddr("10.20.30.1"),
		NumCPU: 2, CPUs: "0-1", Mems: "0", Cgroups: "v1",
		Rlimits: map[string]uint64{"nofile": 20000},
		SubUIDs: 100000, SubGIDs: 200000,
		TerminalWidth: 80, TerminalHeight: 24,
		Nodes:       nodes,
		HostDevices: func() ([]Node, error) { return []Node{null, disk}, nil },
		Seccomp: func(profile string, s *specs.Spec) (*specs.LinuxSeccomp, error) {
			if strings.HasPrefix(profile, "bad") {
				return nil, errors.New("unexpected end of JSON input")
			}
			action := specs.ActErrno
			if profile != "" {
				action = specs.ActLog
			}
			return &specs.LinuxSeccomp{DefaultAction: action}, nil
		},
	}
}

var (
	null = Node{"/dev/null", "c", 1, 3, 0o666, 0, 0}
	disk = Node{"/dev/sda", "b", 8, 0, 0o660, 0, 6}
)

// nodes is a host with a disk, and a directory of devices.
func nodes(path string) ([]Node, error) {
	switch path {
	case "/dev/null":
		return []Node{null}, nil
	case "/dev/sda":
		return []Node{disk}, nil
	case "/dev/snd":
		return []Node{{"/dev/snd/timer", "c", 116, 33, 0o660, 0, 29}, {"/dev/snd/by/x", "c", 116, 7, 0o660, 0, 29}}, nil
	case "/etc":
		return nil, ErrNotDevice
	}
	return nil, syscall.ENOENT
}

func made() Container {
	return Container{
		ID:     "0123456789ab" + strings.Repeat("c", 52),
		Rootfs: "/var/lib/mydocker/merged", CgroupsPath: "/mydocker/0123",
		HostnamePath: "/s/hostname", HostsPath: "/s/hosts", ResolvConfPath: "/s/resolv.conf",
	}
}

// goldens are one container for each way of being different.
func goldens() map[string]struct {
	r Request
	c func(*Container)
} {
	type g = struct {
		r Request
		c func(*Container)
	}
	swappiness := int64(10)
	return map[string]g{
		"default":    {},
		"tty":        {r: Request{TTY: true}},
		"user":       {r: Request{User: "alice", GroupAdd: []string{"7", "root"}}},
		"privileged": {r: Request{Privileged: true}},
		"host":       {r: Request{Network: "host", PidMode: "host", IPCMode: "host", UTSMode: "host", CgroupNS: "host"}},
		"join": {
			r: Request{Network: "container:a", PidMode: "container:a", IPCMode: "container:a"},
			c: func(c *Container) {
				c.Join = map[string]string{"network": "/proc/7/ns/net", "pid": "/proc/7/ns/pid", "ipc": "/proc/7/ns/ipc"}
				c.ShmPath, c.Hostname, c.Domainname = "/s/a/shm", "other", "lan"
			},
		},
		"userns":   {r: Request{Userns: "private", IPCMode: "none"}},
		"readonly": {r: Request{ReadOnly: true, Mounts: []Mount{{Type: "tmpfs", Target: "/tmp"}}}},
		"secrets":  {c: func(c *Container) { c.Hidden = []string{"/etc/shadow", "/root/.ssh"} }},
		"everything": {r: Request{
			Entrypoint: []string{"/bin/sh", "-c"}, EntrypointSet: true, Command: []string{"true"},
			Env: []string{"LANG=de", "A=1", "HOSTNAME"}, WorkingDir: "/work/./dir", User: "1000:audio",
			TTY: true, Annotations: map[string]string{"k": "v"},
			TimeOffsets: map[string]int64{"monotonic": -1, "boottime": 86_400_000_000_000},
			Hostname:    "box", Domainname: "lan",
			Mounts: []Mount{
				{Type: "bind", Source: "/data", Target: "/srv/a/b", ReadOnly: true},
				{Type: "bind", Source: "/data/hosts", Target: "/etc/hosts", ReadOnly: true, ReadOnlyNonRecursive: true},
				{Type: "bind", Source: "/data", Target: "/mnt", Propagation: "rslave", NonRecursive: true},
				{Type: "tmpfs", Target: "/run/", TmpfsOptions: []string{"exec", "size=1m"}},
				{Type: "tmpfs", Target: "/cache", TmpfsSize: 4096, TmpfsMode: 0o700, ReadOnly: true},
			},
			ShmSize: 1 << 20, CapAdd: []string{"net_admin"}, CapDrop: []string{"CAP_MKNOD"}, Seccomp: "{}",
			NoNewPrivileges: true,
			Devices:         []Device{{Host: "/dev/sda", Container: "/dev/disk", Permissions: "r"}, {Host: "/dev/snd", Container: "/dev/sound"}},
			DeviceRules:     []string{"c 10:* rw", "b 7:0 m"},
			Sysctls:         map[string]string{"net.ipv4.ip_forward": "1", "kernel.shmmax": "1000", "fs.mqueue.msg_max": "5", "kernel.domainname": "x"},
			Ulimits:         []Ulimit{{"nofile", 100, 200}, {"core", -1, -1}, {"nofile", 10, 20000}},
			Resources: Resources{
				NanoCPUs: 500_000_000, CPUShares: 1, CpusetCpus: "0,1", CpusetMems: "0",
				Memory: 100 << 20, MemoryReservation: 50 << 20, MemorySwappiness: &swappiness, OOMKillDisable: true, PidsLimit: 50,
				BlkioWeight: 500, BlkioWeightDevice: []Limit{{"/dev/sda", 100}},
				DeviceReadBps: []Limit{{"/dev/sda", 1 << 20}}, DeviceWriteBps: []Limit{{"/dev/sda", 2 << 20}},
				DeviceReadIOps: []Limit{{"/dev/sda", 10}}, DeviceWriteIOps: []Limit{{"/dev/sda", 20}},
			},
			OOMScoreAdj: 500,
		}},
	}
}

func TestGolden(t *testing.T) {
	for name, g := range goldens() {
		t.Run(name, func(t *testing.T) {
			cfg, own := image()
			c, f := made(), machine()
			if g.c != nil {
				g.c(&c)
			}
			s, warnings, err := Spec(&g.r, cfg, c, f, own)
			if err != nil || len(warnings) > 0 {
				t.Fatalf("Spec: %v, warnings %q", err, warnings)
			}
			got, err := json.MarshalIndent(s, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "golden", name+".json"), append(got, '\n'))
		})
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, got, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s differs (-update writes it):\n%s", path, d)
	}
}

// The version is written down so that a newer library does not change what
// is promised; this is where the two are compared.
func TestVersion(t *testing.T) {
	if Version != specs.Version {
		t.Errorf("Version %s, the library's types are for %s", Version, specs.Version)
	}
}

// The request is stored in the container's record and must not be changed by
// being compiled, nor may two specifications share what can be written to.
func TestSpecLeavesRequest(t *testing.T) {
	g := goldens()["everything"]
	before, _ := json.Marshal(g.r)
	cfg, own := image()
	s, _, err := Spec(&g.r, cfg, made(), machine(), own)
	if err != nil {
		t.Fatal(err)
	}
	s.Annotations["k"], s.Process.Args[0] = "changed", "changed"
	s.Linux.Sysctl["net.ipv4.ip_forward"] = "changed"
	if after, _ := json.Marshal(g.r); string(after) != string(before) {
		t.Errorf("the request became %s", after)
	}
}
