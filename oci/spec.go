package oci

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/ocispec"
)

// Version of the runtime specification that [Spec] writes.
const Version = "1.3.0"

// Spec returns the OCI runtime specification of a container, as Docker would
// write it, and warnings for the user. It reads its arguments and nothing
// else; the request and the facts stay as they are.
//
// Errors have Docker's texts, where Docker has one.
func Spec(r *Request, cfg ocispec.ImageConfig, c Container, f Facts, files Files) (*specs.Spec, []string, error) {
	m := &maker{r: r, cfg: cfg, c: c, f: f, files: files, s: empty()}
	for _, part := range []func() error{
		m.names,
		m.root,
		m.namespaces,
		m.command,
		m.user,       // before the environment, which has the user's home
		m.environ,    //
		m.limits,     // of the process
		m.caps,       // depend on the user
		m.seccomp,    // depends on the capabilities
		m.mounts,     //
		m.userMounts, // may replace some of the former
		m.protect,    // what the mounts show
		m.devices,    //
		m.resources,  //
		m.sysctls,    // depend on the namespaces
		m.annotations,
	} {
		if err := part(); err != nil {
			return nil, m.warnings, err
		}
	}
	return m.s, m.warnings, nil
}

// maker carries what the parts of a specification are made from.
type maker struct {
	r        *Request
	cfg      ocispec.ImageConfig
	c        Container
	f        Facts
	files    Files
	s        *specs.Spec
	home     string // of the user, from the image's passwd
	warnings []string
}

func empty() *specs.Spec {
	return &specs.Spec{
		Version: Version,
		Process: &specs.Process{},
		Root:    &specs.Root{},
		Linux:   &specs.Linux{RootfsPropagation: "private", Resources: &specs.LinuxResources{}},
	}
}

func (m *maker) warn(text string) { m.warnings = append(m.warnings, text) }

// names sets what the container calls itself. In the host's UTS namespace that
// is not the container's to set.
func (m *maker) names() error {
	r := m.r
	switch {
	case r.UTSMode == "host" && r.Hostname != "":
		return errors.New("conflicting options: hostname and the UTS mode")
	case r.UTSMode == "host" && r.Domainname != "":
		return errors.New("conflicting options: domainname and the UTS mode")
	case joins(r.Network) && r.Hostname != "":
		return errors.New("conflicting options: hostname and the network mode")
	}
	name, domain := Hostname(r, m.c, m.f)
	for _, n := range []string{name, domain} {
		// 64 is the kernel's HOST_NAME_MAX; spaces would make more of a line of /etc/hosts.
		if len(n) > 64 || strings.ContainsFunc(n, notInName) {
			return fmt.Errorf("invalid hostname format: %q", n)
		}
	}
	if r.UTSMode == "" || r.UTSMode == "private" {
		m.s.Hostname, m.s.Domainname = name, domain
	}
	return nil
}

// notInName tells the characters that no name of a host has, and that would
// mean something in the files it is written to.
func notInName(r rune) bool { return r <= ' ' || r == '#' || r == '/' || r == 0x7f }

// Hostname returns the container's host and domain name: the user's, or those
// that come with the namespaces it shares, or the short ID.
func Hostname(r *Request, c Container, f Facts) (name, domain string) {
	name, domain = r.Hostname, r.Domainname
	if domain == "" {
		domain = c.Domainname
	}
	switch {
	case name != "":
	case c.Hostname != "":
		name = c.Hostname
	case (r.UTSMode == "host" || r.Network == "host") && f.Hostname != "":
		name = f.Hostname
	default:
		name = c.ID[:min(12, len(c.ID))]
	}
	return name, domain
}

func (m *maker) root() error {
	if !strings.HasPrefix(m.c.Rootfs, "/") {
		return fmt.Errorf("root filesystem %q: not an absolute path", m.c.Rootfs)
	}
	m.s.Root.Path = m.c.Rootfs
	m.s.Root.Readonly = m.r.ReadOnly
	m.s.Linux.CgroupsPath = m.c.CgroupsPath
	return nil
}

func (m *maker) seccomp() (err error) {
	profile := m.r.Seccomp
	if profile == "unconfined" || profile == "" && m.r.Privileged || m.f.Seccomp == nil {
		return nil
	}
	if m.s.Linux.Seccomp, err = m.f.Seccomp(profile, m.s); err != nil {
		return fmt.Errorf("seccomp profile: %w", err)
	}
	return nil
}

func (m *maker) annotations() error {
	for k := range m.r.Annotations {
		if k == "" {
			return errors.New("invalid annotation: the key must not be empty")
		}
	}
	m.s.Annotations = maps.Clone(m.r.Annotations)
	return nil
}
