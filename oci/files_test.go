package oci

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

func TestHostname(t *testing.T) {
	for _, x := range []struct {
		r            Request
		c            Container
		name, domain string
	}{
		{Request{}, Container{}, "0123456789ab", ""},
		{Request{Hostname: "h", Domainname: "d"}, Container{}, "h", "d"},
		{Request{UTSMode: "host"}, Container{}, "host", ""},
		{Request{Network: "host"}, Container{}, "host", ""},
		{Request{Network: "host", Hostname: "h"}, Container{}, "h", ""},
		{Request{Network: "container:a"}, Container{Hostname: "other", Domainname: "d"}, "other", "d"},
	} {
		x.c.ID = made().ID
		name, domain := Hostname(&x.r, x.c, machine())
		if name != x.name || domain != x.domain {
			t.Errorf("%+v: %s, %s; want %s, %s", x.r, name, domain, x.name, x.domain)
		}
		if got := string(HostnameFile(&x.r, x.c, machine())); got != x.name+"\n" {
			t.Errorf("%+v: file %q", x.r, got)
		}
	}
}

func TestHosts(t *testing.T) {
	own := netip.MustParseAddr("10.20.30.2")
	for _, x := range []struct {
		r    Request
		own  []netip.Addr
		want string // after the base
	}{
		{Request{}, []netip.Addr{own}, "10.20.30.2\t0123456789ab\n"},
		{Request{Network: "none"}, nil, ""},
		{Request{Hostname: "web", Domainname: "lan"}, []netip.Addr{own}, "10.20.30.2\tweb.lan web\n"},
		{Request{Hostname: "web.lan"}, []netip.Addr{own}, "10.20.30.2\tweb.lan web\n"},
		{
			Request{AddHosts: []string{"a:1.2.3.4", "b:host-gateway", "c:::1", "d:[fe80::1]"}, Hostname: "h"},
			[]netip.Addr{own}, "1.2.3.4\ta\n10.20.30.1\tb\n::1\tc\nfe80::1\td\n10.20.30.2\th\n",
		},
	} {
		got, err := Hosts(&x.r, made(), machine(), x.own...)
		if want := baseHosts + x.want; err != nil || string(got) != want {
			t.Errorf("%+v:\n%s%v\nwant\n%s", x.r, got, err, want)
		}
	}
	f := machine()
	f.HostsFile = []byte("127.0.0.1 localhost\n9.9.9.9 corp")
	got, err := Hosts(&Request{Network: "host", AddHosts: []string{"a:1.2.3.4"}}, made(), f)
	if want := "127.0.0.1 localhost\n9.9.9.9 corp\n1.2.3.4\ta\n"; err != nil || string(got) != want {
		t.Errorf("host network:\n%s%v\nwant\n%s", got, err, want)
	}
}

func TestHostsErrors(t *testing.T) {
	for _, x := range []struct{ add, want string }{
		{"a", `bad format for add-host: "a"`},
		{":1.2.3.4", "bad format for add-host"},
		{"a b:1.2.3.4", "bad format for add-host"},
		{"a\n1.2.3.4 b:1.2.3.4", "bad format for add-host"},
		{"a:1.2.3", `invalid IP address in add-host: "1.2.3"`},
		{"a:1.2.3.4\nx", "invalid IP address in add-host"},
		{"a:fe80::1%eth0", "invalid IP address in add-host"},
	} {
		_, err := Hosts(&Request{AddHosts: []string{x.add}}, made(), machine())
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%q: error %v, want %s", x.add, err, x.want)
		}
	}
	if _, err := Hosts(&Request{AddHosts: []string{"a:host-gateway"}}, made(), Facts{}); err == nil {
		t.Error("host-gateway without a gateway is no error")
	}
	if _, err := Hosts(&Request{AddHosts: []string{"a:1.2.3.4"}, Network: "container:x"}, made(), machine()); err == nil {
		t.Error("--add-host for another container's network is no error")
	}
}

