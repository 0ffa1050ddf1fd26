package registry

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"mydocker/internal/ocispec"
)

// Blob reads one blob. A connection that breaks is made again, for the rest.
// Read returns io.EOF only after all bytes, and when they have the digest.
type Blob struct {
	r     *Repository
	ctx   context.Context
	desc  ocispec.Descriptor
	start int64
	pos   int64     // next byte
	h     hash.Hash // nil: who reads it does that
	err   error     // that ended it

	from    *endpoint
	body    io.ReadCloser // nil: not connected
	endless bool          // how long it is was not said
	since   int64         // pos when it was connected
	tries   int           // connections in a row that brought little
	avoided bool          // the mirrors
}

// enough is what a connection has to bring, in bytes, to be no failure: a
// server that ends each after a byte is not asked for ever.
const enough = 64 << 10

// Blob opens a blob. What exists of it already (from an earlier attempt, say)
// may be given as have, or nil: it is read first, and then counts as read.
func (r *Repository) Blob(ctx context.Context, desc ocispec.Descriptor, have io.Reader) (*Blob, error) {
	if err := checkDescriptor(desc); err != nil {
		return nil, err
	}
	b := &Blob{r: r, ctx: ctx, desc: desc}
	b.h, _ = newHash(desc.Digest) // checked above
	if have != nil {
		n, err := io.Copy(b.h, io.LimitReader(have, desc.Size+1))
		if err != nil {
			return nil, fmt.Errorf("read what exists of %s: %w", desc.Digest, err)
		}
		if n > desc.Size {
			return nil, fmt.Errorf("more than %d bytes exist of %s: %w", desc.Size, desc.Digest, ErrVerify)
		}
		b.start, b.pos = n, n
	}
	return b, b.begin()
}

// BlobFrom opens the rest of a blob, for who has its beginning and computes the
// digest of the whole himself: io.EOF tells of the size only.
func (r *Repository) BlobFrom(ctx context.Context, desc ocispec.Descriptor, offset int64) (*Blob, error) {
	if err := checkDescriptor(desc); err != nil {
		return nil, err
	}
	if offset < 0 || offset > desc.Size {
		return nil, fmt.Errorf("byte %d of %s, which has %d: %w", offset, desc.Digest, desc.Size, ErrVerify)
	}
	b := &Blob{r: r, ctx: ctx, desc: desc, start: offset, pos: offset}
	return b, b.begin()
}

func (b *Blob) begin() error {
	if b.pos == b.desc.Size {
		return nil
	}
	if err := b.connect(); err != nil {
		return fmt.Errorf("fetch blob %s: %w", b.desc.Digest, b.r.blobError(err))
	}
	return nil
}

// blobError keeps "manifest not found" for manifests.
func (r *Repository) blobError(err error) error {
	if errors.Is(err, ErrNotFound) {
		return err
	}
	return r.pullError(err)
}

// Start is how many bytes existed before.
func (b *Blob) Start() int64 { return b.start }

// Close ends the transfer, whether or not all was read.
func (b *Blob) Close() error {
	if b.err == nil {
		b.err = errors.New("read of a closed blob")
	}
	b.drop()
	return nil
}

func (b *Blob) drop() {
	if b.body != nil {
		b.body.Close()
		b.body = nil
	}
}

// Read is an io.Reader's.
func (b *Blob) Read(p []byte) (int, error) {
	for b.err == nil {
		if b.pos == b.desc.Size {
			b.err = b.finish()
			break
		}
		if len(p) == 0 {
			return 0, nil
		}
		n, err := b.body.Read(p[:min(int64(len(p)), b.desc.Size-b.pos)])
		if b.h != nil {
			b.h.Write(p[:n])
		}
		b.pos += int64(n)
		if n > 0 {
			return n, nil
		}
		if err != nil {
			b.again(err)
		}
	}
	return 0, b.err
}

// finish looks at the bytes, and for more than there should be.
func (b *Blob) finish() error {
	defer b.drop()
	if b.h != nil {
		if err := checkSum(b.h, b.desc.Digest); err != nil {
			return fmt.Errorf("fetch blob: %w", err)
		}
	}
	if b.body != nil && b.endless {
		if n, _ := io.ReadFull(b.body, make([]byte, 1)); n > 0 {
			return fmt.Errorf("fetch blob %s: more than %d bytes are sent: %w", b.desc.Digest, b.desc.Size, ErrVerify)
		}
	}
	return io.EOF
}

