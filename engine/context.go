package engine

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mydocker/container"
	"mydocker/network"
	"mydocker/oci"
	"mydocker/plan"
	"mydocker/runtime/rootfs"
)

// joinable are the kinds of namespace that "container:NAME" may name, with the
// kernel's names and the place of the request that names them.
var joinable = []struct {
	kind, kernel string
	of           func(*oci.Request) string
}{
	{"network", "net", func(r *oci.Request) string { return r.Network }},
	{"pid", "pid", func(r *oci.Request) string { return r.PidMode }},
	{"ipc", "ipc", func(r *oci.Request) string { return r.IPCMode }},
	{"uts", "uts", func(r *oci.Request) string { return r.UTSMode }},
}

// findJoined looks up the containers whose namespaces are to be joined. They
// must run.
func (d *draft) findJoined() error {
	d.joined = map[string]*container.Record{}
	for _, j := range joinable {
		name, ok := strings.CutPrefix(j.of(d.req), "container:")
		if !ok {
			continue
		}
		r, err := d.e.Containers.Find(name)
		if err != nil {
			return err
		}
		if r.Status != container.Running && r.Status != container.Paused || !d.e.Containers.Alive(r.ID) {
			return fmt.Errorf("cannot join the %s namespace of a non running container: container %s is %s", j.kind, name, r.Status)
		}
		if j.kind == "ipc" && r.Request.IPCMode != "shareable" {
			return fmt.Errorf("cannot join IPC of container %s: non-shareable IPC: start that container with --ipc shareable", name)
		}
		d.joined[j.kind] = r
	}
	return nil
}

// ociContainer is what the engine has decided by itself.
func (d *draft) ociContainer() oci.Container {
	c := oci.Container{
		ID: d.id, Rootfs: d.root(), CgroupsPath: d.e.cgroupPath(d.req.CgroupParent, d.id),
		HostnamePath: d.file("hostname"), HostsPath: d.file("hosts"), ResolvConfPath: d.file("resolv.conf"),
		Join: map[string]string{},
	}
	for _, j := range joinable {
		if r := d.joined[j.kind]; r != nil {
			c.Join[j.kind] = fmt.Sprintf("/proc/%d/ns/%s", r.Pid, j.kernel)
		}
	}
	if r := d.joined["network"]; r != nil { // as Docker: its names are those of the one it joins
		dir := d.e.Containers.Dir(r.ID)
		c.Hostname, c.Domainname = r.Request.Hostname, r.Request.Domainname
		if c.Hostname == "" {
			c.Hostname = r.ID[:12]
		}
		c.HostnamePath, c.HostsPath, c.ResolvConfPath = filepath.Join(dir, "hostname"), filepath.Join(dir, "hosts"), filepath.Join(dir, "resolv.conf")
	}
	c.ShmPath = d.shm()
	if d.image.Host && !d.req.HostSecretsVisible {
		c.Hidden = d.hidden()
	}
	return c
}

// shm is the directory of the host that becomes /dev/shm where it is shared: the
// container's own, or that of the one it joins. It is never looked up in a
// container's root.
func (d *draft) shm() string {
	switch r := d.joined["ipc"]; {
	case r != nil:
		return filepath.Join(d.e.Containers.Dir(r.ID), "shm")
	case d.req.IPCMode == "shareable":
		return d.file("shm")
	}
	return ""
}

// shmSteps make the directory of a container that shares its own.
func (d *draft) shmSteps() []plan.HostStep {
	if d.req.IPCMode != "shareable" {
		return nil
	}
	size := d.req.ShmSize
	if size == 0 {
		size = oci.DefaultShmSize
	}
	return []plan.HostStep{rootfs.Tmpfs{Path: d.file("shm"), Size: size}}
}

func (d *draft) file(name string) string { return filepath.Join(d.dir(), name) }

// hidden are the host's secrets that exist, and this engine's own directories.
// Patterns in /home, of which there are many, share one look at it.
func (e *Engine) hidden() (paths []string) {
	homes, err := filepath.Glob("/home/*")
	if err != nil {
		homes = nil
	}
	for _, p := range append(oci.HostSecrets(), e.Root, e.State) {
		tries := []string{p}
		if rest, ok := strings.CutPrefix(p, "/home/*"); ok {
			tries = nil
			for _, h := range homes {
				tries = append(tries, h+rest)
			}
		}
		for _, t := range tries {
			paths = append(paths, existing(t)...)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// existing returns what a pattern finds.
func existing(pattern string) []string {
	if strings.ContainsAny(pattern, "*?[") {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil
		}
		return found
	}
	if _, err := os.Lstat(pattern); err != nil {
		return nil
	}
	return []string{pattern}
}

// cgroupPath places a container's cgroup. Engines in other directories have a
// parent of their own.
func (e *Engine) cgroupPath(parent, id string) string {
	if parent == "" {
		parent = e.network().CgroupParent
	}
	return filepath.Join("/", parent, id)
}

// endpoint claims the container's place on its network; with only a look, it
// says which place would be next. Nil: it has none of its own.
func (d *draft) endpoint(look bool) (*network.Endpoint, error) {
	if !d.mode.Bridged() {
		return nil, nil
	}
	cfg := d.e.network()
	if look {
		return network.Preview(cfg, d.e.State, d.id)
	}
	return network.Claim(cfg, d.e.State, d.id)
}

// files are the steps that write what is mounted over the image's own
// /etc/hosts, /etc/hostname and /etc/resolv.conf.
func (d *draft) files(end *network.Endpoint) (steps []plan.HostStep, err error) {
	if d.joined["network"] != nil {
		return nil, nil
	}
	var own []netip.Addr
	if end != nil {
		own = append(own, end.Addr())
	}
	c := d.ociContainer()
	hosts, err := oci.Hosts(d.req, c, d.facts, own...)
	if err != nil {
		return nil, err
	}
	resolv, err := oci.ResolvConf(d.req, d.facts.ResolvConf)
	if err != nil {
		return nil, err
	}
	file := func(name string, content []byte) plan.HostStep {
		return rootfs.File{Path: d.file(name), Content: string(content), Mode: 0o644}
	}
	return []plan.HostStep{
		file("hostname", oci.HostnameFile(d.req, c, d.facts)), file("hosts", hosts), file("resolv.conf", resolv),
	}, nil
}

// describe writes the container's place on its network into its record.
func describe(n *container.Network, end *network.Endpoint) {
	n.Address, n.PrefixLen = end.Address.Addr().String(), end.Address.Bits()
	n.Gateway, n.MacAddress, n.Bridge, n.Veth = end.Gateway.String(), end.MAC, end.Bridge, end.Veth
}