func TestResolvConf(t *testing.T) {
	const host = "# comment\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nnameserver ::1\nnameserver fd00::1\nnameserver nonsense\n" +
		"domain old\nsearch a.lan b.lan\noptions edns0\noptions  trust-ad\nsortlist 1.2.3.4\n"
	const rest = "search a.lan b.lan\noptions edns0 trust-ad\nsortlist 1.2.3.4\n"
	for _, x := range []struct {
		name string
		r    Request
		host string
		want string
	}{
		{"default", Request{}, host, "nameserver 10.0.0.1\n" + rest},
		{"nothing", Request{}, "", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"},
		{"loopback only", Request{}, "nameserver 127.0.0.53\nnameserver ::ffff:127.0.0.1\nnameserver 0.0.0.0\n", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"},
		{"host", Request{Network: "host"}, host, host},
		{"host, changed", Request{Network: "host", DNSSearch: []string{"."}}, "nameserver 127.0.0.53\nsearch x\n", "nameserver 127.0.0.53\n"},
		{"servers", Request{DNS: []string{"127.0.0.1", "fd00::2"}}, host, "nameserver 127.0.0.1\nnameserver fd00::2\n" + rest},
		{"search", Request{DNSSearch: []string{"x.lan", "_tcp.y."}, DNSOptions: []string{"ndots:2"}}, "", "nameserver 8.8.8.8\nnameserver 8.8.4.4\nsearch x.lan _tcp.y.\noptions ndots:2\n"},
		{"no search", Request{DNSSearch: []string{"."}}, host, "nameserver 10.0.0.1\noptions edns0 trust-ad\nsortlist 1.2.3.4\n"},
	} {
		got, err := ResolvConf(&x.r, []byte(x.host))
		if err != nil || string(got) != x.want {
			t.Errorf("%s:\n%s%v\nwant\n%s", x.name, got, err, x.want)
		}
	}
}

func TestResolvConfErrors(t *testing.T) {
	for _, x := range []struct {
		r    Request
		want string
	}{
		{Request{DNS: []string{"one"}}, "IP address is not correctly formatted: one"},
		{Request{DNS: []string{"1.1.1.1\noptions x"}}, "IP address is not correctly formatted"},
		{Request{DNSSearch: []string{"a b"}}, "a b is not a valid domain"},
		{Request{DNSSearch: []string{"-a"}}, "-a is not a valid domain"},
		{Request{DNSSearch: []string{strings.Repeat("a.", 128) + "a"}}, "is not a valid domain"},
		{Request{DNSOptions: []string{"a\nnameserver 1.1.1.1"}}, "invalid dns option"},
		{Request{Network: "container:a", DNS: []string{"1.1.1.1"}}, "conflicting options: dns and the network mode"},
	} {
		if _, err := ResolvConf(&x.r, nil); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v: error %v, want %s", x.r, err, x.want)
		}
	}
}

// Whatever the host's file holds, the container's has a server, none that only
// the host reaches, and reads as what it was written from.
func FuzzResolvConf(f *testing.F) {
	f.Add("nameserver 127.0.0.53\nsearch a b\noptions ndots:1\n")
	f.Add("nameserver 10.0.0.1\nnameserver fe80::1%eth0\ndomain x\n\tsortlist 1.2.3.4\r\n")
	f.Add("nameserver ::ffff:127.0.0.1\n; x\n#\nnameserver")
	f.Fuzz(func(t *testing.T, host string) {
		got, err := ResolvConf(&Request{}, []byte(host))
		if err != nil {
			t.Fatal(err)
		}
		c := parseResolvConf(got)
		if len(c.servers) == 0 {
			t.Error("no server")
		}
		for _, s := range c.servers {
			if a := netip.MustParseAddr(s); a.Unmap().IsLoopback() || a.Unmap().Is6() {
				t.Errorf("server %s", s)
			}
		}
		if again, err := ResolvConf(&Request{}, got); err != nil || !bytes.Equal(again, got) {
			t.Errorf("second time:\n%q, %v\nfirst:\n%q", again, err, got)
		}
	})
}

// Every path is absolute, clean, and given once; those that the design names
// are there, and those that a system needs to work are not.
func TestHostSecrets(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range HostSecrets() {
		if p[0] != '/' || strings.HasSuffix(p, "/") || seen[p] {
			t.Errorf("path %q", p)
		}
		seen[p] = true
	}
	for _, p := range []string{"/var/lib/mydocker", "/root/.ssh", "/home/*/.ssh", "/etc/shadow", "/etc/ssh/ssh_host_*_key"} {
		if !seen[p] {
			t.Errorf("%s is not hidden", p)
		}
	}
	for _, p := range []string{"/etc/passwd", "/etc/sudoers", "/etc/ssl", "/etc/ssl/certs", "/root"} {
		if seen[p] {
			t.Errorf("%s is hidden", p)
		}
	}
}

func TestHiddenPaths(t *testing.T) {
	cfg, own := image()
	c := made()
	c.Hidden = []string{"/etc/shadow"}
	for _, x := range []struct {
		r      Request
		masked int
	}{
		{Request{}, len(maskedPaths()) + 1},
		{Request{Privileged: true}, 1},
		{Request{SystemPathsUnconfined: true}, 1},
		{Request{HostSecretsVisible: true}, len(maskedPaths())},
		{Request{HostSecretsVisible: true, Privileged: true}, 0},
	} {
		s, _, err := Spec(&x.r, cfg, c, machine(), own)
		if err != nil || len(s.Linux.MaskedPaths) != x.masked {
			t.Errorf("%+v: masked %v, %v; want %d", x.r, s.Linux.MaskedPaths, err, x.masked)
		}
	}
}
