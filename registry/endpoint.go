package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	maxRedirects = 10
	maxHeader    = 256 << 10 // bytes of an answer's header
	maxOthers    = 32        // transports for hosts that an endpoint names
)

// endpoint is one address of a registry, or of a mirror.
type endpoint struct {
	c        *Client
	base     *url.URL // scheme and host
	host     string   // whose credentials are shown
	mirror   bool
	fallback bool // the next endpoint is the same without TLS

	plainOnly atomic.Bool // it was found to speak no TLS
	local     atomic.Bool // it is on this machine or its link, so it may name others there
	http      *http.Client
	auth      authorizer

	mu     sync.Mutex
	home   *http.Transport
	others map[string]*http.Transport // for redirects, token servers and foreign layers, by host
}

func (c *Client) newEndpoint(base *url.URL, host string) (*endpoint, error) {
	e := &endpoint{c: c, base: base, host: host, others: map[string]*http.Transport{}}
	conf, err := c.tlsConfig(base.Host)
	if err != nil {
		return nil, err
	}
	e.home = c.transport(conf, e.dialer(true))
	e.http = &http.Client{Transport: e, CheckRedirect: e.checkRedirect}
	e.auth = newAuthorizer(e)
	return e, nil
}

// root is where a registry says that it is one.
func (e *endpoint) root() *url.URL {
	u := *e.base
	u.Path = "/v2/"
	return &u
}

// gaveUp reports whether the same address without TLS comes next, as docker has
// it: nobody is there, or somebody who speaks no TLS. A certificate that is
// wrong does not lead there.
func (e *endpoint) gaveUp(err error) bool {
	if !e.fallback {
		return false
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		e.plainOnly.Store(true)
		return true
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// RoundTrip is for e.http: settings of the registry are for the registry.
func (e *endpoint) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == e.base.Host {
		return e.home.RoundTrip(req)
	}
	t, err := e.other(req.URL.Host)
	if err != nil {
		return nil, err
	}
	return t.RoundTrip(req)
}

// CloseIdleConnections is for e.http, too.
func (e *endpoint) CloseIdleConnections() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.home.CloseIdleConnections()
	for _, t := range e.others {
		t.CloseIdleConnections()
	}
}

func (e *endpoint) other(host string) (*http.Transport, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t := e.others[host]; t != nil {
		return t, nil
	}
	if len(e.others) >= maxOthers {
		return nil, fmt.Errorf("%s names more than %d other hosts", e.base.Host, maxOthers)
	}
	conf, err := e.c.tlsConfig(host)
	if err != nil {
		return nil, err
	}
	t := e.c.transport(conf, e.dialer(false))
	e.others[host] = t
	return t, nil
}

func (c *Client) transport(conf *tls.Config, dial func(context.Context, string, string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		Proxy:                  c.proxyFor,
		DialContext:            dial,
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    c.opts.Timeouts.Connect,
		ResponseHeaderTimeout:  c.opts.Timeouts.Header,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // a blob is its bytes
	}
}

// tlsConfig is as dockerd's for a host: its folder in CertsDir has authorities
// (*.crt) and a client's certificates (*.cert with *.key). An authority named
// there is also required of a host that is insecure.
func (c *Client) tlsConfig(host string) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.opts.Hosts.insecure(host)}
	if c.opts.CertsDir == "" || strings.ContainsAny(host, "/\x00") || strings.HasPrefix(host, ".") {
		return conf, nil
	}
	dir := filepath.Join(c.opts.CertsDir, certsName(host))
	names, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	for _, n := range names {
		if err := addCertificate(conf, filepath.Join(dir, n.Name())); err != nil {
			return nil, fmt.Errorf("read certificates: %w", err)
		}
	}
	return conf, nil
}

// certsName is the folder of docker's own registry for both of its names.
func certsName(host string) string {
	if host == hubHost {
		return hubDomain
	}
	return host
}

func addCertificate(conf *tls.Config, path string) error {
	base, ext := strings.TrimSuffix(path, filepath.Ext(path)), filepath.Ext(path)
	switch ext {
	case ".crt":
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if conf.RootCAs == nil {
			if conf.RootCAs, err = x509.SystemCertPool(); err != nil {
				return err
			}
		}
		if !conf.RootCAs.AppendCertsFromPEM(data) {
			return fmt.Errorf("%s: no certificate in PEM form", path)
		}
		conf.InsecureSkipVerify = false
	case ".cert":
		pair, err := tls.LoadX509KeyPair(path, base+".key")
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		conf.Certificates = append(conf.Certificates, pair)
	}
	return nil
}

// dialer connects, and looks at the address behind the name: who is not on this
// machine or its link cannot send us there, be it to metadata services.
func (e *endpoint) dialer(home bool) func(context.Context, string, string) (net.Conn, error) {
	t := e.c.opts.Timeouts
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		d := net.Dialer{Timeout: t.Connect, KeepAlive: 30 * time.Second}
		if _, ok := e.c.proxies.Load(address); !ok {
			d.ControlContext = func(_ context.Context, _, to string, _ syscall.RawConn) error {
				return e.checkAddress(home, to)
			}
		}
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return stallingConn{conn, t.Idle}, nil
	}
}

func (e *endpoint) checkAddress(home bool, to string) error {
	ap, err := netip.ParseAddrPort(to)
	if err != nil || !isLocal(ap.Addr()) {
		return err
	}
	if home {
		e.local.Store(true)
	}
	if !e.local.Load() {
		return fmt.Errorf("%s leads to %s on this machine or its link: %w", e.base.Host, ap.Addr(), errRefused)
	}
	return nil
}

// errRefused is what is not tried again.
var errRefused = errors.New("refused")

// isLocal: of this machine, or only reached on its link.
func isLocal(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast()
}

// stallingConn ends a write that does not get on. Reads have bounds elsewhere.
type stallingConn struct {
	net.Conn
	idle time.Duration
}

func (c stallingConn) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// checkRedirect is for e.http. Requests are copied from the first, so what is
// for the registry alone is taken from every later one that left it.
func (e *endpoint) checkRedirect(req *http.Request, via []*http.Request) error {
	last := via[len(via)-1]
	switch {
	case len(via) >= maxRedirects:
		return fmt.Errorf("more than %d redirects: %w", maxRedirects, errRefused)
	case last.URL.Scheme == "https" && req.URL.Scheme != "https":
		return fmt.Errorf("redirect from TLS to plain HTTP: %w", errRefused)
	case req.URL.User != nil:
		return fmt.Errorf("redirect with a name and password: %w", errRefused)
	case isLoopback(req.URL.Hostname()) && !e.local.Load():
		return fmt.Errorf("redirect to %s, which is this machine: %w", req.URL.Host, errRefused)
	case req.Body != nil && req.Body != http.NoBody:
		return fmt.Errorf("redirect of what is sent: %w", errRefused)
	}
	req.Header.Del("Referer")
	for _, r := range append(via, req) {
		if !sameOrigin(r.URL, via[0].URL) {
			req.Header.Del("Authorization")
			for name := range e.c.opts.Header {
				req.Header.Del(name)
			}
		}
	}
	return nil
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }

// proxyFor remembers the proxy, which may well be on this machine: the dialer
// gets its address, not that of whom it speaks to.
func (c *Client) proxyFor(req *http.Request) (*url.URL, error) {
	u, err := c.opts.Proxy(req)
	if u == nil || err != nil {
		return u, err
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	c.proxies.Store(net.JoinHostPort(u.Hostname(), port), true)
	return u, nil
}
