package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const (
	maxTagPages = 1000
	maxTagPage  = 4 << 20 // bytes
	maxTags     = 200_000
)

// Tags lists the tags of the repository, page by page, as the registry has
// them.
func (r *Repository) Tags(ctx context.Context) ([]string, error) {
	var tags []string
	err := r.pushing(ctx, func(e *endpoint) error { // mirrors know some only
		tags = nil
		u := r.url(e, "tags/list")
		u.RawQuery = "n=1000"
		for seen := map[string]bool{}; u != nil; {
			if seen[u.String()] || len(seen) >= maxTagPages {
				return fmt.Errorf("list tags of %s: the pages have no end: %w", r.ref.Name(), ErrVerify)
			}
			seen[u.String()] = true
			page, next, err := r.tagPage(ctx, e, u)
			if err != nil {
				return err
			}
			tags, u = append(tags, page...), next
			if len(tags) > maxTags {
				return fmt.Errorf("list tags of %s: more than %d: %w", r.ref.Name(), maxTags, ErrVerify)
			}
		}
		return nil
	})
	return tags, r.pullError(err)
}

// tagPage returns one page, and where the next is.
func (r *Repository) tagPage(ctx context.Context, e *endpoint, u *url.URL) ([]string, *url.URL, error) {
	resp, data, err := e.read(ctx, request{method: http.MethodGet, url: u, scopes: r.scopes(pull), repo: r.ref.Path}, maxTagPage)
	if err != nil {
		return nil, nil, err
	}
	var page struct{ Tags []string }
	if err := json.Unmarshal(data, &page); err != nil {
		return nil, nil, fmt.Errorf("list tags: %w", err)
	}
	next, err := nextPage(u, resp.Header.Values("Link"))
	return page.Tags, next, err
}

// nextPage reads `<address>; rel="next"` (RFC 8288), which stays at the
// registry. There is none at the end.
func nextPage(at *url.URL, links []string) (*url.URL, error) {
	for _, link := range links {
		target, params, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(link), "<"), ">")
		if !ok || !strings.Contains(strings.ReplaceAll(params, `"`, ""), "rel=next") {
			continue
		}
		u, err := at.Parse(target)
		if err != nil || !sameOrigin(u, at) {
			return nil, fmt.Errorf("list tags: the next page is at %q: %w", printable(target), errRefused)
		}
		return u, nil
	}
	return nil, nil
}
