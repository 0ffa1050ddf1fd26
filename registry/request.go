package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// request is one that can be sent more than once.
type request struct {
	method string
	url    *url.URL
	header http.Header
	body   func() (io.ReadCloser, error) // nil: none
	length int64                         // of the body
	scopes []string
	repo   string // whose credential is shown
	also   []int  // statuses that are no error, beside 200 to 299
	once   bool   // a failure is the caller's to mend
}

// do sends a request, with credentials if they are asked for, until it has an
// answer that the same request would not change. A bad status is an *Error. The
// answer's body fails when it stands still.
func (e *endpoint) do(ctx context.Context, r request) (resp *http.Response, err error) {
	attempts := e.c.opts.Retry.Attempts
	if e.mirror {
		attempts = min(attempts, 2)
	}
	if r.once {
		attempts = 1
	}
	err = e.retry(ctx, attempts, func() error {
		resp, err = e.attempt(ctx, r)
		return err
	})
	return resp, err
}

// read is do for a whole body of at most most bytes. The answer's body is
// closed.
func (e *endpoint) read(ctx context.Context, r request, most int64) (resp *http.Response, data []byte, err error) {
	r.once = true
	err = e.retry(ctx, e.c.opts.Retry.Attempts, func() error {
		if resp, err = e.do(ctx, r); err != nil {
			return err
		}
		defer resp.Body.Close()
		data, err = io.ReadAll(io.LimitReader(resp.Body, most+1))
		if err == nil && (resp.ContentLength > most || int64(len(data)) > most) {
			err = fmt.Errorf("%s sends more than %d bytes for %s: %w", e.base.Host, most, r.url.Path, ErrVerify)
		}
		return err
	})
	return resp, data, err
}

func (e *endpoint) retry(ctx context.Context, attempts int, f func() error) error {
	for n := 1; ; n++ {
		err := f()
		if err == nil || n >= attempts || !e.wait(ctx, n, err) {
			return err
		}
	}
}

