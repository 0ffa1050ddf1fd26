package oci

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
)

// HostnameFile returns the container's /etc/hostname.
func HostnameFile(r *Request, c Container, f Facts) []byte {
	name, _ := Hostname(r, c, f)
	return []byte(name + "\n")
}

// baseHosts is where every /etc/hosts of Docker's begins.
const baseHosts = `127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::	ip6-localnet
ff00::	ip6-mcastprefix
ff02::1	ip6-allnodes
ff02::2	ip6-allrouters
`

// Hosts returns the container's /etc/hosts: the loopback names, or the host's
// file in its network namespace, then --add-host, then the container's own names
// at its addresses.
func Hosts(r *Request, c Container, f Facts, own ...netip.Addr) ([]byte, error) {
	if joins(r.Network) && len(r.AddHosts) > 0 {
		return nil, fmt.Errorf("conflicting options: custom host-to-IP mapping and the network mode")
	}
	out := bytes.NewBufferString(baseHosts)
	if r.Network == "host" && len(f.HostsFile) > 0 {
		out = bytes.NewBuffer(bytes.TrimRight(bytes.Clone(f.HostsFile), "\n"))
		out.WriteByte('\n')
	}
	for _, a := range r.AddHosts {
		name, addr, err := addHost(a, f.HostGateway)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(out, "%s\t%s\n", addr, name)
	}
	names := ownNames(Hostname(r, c, f))
	for _, a := range own {
		fmt.Fprintf(out, "%s\t%s\n", a, names)
	}
	return out.Bytes(), nil
}

// ownNames returns the full name, then the bare one. The domain may be part of
// the hostname.
func ownNames(name, domain string) string {
	if domain != "" {
		name += "." + domain
	}
	if bare, _, ok := strings.Cut(name, "."); ok {
		return name + " " + bare
	}
	return name
}

// addHost reads name:address. An IPv6 address may be in brackets.
func addHost(s string, gateway netip.Addr) (name string, addr netip.Addr, err error) {
	name, value, ok := strings.Cut(s, ":")
	if !ok || name == "" || strings.ContainsFunc(name, notInName) {
		return "", addr, fmt.Errorf("bad format for add-host: %q", s)
	}
	if value == "host-gateway" {
		if !gateway.IsValid() {
			return "", addr, fmt.Errorf("unable to derive the IP value for host-gateway")
		}
		return name, gateway, nil
	}
	if b, ok := strings.CutPrefix(value, "["); ok && strings.HasSuffix(b, "]") {
		value = strings.TrimSuffix(b, "]")
	}
	if addr, err = netip.ParseAddr(value); err != nil || addr.Zone() != "" {
		return "", addr, fmt.Errorf("invalid IP address in add-host: %q", value)
	}
	return name, addr, nil
}
