package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"mydocker/internal/ocispec"
)

// Source opens a blob's bytes from an offset on: it is asked again when a
// transfer has to go back. Who wants to show progress wraps what it returns.
type Source func(offset int64) (io.ReadCloser, error)

const (
	firstChunk = 16 << 20  // bytes at a time, for a registry that does not take all at once
	leastChunk = 256 << 10 // and if that is too much
	muchToSend = 1 << 20   // bytes that are announced first
)

// upload is one session (spec.md, "Push"). All at once is tried first: one
// request, which every registry takes.
type upload struct {
	r    *Repository
	e    *endpoint
	desc ocispec.Descriptor
	open Source

	at     *url.URL // the session, as the registry said last; nil: none
	offset int64    // of what it has
	least  int64    // length of a chunk that it asked for
	chunk  int64    // at most so many bytes in one request; 0: all
}

// run goes on after failures, as long as some of them bring something.
func (u *upload) run(ctx context.Context) error {
	for tries := 1; ; tries++ {
		before := u.offset
		err := u.session(ctx)
		if err == nil {
			return nil
		}
		if u.offset-before >= enough {
			tries = 1
		}
		if u.smaller(err) {
			tries = 0
		} else if tries >= u.e.c.opts.Retry.Attempts || !u.e.wait(ctx, tries, err) && !lost(err) {
			u.cancel(context.WithoutCancel(ctx))
			return err
		}
		done, err := u.resume(ctx)
		if done || err != nil {
			return err
		}
	}
}

// lost: the registry knows the session no more, or disagrees about it.
func lost(err error) bool {
	return hasStatus(err, http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable)
}

// smaller takes a step down where the registry, or what stands before it, says
// that a request is too large.
func (u *upload) smaller(err error) bool {
	if !hasStatus(err, http.StatusRequestEntityTooLarge) {
		return false
	}
	next := u.chunk / 2
	if u.chunk == 0 {
		next = firstChunk
	}
	next = max(min(next, u.desc.Size-u.offset), u.least, leastChunk)
	if next == u.chunk {
		return false
	}
	u.chunk = next
	return true
}

// session begins where there is no session, and sends what is missing.
func (u *upload) session(ctx context.Context) error {
	if u.at == nil {
		if err := u.begin(ctx); err != nil {
			return err
		}
	}
	if u.offset == 0 && u.chunk == 0 {
		return u.finish(ctx, u.desc.Size)
	}
	for u.offset < u.desc.Size {
		if err := u.patch(ctx); err != nil {
			return err
		}
	}
	return u.finish(ctx, 0)
}

func (u *upload) begin(ctx context.Context) error {
	resp, err := u.e.do(ctx, u.request(http.MethodPost, u.r.url(u.e, "blobs/uploads/"), 0))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	u.offset = 0
	return u.moved(resp)
}

// request has the blob's next length bytes as its body.
func (u *upload) request(method string, at *url.URL, length int64) request {
	offset := u.offset
	r := request{method: method, url: at, length: length, scopes: u.r.scopes(push), repo: u.r.ref.Path, once: true,
		header: http.Header{"Content-Type": {"application/octet-stream"}},
		body: func() (io.ReadCloser, error) {
			if length == 0 {
				return http.NoBody, nil
			}
			body, err := u.open(offset)
			if err != nil {
				return nil, err
			}
			return struct {
				io.Reader
				io.Closer
			}{io.LimitReader(body, length), body}, nil
		}}
	if length >= muchToSend {
		r.header.Set("Expect", "100-continue") // a refusal comes before the bytes
	}
	return r
}