func (e *endpoint) attempt(ctx context.Context, r request) (*http.Response, error) {
	resp, err := e.authorized(ctx, r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 || slices.Contains(r.also, resp.StatusCode) {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readError(resp)
}

// wait sleeps before attempt n+1. It reports false where that is in vain.
func (e *endpoint) wait(ctx context.Context, n int, err error) bool {
	if ctx.Err() != nil || !temporary(err) {
		return false
	}
	retry := e.c.opts.Retry
	d := min(retry.Wait<<min(n-1, 16), retry.MaxWait)
	d = d/2 + rand.N(d/2+1) // so that those who failed together do not come back together
	var answer *Error
	if errors.As(err, &answer) && answer.RetryAfter > 0 {
		if answer.RetryAfter > retry.MaxWait {
			return false
		}
		d = answer.RetryAfter
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// temporary: a server that is busy or broken, a connection that ended. Too many
// requests are so only where the server says for how long.
func temporary(err error) bool {
	var answer *Error
	if errors.As(err, &answer) {
		switch answer.Status {
		case http.StatusTooManyRequests:
			return answer.RetryAfter > 0
		case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway,
			http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.IsTemporary || dns.IsTimeout
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return false // nobody is there: the kernel tried for long enough
	}
	var network net.Error
	timeout := errors.As(err, &network) && network.Timeout()
	return timeout || errors.Is(err, errStalled) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || isBroken(err)
}

// isBroken knows errors of net/http that have no other name.
func isBroken(err error) bool {
	text := err.Error()
	return strings.Contains(text, "server closed idle connection") || strings.Contains(text, "stream error:") ||
		strings.Contains(text, "client connection lost") || strings.Contains(text, "server sent GOAWAY")
}

// authorized sends a request and, when the registry asks who we are, once more.
func (e *endpoint) authorized(ctx context.Context, r request) (*http.Response, error) {
	shown, err := e.auth.known(ctx, r)
	if err != nil {
		return nil, err
	}
	resp, err := e.send(ctx, r, shown)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !sameOrigin(r.url, e.base) {
		return resp, err
	}
	fresh, err := e.auth.answer(ctx, r, resp.Header.Values("WWW-Authenticate"), shown)
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	if fresh == "" {
		return resp, nil
	}
	drain(resp)
	return e.send(ctx, r, fresh)
}

// drain reads what is left of a short answer, so that its connection serves
// again.
func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	resp.Body.Close()
}

// send sends once. What proves who we are goes to the registry alone.
func (e *endpoint) send(ctx context.Context, r request, authorization string) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, r.method, r.url.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	if r.body != nil {
		if req.Body, err = r.body(); err != nil {
			cancel(nil)
			return nil, err
		}
		req.ContentLength, req.GetBody = r.length, r.body
		if r.length == 0 {
			req.Body.Close()
			req.Body = http.NoBody
		}
	}
	e.setHeader(req, r.header, authorization)
	resp, err := e.http.Do(req)
	if err != nil {
		cancel(nil)
		return nil, e.explain(err)
	}
	resp.Body = newStallingBody(resp.Body, e.c.opts.Timeouts.Idle, cancel)
	return resp, nil
}

func (e *endpoint) setHeader(req *http.Request, header http.Header, authorization string) {
	if sameOrigin(req.URL, e.base) {
		for name, value := range e.c.opts.Header {
			req.Header.Set(name, value)
		}
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", e.c.opts.UserAgent)
}

// explain adds what to do about an error, and takes queries from its address:
// they may have signatures.
func (e *endpoint) explain(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		at.URL, _, _ = strings.Cut(at.URL, "?")
	}
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return &hinted{err, fmt.Sprintf("%s speaks plain HTTP, not TLS: if that is meant to be, add it to \"insecure\" in %s", e.base.Host, e.settings())}
	case errors.As(err, &certificate) && e.c.opts.CertsDir != "":
		return &hinted{err, fmt.Sprintf("put the certificate of the registry's authority into %s/%s/ca.crt", e.c.opts.CertsDir, certsName(e.base.Host))}
	case e.c.opts.CertsDir != "" && (strings.Contains(err.Error(), "remote error: tls: ") || strings.Contains(err.Error(), "http2: client conn could not be established")):
		return &hinted{err, fmt.Sprintf("if the registry wants to see a certificate, put it into %s/%s/client.cert, and its key beside it into client.key", e.c.opts.CertsDir, certsName(e.base.Host))}
	}
	return err
}

func (e *endpoint) settings() string {
	if e.c.opts.Hosts.File == "" {
		return "the settings of registries"
	}
	return e.c.opts.Hosts.File
}

// errStalled is the error of a body that gave no byte for Timeouts.Idle.
var errStalled = errors.New("no data for too long")

// stallingBody ends the request when a read takes too long.
type stallingBody struct {
	body   io.ReadCloser
	idle   time.Duration
	cancel context.CancelCauseFunc
	late   *time.Timer
}

func newStallingBody(body io.ReadCloser, idle time.Duration, cancel context.CancelCauseFunc) *stallingBody {
	b := &stallingBody{body: body, idle: idle, cancel: cancel}
	b.late = time.AfterFunc(idle, func() { cancel(errStalled) })
	b.late.Stop()
	return b
}

func (b *stallingBody) Read(p []byte) (int, error) {
	b.late.Reset(b.idle)
	n, err := b.body.Read(p)
	if !b.late.Stop() && n == 0 && err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", errStalled, err)
	}
	return n, err
}

func (b *stallingBody) Close() error {
	b.late.Stop()
	err := b.body.Close()
	b.cancel(nil)
	return err
}

// retryAfter reads seconds or a date; 0 is neither.
func retryAfter(value string) time.Duration {
	if s, err := strconv.Atoi(value); err == nil && s >= 0 {
		return max(time.Duration(min(s, 1<<20))*time.Second, time.Millisecond)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), time.Millisecond)
	}
	return 0
}
