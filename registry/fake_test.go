package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"mydocker/internal/ocispec"
	"mydocker/reference"
)

// fake is a registry in this process, whose lies are written in hook.
type fake struct {
	*httptest.Server
	manifests map[string]Document // by tag and by digest
	blobs     map[ocispec.Digest][]byte
	image     Document
	layer     ocispec.Descriptor

	hook func(w http.ResponseWriter, r *http.Request) bool // true: it has answered

	mu       sync.Mutex
	requests []string // "GET /v2/app/blobs/..."
}

func newFake(t *testing.T) *fake {
	f := &fake{manifests: map[string]Document{}, blobs: map[ocispec.Digest][]byte{}}
	f.layer = f.addBlob(ocispec.MediaTypeLayer, []byte(strings.Repeat("0123456789abcdef", 8<<10))) // 128 KiB
	config := f.addBlob(ocispec.MediaTypeConfig, []byte(`{"architecture":"amd64","os":"linux"}`))
	f.image = f.addManifest("1", ocispec.MediaTypeManifest, ocispec.Manifest{SchemaVersion: 2, MediaType: ocispec.MediaTypeManifest,
		Config: config, Layers: []ocispec.Descriptor{f.layer}})
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) addBlob(mediaType string, data []byte) ocispec.Descriptor {
	d := ocispec.Descriptor{MediaType: mediaType, Digest: sha256Digest(data), Size: int64(len(data))}
	f.blobs[d.Digest] = data
	return d
}

// addManifest takes a value for JSON, or the bytes.
func (f *fake) addManifest(tag, mediaType string, v any) Document {
	data, ok := v.([]byte)
	if !ok {
		data, _ = json.Marshal(v)
	}
	doc := Document{ocispec.Descriptor{MediaType: mediaType, Digest: sha256Digest(data), Size: int64(len(data))}, data}
	f.manifests[tag], f.manifests[string(doc.Descriptor.Digest)] = doc, doc
	return doc
}

func (f *fake) host() string { return f.Listener.Addr().String() }

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.URL.Path)
	f.mu.Unlock()
	if f.hook != nil && f.hook(w, r) {
		return
	}
	if r.URL.Path == "/v2/" {
		return
	}
	_, name, _ := strings.Cut(r.URL.Path, "/manifests/")
	if doc, ok := f.manifests[name]; ok {
		w.Header().Set("Content-Type", doc.Descriptor.MediaType)
		w.Header().Set("Docker-Content-Digest", string(doc.Descriptor.Digest))
		w.Write(doc.Data)
		return
	}
	_, name, _ = strings.Cut(r.URL.Path, "/blobs/")
	if data, ok := f.blobs[ocispec.Digest(name)]; ok {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(data)))
		return
	}
	refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	text, _ := json.Marshal(message)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%s}]}`, code, text)
}

// count is how many requests began so.
func (f *fake) count(prefix string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

// quick does not wait between attempts.
var quick = Retry{Attempts: 4, Wait: time.Millisecond, MaxWait: 2 * time.Second}

func client(t *testing.T, o Options) *Client {
	if o.Retry == (Retry{}) {
		o.Retry = quick
	}
	c := New(o)
	t.Cleanup(c.Close)
	return c
}

func (f *fake) repository(t *testing.T, o Options, name string) *Repository {
	t.Helper()
	return repositoryAt(t, client(t, o), f.host()+"/"+name)
}

func repositoryAt(t *testing.T, c *Client, name string) *Repository {
	t.Helper()
	ref, err := reference.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return c.Repository(ref)
}

// fetch reads a whole blob.
func fetch(ctx context.Context, r *Repository, d ocispec.Descriptor, have io.Reader) ([]byte, error) {
	b, err := r.Blob(ctx, d, have)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return io.ReadAll(b)
}

var amd64 = ocispec.Platform{OS: "linux", Architecture: "amd64"}