// again makes a connection for the rest, or sets the error.
func (b *Blob) again(err error) {
	b.drop()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	for {
		if b.pos-b.since >= enough {
			b.tries = 0
		}
		b.since = b.pos
		b.tries++
		b.avoided = b.avoided || b.from != nil && b.from.mirror && b.tries > 1
		if b.tries >= b.r.c.opts.Retry.Attempts || b.from == nil || !b.from.wait(b.ctx, b.tries, err) {
			if b.ctx.Err() != nil {
				err = b.ctx.Err()
			}
			b.err = fmt.Errorf("fetch blob %s: at byte %d of %d: %w", b.desc.Digest, b.pos, b.desc.Size, err)
			return
		}
		if err = b.connect(); err == nil {
			return
		}
	}
}

// connect asks for the rest: the registry and its mirrors, then the addresses
// in the descriptor, which only foreign layers should have.
func (b *Blob) connect() error {
	list, err := b.r.c.hostEndpoints(b.r.ref.Domain)
	if err != nil {
		return err
	}
	if b.avoided {
		list = upstream(list)
	}
	err = try(b.ctx, list, func(e *endpoint) error {
		return b.connectTo(e, b.r.url(e, "blobs/"+string(b.desc.Digest)))
	})
	if err == nil || !errors.Is(err, ErrNotFound) {
		return err
	}
	for _, s := range b.desc.URLs {
		u, bad := url.Parse(s)
		if bad != nil || u.Host == "" || u.User != nil || !b.r.c.mayCarry(u) {
			return fmt.Errorf("address %q of %s: %w", printable(s), b.desc.Digest, errRefused)
		}
		if err = b.connectTo(list[len(list)-1], u); err == nil {
			return nil
		}
	}
	return err
}

func (b *Blob) connectTo(e *endpoint, u *url.URL) error {
	r := request{method: http.MethodGet, url: u, scopes: b.r.scopes(pull), repo: b.r.ref.Path,
		once: b.from != nil} // then again counts
	if b.pos > 0 {
		r.header = http.Header{"Range": {"bytes=" + strconv.FormatInt(b.pos, 10) + "-"}}
	}
	resp, err := e.do(b.ctx, r)
	if err != nil {
		return err
	}
	skip, err := b.skip(resp)
	if err == nil {
		_, err = io.CopyN(io.Discard, resp.Body, skip)
	}
	if err != nil {
		resp.Body.Close()
		return err
	}
	b.from, b.body, b.endless = e, resp.Body, resp.ContentLength < 0
	return nil
}

// skip compares what the answer says with what was asked for, and returns how
// many of its bytes we have: all of them where a range was not understood.
func (b *Blob) skip(resp *http.Response) (int64, error) {
	first, length := int64(0), resp.ContentLength
	if resp.StatusCode == http.StatusPartialContent {
		var err error
		if first, err = b.contentRange(resp.Header.Get("Content-Range")); err != nil {
			return 0, err
		}
	} else if resp.StatusCode != http.StatusOK {
		return 0, readError(resp)
	}
	if length >= 0 && length != b.desc.Size-first {
		return 0, fmt.Errorf("%d bytes from byte %d are sent of %s, which has %d: %w", length, first, b.desc.Digest, b.desc.Size, ErrVerify)
	}
	return b.pos - first, nil
}

// contentRange reads "bytes first-last/size" (RFC 9110, 14.4), which has to be
// the rest.
func (b *Blob) contentRange(s string) (int64, error) {
	span, size, _ := strings.Cut(strings.TrimPrefix(s, "bytes "), "/")
	first, last, _ := strings.Cut(span, "-")
	want := [2]string{strconv.FormatInt(b.pos, 10), strconv.FormatInt(b.desc.Size-1, 10)}
	if !strings.HasPrefix(s, "bytes ") || [2]string{first, last} != want || size != "*" && size != strconv.FormatInt(b.desc.Size, 10) {
		return 0, fmt.Errorf("asked for bytes from %d of %d, got %q: %w", b.pos, b.desc.Size, printable(s), ErrVerify)
	}
	return b.pos, nil
}

// Small fetches a blob of at most max bytes: a configuration.
func (r *Repository) Small(ctx context.Context, desc ocispec.Descriptor, max int64) ([]byte, error) {
	if desc.Size > max {
		return nil, fmt.Errorf("blob %s of %d bytes, more than %d: %w", printable(string(desc.Digest)), desc.Size, max, ErrVerify)
	}
	b, err := r.Blob(ctx, desc, nil)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return io.ReadAll(b)
}
