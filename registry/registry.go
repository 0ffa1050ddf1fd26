// Package registry speaks to registries of images by the OCI distribution
// specification 1.1, https://github.com/opencontainers/distribution-spec, with
// docker's habits in what the specification leaves open: names, credentials,
// certificates, mirrors, words of errors. It knows nothing of where images are
// kept: it gives readers, and takes them.
//
// A registry is a stranger. Every answer has a bound in size and in time; bytes
// are compared with their digest before their end is told; credentials are for
// one host, and stay there.
package registry

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"mydocker/reference"
	"mydocker/registry/credentials"
)

// Options are what a Client is made of. The zero value works, as nobody.
type Options struct {
	UserAgent   string            // "mydocker/1.2.3"
	Credentials Lookup            // nil: none
	Header      map[string]string // for registries, not for whom they name
	Hosts       Hosts
	CertsDir    string                                // as /etc/docker/certs.d; empty: none
	Proxy       func(*http.Request) (*url.URL, error) // nil: as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say
	Timeouts    Timeouts
	Retry       Retry
}

// Lookup finds the credential for a repository; credentials.Store.Get is one.
type Lookup func(ctx context.Context, host, repository string) (credentials.Credential, error)

// Timeouts end what does not get on. Zero is the default.
type Timeouts struct {
	Connect time.Duration // TCP, and then TLS: 30 s
	Header  time.Duration // from the request to the answer's header: 30 s
	Idle    time.Duration // without one byte of a body: 60 s
}

// Retry says how often something is tried that may succeed the next time. Zero
// is the default.
type Retry struct {
	Attempts int           // 5
	Wait     time.Duration // before the second: 500 ms; twice as long before each one more
	MaxWait  time.Duration // 30 s; a server that asks for a longer wait is not waited for
}

// Client is for any number of registries, and for goroutines together. Tokens
// and connections are kept in it.
type Client struct {
	opts    Options
	proxies sync.Map // host:port of those in use

	mu        sync.Mutex
	endpoints map[string][]*endpoint // by the host as in names
}

// New returns a client.
func New(o Options) *Client {
	setDefault(&o.Timeouts.Connect, 30*time.Second)
	setDefault(&o.Timeouts.Header, 30*time.Second)
	setDefault(&o.Timeouts.Idle, 60*time.Second)
	setDefault(&o.Retry.Attempts, 5)
	setDefault(&o.Retry.Wait, 500*time.Millisecond)
	setDefault(&o.Retry.MaxWait, 30*time.Second)
	if o.Proxy == nil {
		o.Proxy = http.ProxyFromEnvironment
	}
	return &Client{opts: o, endpoints: map[string][]*endpoint{}}
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Close drops idle connections.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, list := range c.endpoints {
		for _, e := range list {
			e.http.CloseIdleConnections()
		}
	}
}

// Repository is where the images of one name are. Ref's tag and digest are what
// Resolve and Image look for.
type Repository struct {
	c   *Client
	ref reference.Ref
}

// Repository does nothing yet.
func (c *Client) Repository(ref reference.Ref) *Repository { return &Repository{c, ref} }

// scopes are what a token has to allow (the distribution project's token
// scope documentation).
func (r *Repository) scopes(actions string) []string {
	return []string{"repository:" + r.ref.Path + ":" + actions}
}

const (
	pull = "pull"
	push = "pull,push"
)

// pulling calls f with the mirrors and then the registry itself, until one
// does. What counts is the last one's error.
func (r *Repository) pulling(ctx context.Context, f func(*endpoint) error) error {
	list, err := r.c.hostEndpoints(r.ref.Domain)
	if err != nil {
		return err
	}
	return try(ctx, list, f)
}

// pushing is pulling without mirrors.
func (r *Repository) pushing(ctx context.Context, f func(*endpoint) error) error {
	list, err := r.c.hostEndpoints(r.ref.Domain)
	if err != nil {
		return err
	}
	return try(ctx, upstream(list), f)
}

func try(ctx context.Context, list []*endpoint, f func(*endpoint) error) error {
	var err error
	for _, e := range list {
		if e.plainOnly.Load() {
			continue
		}
		err = f(e)
		if err == nil || ctx.Err() != nil || !e.mirror && !e.gaveUp(err) {
			return err
		}
	}
	return err
}

// url is below the repository: "manifests/latest".
func (r *Repository) url(e *endpoint, rest string) *url.URL {
	u := *e.base
	u.Path = "/v2/" + r.ref.Path + "/" + rest
	return &u
}

// Ping asks whether a registry is there and takes the client's credential.
func (c *Client) Ping(ctx context.Context, host string) error {
	list, err := c.hostEndpoints(host)
	if err != nil {
		return err
	}
	return try(ctx, upstream(list), func(e *endpoint) error {
		resp, err := e.do(ctx, request{method: http.MethodGet, url: e.root()})
		if err == nil {
			resp.Body.Close()
		}
		return err
	})
}
