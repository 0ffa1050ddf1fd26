package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mydocker/registry/credentials"
)

const (
	clientID    = "mydocker"
	maxToken    = 64 << 10 // bytes of one token: it has to fit a header
	maxAnswer   = 1 << 20  // bytes of a token server's answer
	minLifetime = 60 * time.Second
)

// authorizer knows how one endpoint wants to be shown who we are, and the
// tokens that it took.
type authorizer struct {
	e      *endpoint
	turn   chan struct{} // holds one value while nobody is at it
	want   *challenge    // as last asked for
	tokens map[string]token
	offer  *credentials.Credential // shown instead of what is looked up
}

type token struct {
	value   string
	expires time.Time
}

func newAuthorizer(e *endpoint) authorizer {
	a := authorizer{e: e, turn: make(chan struct{}, 1), tokens: map[string]token{}}
	a.turn <- struct{}{}
	return a
}

// lock lets one at a time ask for a token: the others get the same.
func (a *authorizer) lock(ctx context.Context) error {
	select {
	case <-a.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *authorizer) unlock() { a.turn <- struct{}{} }

// known is the value for the header Authorization where the endpoint asked
// before, else empty.
func (a *authorizer) known(ctx context.Context, r request) (string, error) {
	if !sameOrigin(r.url, a.e.base) {
		return "", nil
	}
	if err := a.lock(ctx); err != nil {
		return "", err
	}
	defer a.unlock()
	if a.want == nil {
		return "", nil
	}
	return a.prove(ctx, r, *a.want, "")
}

// answer is the value for the header after a 401: not what was shown already.
// Empty is that we have nothing.
func (a *authorizer) answer(ctx context.Context, r request, header []string, shown string) (string, error) {
	if err := a.lock(ctx); err != nil {
		return "", err
	}
	defer a.unlock()
	all := parseChallenges(header)
	for _, scheme := range []string{"bearer", "basic"} { // the better one first
		for _, c := range all {
			if c.scheme != scheme {
				continue
			}
			value, err := a.prove(ctx, r, c, shown)
			if err != nil {
				return "", err
			}
			if value != "" {
				a.want = &c
				return value, nil
			}
		}
	}
	return "", nil
}

// prove answers one challenge.
func (a *authorizer) prove(ctx context.Context, r request, c challenge, not string) (string, error) {
	cred, err := a.credential(ctx, r.repo)
	if err != nil {
		return "", err
	}
	if c.scheme == "basic" {
		value := "Basic " + base64.StdEncoding.EncodeToString([]byte(cred.Username+":"+cred.Password))
		if cred.Username == "" || value == not {
			return "", nil
		}
		return value, nil
	}
	if cred.RegistryToken != "" {
		if value := "Bearer " + cred.RegistryToken; value != not {
			return value, nil
		}
		return "", nil
	}
	return a.bearer(ctx, r, c, cred, not)
}

// credential is nobody's where it would travel readable.
func (a *authorizer) credential(ctx context.Context, repository string) (credentials.Credential, error) {
	switch {
	case !a.e.c.mayCarry(a.e.base):
		return credentials.Credential{}, nil
	case a.offer != nil:
		return *a.offer, nil
	case a.e.c.opts.Credentials == nil:
		return credentials.Credential{}, nil
	}
	return a.e.c.opts.Credentials(ctx, a.e.host, repository)
}

// mayCarry reports whether credentials may travel to a place.
func (c *Client) mayCarry(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && c.opts.Hosts.insecure(u.Host)
}

func (a *authorizer) bearer(ctx context.Context, r request, c challenge, cred credentials.Credential, not string) (string, error) {
	scopes := wantedScopes(r.scopes, c.params["scope"])
	key := strings.Join(append(scopes, r.repo), " ")
	have, ok := a.tokens[key]
	if ok && time.Now().Before(have.expires) && "Bearer "+have.value != not {
		return "Bearer " + have.value, nil
	}
	t, _, err := a.fetch(ctx, c, scopes, cred, false)
	if err != nil {
		return "", err
	}
	a.tokens[key] = t
	return "Bearer " + t.value, nil
}

// wantedScopes are ours and what the registry asked for, unless ours say it.
func wantedScopes(ours []string, asked string) []string {
	all := slices.Clone(ours)
	if len(ours) == 0 {
		all = strings.Fields(asked)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// fetch asks the token server that the challenge names; offline asks for an
// identity token, too. See the distribution project's token and oauth2
// documents.
func (a *authorizer) fetch(ctx context.Context, c challenge, scopes []string, cred credentials.Credential, offline bool) (token, string, error) {
	realm, err := a.realm(c)
	if err != nil {
		return token{}, "", err
	}
	if !a.e.c.mayCarry(realm) {
		cred = credentials.Credential{}
	}
	r, authorization := tokenRequest(realm, c.params["service"], scopes, cred, offline)
	var t token
	var identity string
	err = a.e.retry(ctx, a.e.c.opts.Retry.Attempts, func() (err error) {
		t, identity, err = a.ask(ctx, r, authorization)
		return err
	})
	return t, identity, err
}

// realm is where the token server is: never a step down from TLS.
func (a *authorizer) realm(c challenge) (*url.URL, error) {
	u, err := url.Parse(c.params["realm"])
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%s names no usable token server: %q: %w", a.e.base.Host, printable(c.params["realm"]), errRefused)
	}
	if a.e.base.Scheme == "https" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s names a token server without TLS: %s: %w", a.e.base.Host, u.Host, errRefused)
	}
	if isLoopback(u.Hostname()) && !a.e.local.Load() {
		return nil, fmt.Errorf("%s names a token server on this machine: %w", a.e.base.Host, errRefused)
	}
	return u, nil
}

// tokenRequest is a GET with a password, or a POST with an identity token.
func tokenRequest(realm *url.URL, service string, scopes []string, cred credentials.Credential, offline bool) (request, string) {
	u := *realm
	if cred.IdentityToken != "" {
		form := url.Values{"grant_type": {"refresh_token"}, "service": {service}, "client_id": {clientID},
			"scope": {strings.Join(scopes, " ")}, "refresh_token": {cred.IdentityToken}}.Encode()
		return request{method: http.MethodPost, url: &u, length: int64(len(form)),
			header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
			body:   func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(form)), nil }}, ""
	}
	query := u.Query()
	if service != "" {
		query.Set("service", service)
	}
	for _, s := range scopes {
		query.Add("scope", s)
	}
	authorization := ""
	if cred.Username != "" {
		query.Set("account", cred.Username)
		authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(cred.Username+":"+cred.Password))
	}
	if offline {
		query.Set("offline_token", "true")
		query.Set("client_id", clientID)
	}
	u.RawQuery = query.Encode()
	return request{method: http.MethodGet, url: &u}, authorization
}

