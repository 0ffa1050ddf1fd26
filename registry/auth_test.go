package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"mydocker/internal/ocispec"
	"mydocker/registry/credentials"
)

func as(c credentials.Credential) Lookup {
	return func(context.Context, string, string) (credentials.Credential, error) { return c, nil }
}

// tokenServer protects f by tokens that it counts: "token-1", "token-2".
type tokenServer struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []url.Values // the form of each request
	basic  []string     // and its name:password
	given  int
	valid  string // the token that f takes
	answer func(w http.ResponseWriter, token string)
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.ParseForm()
	name, password, _ := r.BasicAuth()
	s.asked, s.basic = append(s.asked, r.Form), append(s.basic, name+":"+password)
	if password == "wrong" {
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "incorrect username or password")
		return
	}
	s.given++
	s.valid = fmt.Sprintf("token-%d", s.given)
	s.answer(w, s.valid)
}

func protect(t *testing.T, f *fake) *tokenServer {
	s := &tokenServer{}
	s.answer = func(w http.ResponseWriter, token string) { fmt.Fprintf(w, `{"token":%q,"expires_in":300}`, token) }
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	f.hook = func(w http.ResponseWriter, r *http.Request) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.valid != "" && r.Header.Get("Authorization") == "Bearer "+s.valid {
			return false
		}
		w.Header().Add("WWW-Authenticate", `Basic realm="x"`)
		w.Header().Add("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token?x=1",service="the, \"service\"",scope="repository:app:pull"`, s.URL))
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return true
	}
	return s
}

// One token serves for all of a repository, also for goroutines together, and
// is asked for again when it is taken no more.
func TestBearer(t *testing.T) {
	f := newFake(t)
	s := protect(t, f)
	o := Options{Credentials: as(credentials.Credential{Username: "u", Password: "p"})}
	r := f.repository(t, o, "app:1")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := r.Image(t.Context(), amd64); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if s.given != 1 {
		t.Errorf("%d tokens, want 1", s.given)
	}
	want := url.Values{"x": {"1"}, "service": {`the, "service"`}, "scope": {"repository:app:pull"}, "account": {"u"}}
	if fmt.Sprint(s.asked[0]) != fmt.Sprint(want) || s.basic[0] != "u:p" {
		t.Errorf("asked %v as %s, want %v", s.asked[0], s.basic[0], want)
	}
	s.valid = "" // it is over
	if _, err := r.Image(t.Context(), amd64); err != nil || s.given != 2 {
		t.Errorf("%v, %d tokens, want 2", err, s.given)
	}
}

func TestIdentityToken(t *testing.T) {
	f := newFake(t)
	s := protect(t, f)
	s.answer = func(w http.ResponseWriter, token string) { fmt.Fprintf(w, `{"access_token":%q}`, token) }
	r := f.repository(t, Options{Credentials: as(credentials.Credential{Username: "u", IdentityToken: "idt"})}, "app:1")
	if _, err := r.Resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := s.asked[0]
	if got.Get("grant_type") != "refresh_token" || got.Get("refresh_token") != "idt" || got.Get("scope") != "repository:app:pull" || s.basic[0] != ":" {
		t.Errorf("%v as %s", got, s.basic[0])
	}
}

// A mount needs a token for two repositories.
func TestMountScope(t *testing.T) {
	f := newFake(t)
	s := protect(t, f)
	check := f.hook
	f.hook = func(w http.ResponseWriter, r *http.Request) bool {
		if check(w, r) {
			return true
		}
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		return r.Method == http.MethodPost
	}
	d := ocispec.Descriptor{Digest: ocispec.Digest("sha256:" + strings.Repeat("1", 64)), Size: 1}
	sent, err := f.repository(t, Options{}, "app").PushBlob(t.Context(), d, []string{"a/b"}, nil)
	if err != nil || sent != Mounted {
		t.Fatal(sent, err)
	}
	if got := fmt.Sprint(s.asked[len(s.asked)-1]["scope"]); got != "[repository:a/b:pull repository:app:pull,push]" {
		t.Errorf("scope %s", got)
	}
}

func TestLoginForIdentity(t *testing.T) {
	f := newFake(t)
	s := protect(t, f)
	s.answer = func(w http.ResponseWriter, token string) {
		fmt.Fprintf(w, `{"token":%q,"refresh_token":"idt"}`, token)
	}
	c := client(t, Options{})
	keep, err := c.Login(t.Context(), f.host(), credentials.Credential{Username: "u", Password: "p"})
	if want := (credentials.Credential{Username: "u", IdentityToken: "idt"}); keep != want || err != nil {
		t.Errorf("%+v, %v", keep, err)
	}
	if last := s.asked[len(s.asked)-1]; last.Get("offline_token") != "true" || last.Get("client_id") == "" {
		t.Errorf("%v", last)
	}
	if _, err := c.Login(t.Context(), f.host(), credentials.Credential{Username: "u", Password: "wrong"}); !errors.Is(err, ErrDenied) ||
		!strings.HasSuffix(err.Error(), "unauthorized: incorrect username or password") {
		t.Error(err)
	}
}

func TestTokenLies(t *testing.T) {
	say := func(text string) func(*tokenServer) {
		return func(s *tokenServer) {
			s.answer = func(w http.ResponseWriter, _ string) { fmt.Fprint(w, text) }
		}
	}
	for name, c := range map[string]struct {
		lie  func(*tokenServer)
		text string
	}{
		"none":       {say(`{}`), "gave none"},
		"no JSON":    {say(`<html>`), "read a token"},
		"huge":       {say(`{"token":"` + strings.Repeat("x", 2*maxAnswer) + `"}`), "more than"},
		"long":       {say(`{"token":"` + strings.Repeat("x", maxToken+1) + `"}`), "too long"},
		"line break": {say(`{"token":"a\r\nX-Evil: b"}`), "not printable"},
		"not taken": {func(s *tokenServer) {
			s.answer = func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `{"token":"other"}`) }
		}, "authentication required"},
	} {
		f := newFake(t)
		s := protect(t, f)
		c.lie(s)
		_, err := f.repository(t, Options{}, "app:1").Resolve(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %.200v, want %q", name, err, c.text)
		}
		if len(s.asked) > 2 { // HEAD, then GET for the words
			t.Errorf("%s: asked %d times", name, len(s.asked))
		}
	}
}

// Nothing that proves who we are follows a redirect to another host.
func TestCredentialsStay(t *testing.T) {
	var seen http.Header
	elsewhere := newFake(t)
	elsewhere.hook = func(_ http.ResponseWriter, r *http.Request) bool {
		seen = r.Header.Clone()
		return false
	}
	f := newFake(t)
	protect(t, f)
	check := f.hook
	f.hook = func(w http.ResponseWriter, r *http.Request) bool {
		if check(w, r) {
			return true
		}
		if r.Header.Get("X-Secret") != "s" {
			t.Error("the registry did not get the header of the settings")
		}
		if strings.Contains(r.URL.Path, "/blobs/") {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path+"?signature=x", http.StatusTemporaryRedirect)
			return true
		}
		return false
	}
	o := Options{Credentials: as(credentials.Credential{Username: "u", Password: "p"}), Header: map[string]string{"X-Secret": "s"}, UserAgent: "mydocker/test"}
	data, err := fetch(t.Context(), f.repository(t, o, "app:1"), f.layer, nil)
	if err != nil || int64(len(data)) != f.layer.Size {
		t.Fatal(len(data), err)
	}
	if seen.Get("Authorization") != "" || seen.Get("X-Secret") != "" || seen.Get("Referer") != "" || seen.Get("User-Agent") != "mydocker/test" {
		t.Errorf("%v", seen)
	}
}

// From TLS nothing leads to plain HTTP, and an identity token is not sent on.
func TestRedirectsRefused(t *testing.T) {
	elsewhere := newFake(t)
	s := httptest.NewTLSServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer s.Close()
	err := client(t, Options{}).Ping(t.Context(), s.Listener.Addr().String())
	if !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "from TLS to plain HTTP") {
		t.Error(err)
	}
	f := newFake(t)
	tokens := protect(t, f)
	tokens.Config.Handler = http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect)
	o := Options{Credentials: as(credentials.Credential{IdentityToken: "idt"})}
	_, err = f.repository(t, o, "app:1").Resolve(t.Context())
	if !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "redirect of what is sent") {
		t.Error(err)
	}
	if len(elsewhere.requests) > 0 {
		t.Errorf("%v", elsewhere.requests)
	}
}

// throughProxy is a registry that is not on this machine, for all that the
// client knows: a proxy leads to it. Its name is a mirror of docker.io's
// without TLS, so that one without certificates will do.
func throughProxy(t *testing.T, f *fake) (*Client, *[]string) {
	proxied := &[]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*proxied = append(*proxied, r.URL.Host)
		f.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	at, _ := url.Parse(s.URL)
	return client(t, Options{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if isLoopback(r.URL.Hostname()) {
				return nil, nil
			}
			return at, nil
		},
		Credentials: as(credentials.Credential{Username: "u", Password: "p"}),
		Hosts:       Hosts{Mirrors: map[string][]string{hubDomain: {"http://mirror.example"}}},
	}), proxied
}

// A stranger does not send us to services of this machine.
func TestRedirectToThisMachine(t *testing.T) {
	inside := newFake(t)
	for _, to := range []string{inside.URL, strings.Replace(inside.URL, "127.0.0.1", "localhost", 1), strings.Replace(inside.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1)} {
		f := newFake(t)
		f.hook = func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, to+r.URL.Path, http.StatusFound)
			return true
		}
		c, proxied := throughProxy(t, f)
		e, err := c.hostEndpoints(hubDomain)
		if err != nil {
			t.Fatal(err)
		}
		_, err = e[0].do(t.Context(), request{method: http.MethodGet, url: e[0].root()})
		if !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "which is this machine") {
			t.Errorf("%s: %v", to, err)
		}
		if len(*proxied) != 1 || (*proxied)[0] != "mirror.example" || len(inside.requests) > 0 {
			t.Errorf("%v, then %v", *proxied, inside.requests)
		}
	}
}

// Neither by a name that only looks far away.
func TestAddressBehindName(t *testing.T) {
	c := client(t, Options{})
	e, err := c.newEndpoint(&url.URL{Scheme: "https", Host: "registry.example"}, "registry.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"127.0.0.1:80", "169.254.169.254:80", "[::1]:80", "[fe80::1%eth0]:80", "0.0.0.0:80", "[::ffff:127.9.9.9]:80"} {
		if err := e.checkAddress(false, to); !errors.Is(err, errRefused) {
			t.Errorf("%s: %v", to, err)
		}
	}
	if err := e.checkAddress(false, "10.1.2.3:80"); err != nil {
		t.Error(err)
	}
	if err := e.checkAddress(true, "127.0.0.1:443"); err != nil { // the registry is here itself
		t.Error(err)
	}
	if err := e.checkAddress(false, "127.0.0.1:80"); err != nil {
		t.Errorf("a registry on this machine names another: %v", err)
	}
}

// A password does not travel readable, unless an administrator said so.
func TestNoPasswordWithoutTLS(t *testing.T) {
	f := newFake(t)
	var seen []string
	f.hook = func(w http.ResponseWriter, r *http.Request) bool {
		seen = append(seen, r.Header.Get("Authorization"))
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	c, _ := throughProxy(t, f)
	for _, insecure := range [][]string{nil, {"mirror.example"}} {
		seen, c.opts.Hosts.Insecure = nil, insecure
		e, _ := c.hostEndpoints(hubDomain)
		if _, err := e[0].do(t.Context(), request{method: http.MethodGet, url: e[0].root()}); !errors.Is(err, ErrDenied) {
			t.Error(err)
		}
		// The second time it is shown at once, and not again when it is refused.
		if _, err := e[0].do(t.Context(), request{method: http.MethodGet, url: e[0].root()}); !errors.Is(err, ErrDenied) {
			t.Error(err)
		}
		want := map[bool]string{true: "[ Basic dTpw Basic dTpw]", false: "[ ]"}[insecure != nil]
		if fmt.Sprint(seen) != want {
			t.Errorf("insecure %v: %q, want %s", insecure, seen, want)
		}
	}
}

func TestRealm(t *testing.T) {
	c := client(t, Options{})
	e, err := c.newEndpoint(&url.URL{Scheme: "https", Host: "registry.example"}, "registry.example")
	if err != nil {
		t.Fatal(err)
	}
	for realm, ok := range map[string]bool{
		"https://auth.example/token": true, "http://auth.example/token": false, "https://127.0.0.1/token": false, "https://localhost:1/t": false,
		"file:///etc/passwd": false, "": false, "https://u:p@auth.example/": false, "/token": false,
	} {
		if _, err := e.auth.realm(challenge{params: map[string]string{"realm": realm}}); (err == nil) != ok {
			t.Errorf("%q: %v", realm, err)
		}
	}
}

func TestParseChallenges(t *testing.T) {
	for in, want := range map[string]string{
		``:                   `[]`,
		`Basic realm="a, b"`: `[{basic map[realm:a, b]}]`,
		`Bearer realm="https://a/t",service=s,scope="x y"`: `[{bearer map[realm:https://a/t scope:x y service:s]}]`,
		`Basic realm="\"q\"", Bearer Realm = "r"`:          `[{basic map[realm:"q"]} {bearer map[realm:r]}]`,
		`Negotiate, Basic realm=x`:                         `[{negotiate map[]} {basic map[realm:x]}]`,
		`Basic realm="open`:                                `[]`,
		`Basic realm=`:                                     `[]`,
		`"`:                                                `[]`,
		`Basic realm="a\`:                                  `[]`,
	} {
		if got := fmt.Sprint(parseChallenges([]string{in})); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if n := len(parseChallenges([]string{strings.Repeat("Basic a=b, ", 1000)})); n != maxChallenges {
		t.Errorf("%d of 1000", n)
	}
}

// Whatever the header: it ends, within bounds, in tokens.
func FuzzChallenge(f *testing.F) {
	f.Add(`Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a:pull", Basic realm=x`)
	f.Add(`Basic realm="\"`)
	f.Fuzz(func(t *testing.T, in string) {
		all := parseChallenges([]string{in, in})
		if len(all) > maxChallenges {
			t.Errorf("%d challenges", len(all))
		}
		for _, c := range all {
			if scheme, rest := cutToken(c.scheme); scheme == "" || rest != "" {
				t.Errorf("scheme %q", c.scheme)
			}
		}
	})
}
