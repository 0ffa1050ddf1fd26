package registry

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mydocker/internal/ocispec"
)

func fileSource(path string) Source {
	return func(offset int64) (io.ReadCloser, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}
}

// between puts a server before a real registry; seen is called first, and has
// answered if it returns true.
func between(t *testing.T, d daemon, seen func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: d.Host})
		r.Out.Host = r.In.Host // locations of uploads lead here again
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !seen(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// An upload that breaks after some bytes is mended, and one that is too large at
// once goes in pieces; a real registry says that all arrived. (This one forgets
// a session that broke.)
func TestUploadIsMended(t *testing.T) {
	d := startRegistry(t, false, false)
	dir := filepath.Join(t.TempDir(), "image")
	doc, m := layout(t, dir)
	for name, c := range map[string]struct {
		trouble func(n int, w http.ResponseWriter, r *http.Request) bool // n counts requests with a body
		atLeast int                                                      // such requests
	}{
		"none": {func(int, http.ResponseWriter, *http.Request) bool { return false }, 1},
		"too large": {func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if r.ContentLength > 1<<20 {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
				return true
			}
			return false
		}, 4},
		"answer lost": {func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 1 { // the registry gets half of it, and we get nothing
				half := r.Clone(r.Context())
				half.URL.Scheme, half.URL.Host, half.RequestURI = "http", d.Host, ""
				half.Method, half.ContentLength = http.MethodPatch, r.ContentLength/2
				half.Body = io.NopCloser(io.LimitReader(r.Body, half.ContentLength))
				half.Header.Del("Expect")
				if resp, err := http.DefaultTransport.RoundTrip(half); err != nil || resp.StatusCode != http.StatusAccepted {
					t.Errorf("half: %v, %v", resp, err)
				} else {
					resp.Body.Close()
				}
				panic(http.ErrAbortHandler)
			}
			return false
		}, 2},
		"busy": {func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return n < 3
		}, 3},
		"session gone": {func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 1 {
				refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "gone")
			}
			return n == 1
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			host := between(t, d, func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/uploads/") || r.ContentLength < 1<<16 {
					return false
				}
				n++
				return c.trouble(n, w, r)
			})
			repo := repositoryAt(t, client(t, Options{}), host+"/"+strings.ReplaceAll(name, " ", "-"))
			pushImage(t, repo, dir, doc, m, "latest")
			if n < c.atLeast {
				t.Errorf("%d requests, want %d or more", n, c.atLeast)
			}
			pullImage(t, repo)
		})
	}
}

// What arrived before a connection was lost is not sent again.
func TestUploadResumes(t *testing.T) {
	const size, cut = 4 << 20, 3 << 20
	f := newFake(t)
	got, offered := int64(0), int64(0)
	f.hook = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Location", "/v2/app/blobs/uploads/s?at="+fmt.Sprint(got))
		switch {
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusAccepted)
		case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/s"):
			w.Header().Set("Range", fmt.Sprintf("0-%d", got-1))
			w.WriteHeader(http.StatusNoContent)
		case r.Method == http.MethodPut && r.ContentLength > 0:
			offered += r.ContentLength
			got, _ = io.CopyN(io.Discard, r.Body, cut)
			panic(http.ErrAbortHandler)
		case r.Method == http.MethodPatch:
			offered += r.ContentLength
			if want := fmt.Sprintf("%d-%d", got, size-1); r.Header.Get("Content-Range") != want {
				t.Errorf("range %s, want %s", r.Header.Get("Content-Range"), want)
			}
			n, _ := io.Copy(io.Discard, r.Body)
			got += n
			w.WriteHeader(http.StatusAccepted)
		case r.Method == http.MethodPut:
			w.WriteHeader(http.StatusCreated)
		default:
			return false
		}
		return true
	}
	d := ocispec.Descriptor{Digest: ocispec.Digest("sha256:" + strings.Repeat("1", 64)), Size: size}
	_, err := f.repository(t, Options{}, "app").PushBlob(t.Context(), d, nil, func(offset int64) (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(zeros{}, size-offset)), nil
	})
	if err != nil || got != size || offered != size+size-cut {
		t.Errorf("%v; %d bytes arrived, %d were offered", err, got, offered)
	}
}

// A registry may want pieces of a certain length, and move the session after
// each of them.
func TestChunkMinLength(t *testing.T) {
	const least = 20 << 20
	f := newFake(t)
	size := int64(45 << 20)
	var chunks []string
	f.hook = func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Method == http.MethodPost:
			w.Header().Set("OCI-Chunk-Min-Length", fmt.Sprint(least))
			w.Header().Set("Location", "/v2/app/blobs/uploads/session?state=0")
			w.WriteHeader(http.StatusAccepted)
		case r.Method == http.MethodPatch:
			if r.URL.RawQuery != fmt.Sprintf("state=%d", len(chunks)) {
				t.Errorf("%s: not where the last answer said", r.URL)
			}
			_, _ = io.Copy(io.Discard, r.Body)
			chunks = append(chunks, r.Header.Get("Content-Range"))
			w.Header().Set("Location", "../uploads/session?state="+fmt.Sprint(len(chunks)))
			w.WriteHeader(http.StatusAccepted)
		case r.Method == http.MethodPut:
			if !strings.HasPrefix(r.URL.RawQuery, "state=3&digest=sha256%3A") {
				t.Errorf("finished at %s", r.URL)
			}
			w.WriteHeader(http.StatusCreated)
		default:
			return false
		}
		return true
	}
	d := ocispec.Descriptor{Digest: ocispec.Digest("sha256:" + strings.Repeat("1", 64)), Size: size}
	sent, err := f.repository(t, Options{}, "app").PushBlob(t.Context(), d, nil, func(offset int64) (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(zeros{}, size-offset)), nil
	})
	if err != nil || sent != Uploaded {
		t.Error(sent, err)
	}
	if got, want := fmt.Sprint(chunks), "[0-20971519 20971520-41943039 41943040-47185919]"; got != want {
		t.Errorf("chunks %s, want %s", got, want)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// What a registry says of an upload is believed only where it can be.
func TestUploadLies(t *testing.T) {
	for name, c := range map[string]struct {
		header map[string]string
		want   string
	}{
		"no location":   {nil, "upload at"},
		"name in it":    {map[string]string{"Location": "http://a:b@127.0.0.1/x"}, "upload at"},
		"other digest":  {map[string]string{"Location": "/v2/app/blobs/uploads/s", "Docker-Content-Digest": "sha256:" + strings.Repeat("0", 64)}, "says that it stored"},
		"wild location": {map[string]string{"Location": "ftp://127.0.0.1/x"}, "without TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.hook = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPost && r.Method != http.MethodPut {
					return false
				}
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(map[string]int{http.MethodPost: 202, http.MethodPut: 201}[r.Method])
				return true
			}
			d := ocispec.Descriptor{Digest: sha256Digest([]byte("x")), Size: 1}
			_, err := f.repository(t, Options{}, "app").PushBlob(t.Context(), d, nil, func(int64) (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader("x")), nil
			})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