func (a *authorizer) ask(ctx context.Context, r request, authorization string) (t token, identity string, err error) {
	if r.header == nil {
		r.header = http.Header{}
	}
	if authorization != "" {
		r.header.Set("Authorization", authorization)
	}
	resp, err := a.e.send(ctx, r, "")
	if err != nil {
		return t, "", fmt.Errorf("ask for a token: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return t, "", readError(resp)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return t, "", fmt.Errorf("ask for a token: %w", err)
	}
	if len(data) > maxAnswer {
		return t, "", fmt.Errorf("ask for a token: more than %d bytes: %w", maxAnswer, ErrVerify)
	}
	return readToken(data)
}

func readToken(data []byte) (token, string, error) {
	var answer struct {
		Token        string `json:"token"`
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		ExpiresIn    int    `json:"expires_in"` // seconds
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return token{}, "", fmt.Errorf("read a token: %w", err)
	}
	value := answer.Token
	if value == "" {
		value = answer.AccessToken
	}
	if value == "" {
		return token{}, "", errors.New("read a token: the token server gave none")
	}
	if len(value) > maxToken || strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return token{}, "", fmt.Errorf("read a token: too long or not printable: %w", ErrVerify)
	}
	life := max(time.Duration(min(answer.ExpiresIn, 1<<20))*time.Second, minLifetime)
	return token{value, time.Now().Add(life - life/10)}, answer.RefreshToken, nil
}

// Login shows a credential to a registry, and returns what is to be kept: the
// same, or an identity token that the token server gave for it. Others' use of
// the client is not changed.
func (c *Client) Login(ctx context.Context, host string, cred credentials.Credential) (credentials.Credential, error) {
	once := New(c.opts) // nothing remembered
	defer once.Close()
	list, err := once.hostEndpoints(host)
	if err != nil {
		return cred, err
	}
	keep := cred
	err = try(ctx, upstream(list), func(e *endpoint) error {
		e.auth.offer = &cred
		resp, err := e.do(ctx, request{method: http.MethodGet, url: e.root()})
		if err != nil {
			return err
		}
		resp.Body.Close()
		return e.identity(ctx, cred, &keep)
	})
	var answer *Error
	if errors.As(err, &answer) && errors.Is(err, ErrDenied) {
		return cred, fmt.Errorf("login attempt to %s failed with status: %d %s: %w", host, answer.Status, http.StatusText(answer.Status), err)
	}
	return keep, err
}

// identity asks for an identity token where there is a token server.
func (e *endpoint) identity(ctx context.Context, cred credentials.Credential, keep *credentials.Credential) error {
	if e.auth.want == nil || e.auth.want.scheme != "bearer" || cred.Username == "" || cred.IdentityToken != "" {
		return nil
	}
	_, identity, err := e.auth.fetch(ctx, *e.auth.want, nil, cred, true)
	if err == nil && identity != "" {
		*keep = credentials.Credential{Username: cred.Username, IdentityToken: identity}
	}
	return err
}