// patch sends one chunk.
func (u *upload) patch(ctx context.Context) error {
	length := u.desc.Size - u.offset
	if u.chunk > 0 {
		length = min(length, u.chunk)
	}
	r := u.request(http.MethodPatch, u.at, length)
	r.header.Set("Content-Range", fmt.Sprintf("%d-%d", u.offset, u.offset+length-1))
	resp, err := u.e.do(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	has := u.offset + length
	if s := resp.Header.Get("Range"); s != "" {
		if has, err = u.has(s); err != nil {
			return err
		}
	}
	if has <= u.offset {
		return fmt.Errorf("the registry took nothing of %d bytes: %w", length, ErrVerify)
	}
	u.offset = has
	return u.moved(resp)
}

// finish names the digest, with the last length bytes.
func (u *upload) finish(ctx context.Context, length int64) error {
	at := *u.at
	query := "digest=" + url.QueryEscape(string(u.desc.Digest))
	if at.RawQuery != "" { // the session's own, which stays as it is
		query = at.RawQuery + "&" + query
	}
	at.RawQuery = query
	resp, err := u.e.do(ctx, u.request(http.MethodPut, &at, length))
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusNoContent {
		return readError(resp)
	}
	return told(resp, u.desc.Digest)
}

// moved reads where the session goes on: absolute, or relative to the last
// request. Another host gets no credentials, and is never without TLS where
// the registry has it.
func (u *upload) moved(resp *http.Response) error {
	at, err := resp.Request.URL.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" || at.User != nil || at.Host == "" {
		return fmt.Errorf("upload at %q: %w", printable(resp.Header.Get("Location")), ErrVerify)
	}
	if at.Scheme != "https" && at.Scheme != u.e.base.Scheme {
		return fmt.Errorf("upload at %s without TLS: %w", at.Host, errRefused)
	}
	u.at = at
	if n, err := strconv.ParseInt(resp.Header.Get("OCI-Chunk-Min-Length"), 10, 64); err == nil && n > 0 && n <= 1<<40 {
		if u.chunk == 0 {
			u.chunk = firstChunk
		}
		u.least, u.chunk = n, max(u.chunk, n)
	}
	return nil
}

// has reads "0-last", which a session says of itself, with or without the unit.
// Nothing is told as 0-0 by some, which one byte would be, too: it is sent
// again then.
func (u *upload) has(s string) (int64, error) {
	first, last, ok := strings.Cut(strings.TrimPrefix(s, "bytes="), "-")
	n, err := strconv.ParseInt(last, 10, 64)
	if !ok || first != "0" || err != nil || n < 0 || n >= max(u.desc.Size, 1) {
		return 0, fmt.Errorf("the registry says that it has %q of %d bytes: %w", printable(s), u.desc.Size, ErrVerify)
	}
	if n == 0 && u.desc.Size > 1 {
		return 0, nil
	}
	return n + 1, nil
}

// resume asks what arrived. Where the session is gone, either the blob is whole
// (done) or a new session begins.
func (u *upload) resume(ctx context.Context) (done bool, err error) {
	if has, err := u.r.hasBlob(ctx, u.e, u.desc.Digest); err == nil && has {
		return true, nil
	}
	if u.at == nil {
		return false, nil
	}
	r := u.request(http.MethodGet, u.at, 0)
	r.once = false
	resp, err := u.e.do(ctx, r)
	if err != nil {
		u.at, u.offset = nil, 0
		return false, ctx.Err()
	}
	defer resp.Body.Close()
	has, err := u.has(resp.Header.Get("Range"))
	if err != nil || resp.Header.Get("Location") != "" && u.moved(resp) != nil {
		u.at, u.offset = nil, 0
		return false, nil
	}
	u.offset = has
	return false, nil
}

// cancel is a courtesy: registries forget sessions anyway.
func (u *upload) cancel(ctx context.Context) {
	if u.at == nil {
		return
	}
	ctx, stop := context.WithTimeout(ctx, u.e.c.opts.Timeouts.Connect)
	defer stop()
	if resp, err := u.e.do(ctx, u.request(http.MethodDelete, u.at, 0)); err == nil {
		resp.Body.Close()
	}
	u.at = nil
}

func bytesBody(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}
