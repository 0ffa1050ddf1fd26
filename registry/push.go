package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mydocker/internal/ocispec"
)

// Sent says how a blob came to be in a repository.
type Sent int

// There it was, from another repository of the registry, or by its bytes.
const (
	Existed Sent = iota
	Mounted
	Uploaded
)

// HasBlob asks whether a blob is in the repository.
func (r *Repository) HasBlob(ctx context.Context, digest ocispec.Digest) (bool, error) {
	has := false
	err := r.pushing(ctx, func(e *endpoint) error {
		var err error
		has, err = r.hasBlob(ctx, e, digest)
		return err
	})
	return has, r.pushError(err)
}

func (r *Repository) hasBlob(ctx context.Context, e *endpoint, digest ocispec.Digest) (bool, error) {
	resp, err := e.do(ctx, request{method: http.MethodHead, url: r.url(e, "blobs/"+string(digest)),
		scopes: r.scopes(push), repo: r.ref.Path, also: []int{http.StatusNotFound}})
	if err != nil {
		return false, err
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK, nil
}

// PushBlob brings a blob into the repository by the cheapest way: it is there
// already, or the registry has it in one of the repositories named in from
// (paths at the same registry), or it is sent.
func (r *Repository) PushBlob(ctx context.Context, desc ocispec.Descriptor, from []string, open Source) (Sent, error) {
	if err := checkDescriptor(desc); err != nil {
		return 0, err
	}
	sent := Existed
	err := r.pushing(ctx, func(e *endpoint) error {
		has, err := r.hasBlob(ctx, e, desc.Digest)
		if err != nil || has {
			return err
		}
		sent, err = r.mountOrUpload(ctx, e, desc, from, open)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("push blob %s: %w", desc.Digest, r.pushError(err))
	}
	return sent, nil
}

func (r *Repository) mountOrUpload(ctx context.Context, e *endpoint, desc ocispec.Descriptor, from []string, open Source) (Sent, error) {
	u := &upload{r: r, e: e, desc: desc, open: open}
	for _, other := range from {
		mounted, err := u.mount(ctx, other)
		if err != nil {
			return 0, err
		}
		if mounted {
			return Mounted, nil
		}
	}
	return Uploaded, u.run(ctx)
}

// mount asks for a blob of another repository. A registry that does not give it
// has begun an upload instead, which the next one would leave behind.
func (u *upload) mount(ctx context.Context, from string) (bool, error) {
	if u.at != nil {
		u.cancel(ctx)
	}
	where := u.r.url(u.e, "blobs/uploads/")
	where.RawQuery = url.Values{"mount": {string(u.desc.Digest)}, "from": {from}}.Encode()
	scopes := append(u.r.scopes(push), "repository:"+from+":"+pull)
	resp, err := u.e.do(ctx, request{method: http.MethodPost, url: where, scopes: scopes, repo: u.r.ref.Path})
	if errors.Is(err, ErrDenied) || errors.Is(err, ErrNotFound) { // of the other repository, perhaps: the upload will tell
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusCreated:
		return true, nil
	case http.StatusAccepted:
		return false, u.moved(resp)
	}
	return false, nil
}

// PushManifest puts a manifest or an index, whose blobs and manifests have to be
// there, under a tag; or under its digest where tag is empty.
func (r *Repository) PushManifest(ctx context.Context, mediaType string, data []byte, tag string) (ocispec.Descriptor, error) {
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: sha256Digest(data), Size: int64(len(data))}
	if desc.Size > MaxManifest {
		return desc, tooLarge(desc.Size)
	}
	if tag == "" {
		tag = string(desc.Digest)
	}
	err := r.pushing(ctx, func(e *endpoint) error {
		resp, err := e.do(ctx, request{method: http.MethodPut, url: r.url(e, "manifests/"+tag), body: bytesBody(data), length: desc.Size,
			header: http.Header{"Content-Type": {mediaType}}, scopes: r.scopes(push), repo: r.ref.Path})
		if err != nil {
			return err
		}
		resp.Body.Close()
		return told(resp, desc.Digest)
	})
	if err != nil {
		return desc, fmt.Errorf("push manifest %s: %w", tag, r.pushError(err))
	}
	return desc, nil
}

// told compares the digest that a registry says it stored.
func told(resp *http.Response, d ocispec.Digest) error {
	got := resp.Header.Get("Docker-Content-Digest")
	sameKind := strings.HasPrefix(got, strings.SplitAfter(string(d), ":")[0])
	if got != "" && got != string(d) && sameKind {
		return fmt.Errorf("the registry says that it stored %s: %w", printable(got), ErrVerify)
	}
	return nil
}

// hasStatus reports whether an error is an answer with one of the statuses.
func hasStatus(err error, statuses ...int) bool {
	var answer *Error
	return errors.As(err, &answer) && slices.Contains(statuses, answer.Status)
}
