package oci

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ResolvConf returns the container's /etc/resolv.conf, see resolv.conf(5): the
// host's, overridden by --dns, --dns-search and --dns-option. The host's servers
// on loopback addresses, and with IPv6 ones, cannot be reached from a bridge; when
// none is left public ones take their place. In the host's network namespace
// the host's file holds as it is.
func ResolvConf(r *Request, host []byte) ([]byte, error) {
	if joins(r.Network) && len(r.DNS) > 0 {
		return nil, fmt.Errorf("conflicting options: dns and the network mode")
	}
	if r.Network == "host" && len(r.DNS)+len(r.DNSSearch)+len(r.DNSOptions) == 0 {
		return bytes.Clone(host), nil
	}
	c := parseResolvConf(host)
	if r.Network != "host" {
		c.reachable()
	}
	if err := c.override(r); err != nil {
		return nil, err
	}
	return c.bytes(), nil
}

// resolvConf is a file taken apart; other are the lines of other directives.
type resolvConf struct {
	servers, search, options, other []string
}

func parseResolvConf(b []byte) (c resolvConf) {
	for line := range bytes.Lines(b) {
		w := strings.Fields(string(line))
		switch {
		case len(w) < 2 || w[0][0] == '#' || w[0][0] == ';':
		case w[0] == "nameserver":
			if _, err := netip.ParseAddr(w[1]); err == nil {
				c.servers = append(c.servers, w[1])
			}
		case w[0] == "search", w[0] == "domain": // the last one holds
			c.search = w[1:]
		case w[0] == "options":
			c.options = append(c.options, w[1:]...)
		default:
			c.other = append(c.other, strings.Join(w, " "))
		}
	}
	return c
}

// reachable leaves the servers that a container on the bridge can ask.
func (c *resolvConf) reachable() {
	c.servers = slices.DeleteFunc(c.servers, func(s string) bool {
		a, err := netip.ParseAddr(s)
		return err != nil || a.Unmap().IsLoopback() || a.Unmap().IsUnspecified() || a.Unmap().Is6()
	})
	if len(c.servers) == 0 {
		c.servers = []string{"8.8.8.8", "8.8.4.4"}
	}
}

// override replaces what the user gives, list by list.
func (c *resolvConf) override(r *Request) error {
	for _, s := range r.DNS {
		if _, err := netip.ParseAddr(s); err != nil {
			return fmt.Errorf("IP address is not correctly formatted: %s", s)
		}
	}
	for _, d := range r.DNSSearch {
		if d != "." && !isDomain(d) {
			return fmt.Errorf("%s is not a valid domain", d)
		}
	}
	for _, o := range r.DNSOptions {
		if o == "" || strings.ContainsFunc(o, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return fmt.Errorf("invalid dns option: %q", o)
		}
	}
	if len(r.DNS) > 0 {
		c.servers = r.DNS
	}
	if len(r.DNSSearch) > 0 {
		c.search = slices.DeleteFunc(slices.Clone(r.DNSSearch), func(d string) bool { return d == "." })
	}
	if len(r.DNSOptions) > 0 {
		c.options = r.DNSOptions
	}
	return nil
}

// isDomain tells labels of letters, digits, "-" and "_", with dots between.
func isDomain(s string) bool {
	if len(s) > 255 {
		return false
	}
	for _, label := range strings.Split(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, notInLabel) || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

func notInLabel(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
}

func (c *resolvConf) bytes() []byte {
	var b bytes.Buffer
	for _, s := range c.servers {
		b.WriteString("nameserver " + s + "\n")
	}
	if len(c.search) > 0 {
		b.WriteString("search " + strings.Join(c.search, " ") + "\n")
	}
	if len(c.options) > 0 {
		b.WriteString("options " + strings.Join(c.options, " ") + "\n")
	}
	for _, l := range c.other {
		b.WriteString(l + "\n")
	}
	return b.Bytes()
}
