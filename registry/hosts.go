package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
)

// The names of docker's own registry: as images have it, and where it answers.
const (
	hubDomain = "docker.io"
	hubHost   = "registry-1." + hubDomain
)

// Hosts is what an administrator says of registries.
type Hosts struct {
	Insecure []string            `json:"insecure"` // host, host:port or CIDR: certificates are not verified, and plain HTTP will do
	Mirrors  map[string][]string `json:"mirrors"`  // by the host as in names: https://host[:port], asked before it

	File string `json:"-"` // where to write more of it, for hints
}

// daemonJSON is what docker's daemon.json says of the same.
type daemonJSON struct {
	Mirrors  []string `json:"registry-mirrors"` // of docker.io
	Insecure []string `json:"insecure-registries"`
}

// LoadHosts reads the engine's own file and adds what docker's daemon.json
// says, so that a machine that was set up for docker is set up. Neither need be
// there; an empty name is none.
func LoadHosts(own, daemon string) (Hosts, error) {
	h := Hosts{File: own}
	if err := readJSON(own, &h, true); err != nil {
		return h, err
	}
	var d daemonJSON
	if err := readJSON(daemon, &d, false); err != nil {
		return h, err
	}
	h.Insecure = append(h.Insecure, d.Insecure...)
	if len(d.Mirrors) > 0 {
		if h.Mirrors == nil {
			h.Mirrors = map[string][]string{}
		}
		h.Mirrors[hubDomain] = append(h.Mirrors[hubDomain], d.Mirrors...)
	}
	return h, h.check()
}

func readJSON(path string, into any, strict bool) error {
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read settings of registries: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if strict {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("read settings of registries: %s: %w", path, err)
	}
	return nil
}

func (h Hosts) check() error {
	for _, s := range h.Insecure {
		if _, err := netip.ParsePrefix(s); strings.Contains(s, "/") && err != nil {
			return fmt.Errorf("insecure registry %q: neither host, host:port nor CIDR", s)
		}
	}
	for host, list := range h.Mirrors {
		for _, m := range list {
			if _, err := mirrorURL(m); err != nil {
				return fmt.Errorf("mirror of %s: %w", host, err)
			}
		}
	}
	return nil
}

// mirrorURL takes what docker takes: no path, no query, no user.
func mirrorURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, err
	}
	bare := url.URL{Scheme: u.Scheme, Host: u.Host}
	if u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || bare.String() != strings.TrimSuffix(s, "/") {
		return nil, fmt.Errorf("%q is not https://host[:port]", s)
	}
	return &bare, nil
}

// insecure reports whether a host's certificate is not verified, and plain HTTP
// may carry its credentials: this machine, and what is configured. A name is
// looked up only where there are networks to compare with, and never docker's.
func (h Hosts) insecure(host string) bool {
	name := hostname(host)
	if isLoopback(name) || slices.Contains(h.Insecure, host) || slices.Contains(h.Insecure, name) {
		return true
	}
	if name == hubHost || name == hubDomain {
		return false
	}
	for _, s := range h.Insecure {
		if prefix, err := netip.ParsePrefix(s); err == nil && within(prefix, name) {
			return true
		}
	}
	return false
}

func within(prefix netip.Prefix, name string) bool {
	addrs := []string{name}
	if _, err := netip.ParseAddr(name); err != nil {
		if addrs, err = net.LookupHost(name); err != nil {
			return false
		}
	}
	return slices.ContainsFunc(addrs, func(s string) bool {
		addr, err := netip.ParseAddr(s)
		return err == nil && prefix.Contains(addr.Unmap())
	})
}

// hostname is host[:port] without port and brackets.
func hostname(host string) string { return (&url.URL{Host: host}).Hostname() }

// isLoopback tells from the name alone.
func isLoopback(name string) bool {
	addr, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// hostEndpoints lists where a host's images may be had: mirrors, the registry
// itself, and the same without TLS where that may be.
func (c *Client) hostEndpoints(host string) ([]*endpoint, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if list := c.endpoints[host]; list != nil {
		return list, nil
	}
	var list []*endpoint
	for _, m := range c.opts.Hosts.Mirrors[host] {
		u, err := mirrorURL(m)
		if err != nil {
			return nil, fmt.Errorf("mirror of %s: %w", host, err)
		}
		e, err := c.newEndpoint(u, u.Host)
		if err != nil {
			return nil, err
		}
		e.mirror = true
		list = append(list, e)
	}
	own, err := c.ownEndpoints(host)
	if err != nil {
		return nil, err
	}
	list = append(list, own...)
	c.endpoints[host] = list
	return list, nil
}

func (c *Client) ownEndpoints(host string) ([]*endpoint, error) {
	address := host
	if host == hubDomain {
		address = hubHost
	}
	secure, err := c.newEndpoint(&url.URL{Scheme: "https", Host: address}, host)
	if err != nil || !c.opts.Hosts.insecure(address) {
		return []*endpoint{secure}, err
	}
	plain, err := c.newEndpoint(&url.URL{Scheme: "http", Host: address}, host)
	secure.fallback = true
	return []*endpoint{secure, plain}, err
}

// upstream leaves the mirrors out.
func upstream(list []*endpoint) []*endpoint {
	return slices.DeleteFunc(slices.Clone(list), func(e *endpoint) bool { return e.mirror })
}
