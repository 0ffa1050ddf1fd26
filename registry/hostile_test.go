package registry

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"mydocker/internal/ocispec"
)

// Each lie about a manifest is told by name, and nothing is tried again for it.
// A document that can be read as two things is one of them (CVE-2021-41190).
func TestManifestLies(t *testing.T) {
	indexOf := func(d ocispec.Descriptor) ocispec.Index {
		d.Platform = &amd64
		return ocispec.Index{SchemaVersion: 2, MediaType: ocispec.MediaTypeIndex, Manifests: []ocispec.Descriptor{d}}
	}
	tamper := func(change func(w http.ResponseWriter, doc *Document)) func(*fake) {
		return func(f *fake) {
			f.hook = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/manifests/") || r.Method == http.MethodHead {
					return false
				}
				doc := f.image
				w.Header().Set("Content-Type", doc.Descriptor.MediaType)
				change(w, &doc)
				w.Write(doc.Data)
				return true
			}
		}
	}
	nested := func(f *fake) {
		d := f.image.Descriptor
		for range maxNesting {
			d = f.addManifest("1", ocispec.MediaTypeIndex, indexOf(d)).Descriptor
		}
	}
	add := func(mediaType string, v any) func(*fake) {
		return func(f *fake) { f.addManifest("1", mediaType, v) }
	}
	for name, c := range map[string]struct {
		lie  func(*fake)
		kind error
		text string
	}{
		"other bytes": {tamper(func(_ http.ResponseWriter, doc *Document) { doc.Data = append(doc.Data, ' ') }), ErrVerify, "digest is"},
		"lying header": {tamper(func(w http.ResponseWriter, _ *Document) {
			w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
		}), ErrVerify, "what the registry says of it"},
		"odd algorithm":   {tamper(func(w http.ResponseWriter, _ *Document) { w.Header().Set("Docker-Content-Digest", "md5:00") }), ErrUnsupported, "md5"},
		"wrong type":      {tamper(func(w http.ResponseWriter, _ *Document) { w.Header().Set("Content-Type", ocispec.MediaTypeIndex) }), ErrVerify, "sent as"},
		"endless":         {tamper(func(_ http.ResponseWriter, doc *Document) { doc.Data = make([]byte, 3*MaxManifest) }), ErrVerify, "more than 4194304 bytes"},
		"schema 1":        {add("application/vnd.docker.distribution.manifest.v1+prettyjws", []byte(`{"schemaVersion":1,"fsLayers":[]}`)), ErrUnsupported, "schema 1"},
		"no JSON":         {add(ocispec.MediaTypeManifest, []byte("<html>")), ErrVerify, "not a manifest"},
		"both":            {add(ocispec.MediaTypeManifest, []byte(`{"schemaVersion":2,"manifests":[],"layers":[]}`)), ErrVerify, "both"},
		"neither":         {add(ocispec.MediaTypeManifest, []byte(`{"schemaVersion":2}`)), ErrVerify, "neither"},
		"image as index":  {add(ocispec.MediaTypeManifest, []byte(`{"schemaVersion":2,"manifests":[]}`)), ErrVerify, "does not have"},
		"negative size":   {add(ocispec.MediaTypeManifest, []byte(`{"schemaVersion":2,"config":{"digest":"sha256:`+strings.Repeat("0", 64)+`","size":-1},"layers":[]}`)), ErrVerify, "size -1"},
		"digest as path":  {add(ocispec.MediaTypeManifest, []byte(`{"schemaVersion":2,"config":{"digest":"sha256:../../etc/passwd"},"layers":[]}`)), ErrVerify, "not of its form"},
		"artifact":        {add(ocispec.MediaTypeManifest, []byte(`{"schemaVersion":2,"artifactType":"application/x\u001b[31m","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:`+strings.Repeat("0", 64)+`"},"layers":[]}`)), ErrUnsupported, "an artifact of type application/x[31m"},
		"too much nested": {nested, ErrUnsupported, "indexes in each other"},
		"size in index": {func(f *fake) {
			d := f.image.Descriptor
			d.Size++
			f.addManifest("1", ocispec.MediaTypeIndex, indexOf(d))
		}, ErrVerify, "bytes, not application"},
		"huge in index": {func(f *fake) {
			d := f.image.Descriptor
			d.Size = 10 << 30
			f.addManifest("1", ocispec.MediaTypeIndex, indexOf(d))
		}, ErrVerify, "manifest of 10737418240 bytes"},
		"no platform": {func(f *fake) {
			index := indexOf(f.image.Descriptor)
			index.Manifests[0].Platform = &ocispec.Platform{OS: "linux", Architecture: "s390x"}
			f.addManifest("1", ocispec.MediaTypeIndex, index)
		}, ErrPlatform, "no matching manifest for linux/amd64 in the manifest list entries"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			c.lie(f)
			img, err := f.repository(t, Options{}, "app:1").Image(t.Context(), amd64)
			if !errors.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.text) {
				t.Errorf("%+v\n%v, want %v: %q", img.Descriptor, err, c.kind, c.text)
			}
			if n := f.count("GET"); n > maxNesting+1 { // one more: HTTPS was tried as TLS, not as a request
				t.Errorf("%d requests: %v", n, f.requests)
			}
		})
	}
}

func TestPinnedDigest(t *testing.T) {
	f := newFake(t)
	other := "sha256:" + strings.Repeat("0", 64)
	f.manifests[other] = f.image // the registry has another image under that name
	for _, name := range []string{"app@" + other, "app:1@" + other} {
		if _, err := f.repository(t, Options{}, name).Image(t.Context(), amd64); !errors.Is(err, ErrVerify) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A registry without HEAD, and without digests in headers.
func TestPoorRegistry(t *testing.T) {
	f := newFake(t)
	f.hook = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return true
		}
		if strings.Contains(r.URL.Path, "/manifests/") {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Write(f.image.Data)
			return true
		}
		return false
	}
	img, err := f.repository(t, Options{}, "app:1").Image(t.Context(), amd64)
	if err != nil || img.Descriptor.Digest != f.image.Descriptor.Digest || img.Descriptor.MediaType != ocispec.MediaTypeManifest {
		t.Errorf("%+v, %v", img.Descriptor, err)
	}
}

// breaking serves a blob in connections that each end early.
func breaking(f *fake, at int, ranges bool) func(http.ResponseWriter, *http.Request) bool {
	left := 2
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, string(f.layer.Digest)) {
			return false
		}
		if !ranges {
			r.Header.Del("Range")
		}
		if left--; left < 0 {
			return false
		}
		data := f.blobs[f.layer.Digest]
		if s := r.Header.Get("Range"); s != "" {
			n, _ := strconv.Atoi(strings.Trim(s, "bytes=-"))
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", n, len(data)-1, len(data)))
			data = data[n:]
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			w.WriteHeader(http.StatusPartialContent)
		} else {
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		}
		w.Write(data[:min(at, len(data))])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler) // the connection
	}
}

func TestBlobResumes(t *testing.T) {
	for _, at := range []int{0, 1, 1000, 50_000} {
		for _, ranges := range []bool{true, false} {
			f := newFake(t)
			f.Config.ErrorLog = nil
			f.hook = breaking(f, at, ranges)
			data, err := fetch(t.Context(), f.repository(t, Options{}, "app:1"), f.layer, nil)
			if err != nil || string(data) != string(f.blobs[f.layer.Digest]) {
				t.Errorf("broken at %d, ranges %v: %d bytes, %v", at, ranges, len(data), err)
			}
			if n := f.count("GET /v2/app/blobs/"); n != 3 {
				t.Errorf("broken at %d, ranges %v: %d requests, want 3", at, ranges, n)
			}
		}
	}
}

// Attempts are counted over all: those within a connection do not multiply.
func TestBlobGivesUp(t *testing.T) {
	f := newFake(t)
	first := true
	f.hook = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		if !first {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		first = false
		w.Header().Set("Content-Length", strconv.FormatInt(f.layer.Size, 10))
		w.Write(f.blobs[f.layer.Digest][:1000])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	data, err := fetch(t.Context(), f.repository(t, Options{}, "app:1"), f.layer, nil)
	if err == nil || !strings.Contains(err.Error(), "at byte 1000 of 131072: ") || !strings.Contains(err.Error(), "503") {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if n := f.count("GET /v2/app/blobs/"); n != quick.Attempts {
		t.Errorf("%d requests, want %d", n, quick.Attempts)
	}
}

// Signed addresses do not get into messages.
func TestErrorWithoutQuery(t *testing.T) {
	down := newFake(t)
	down.Close()
	f := newFake(t)
	f.hook = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, down.URL+"/there?signature=secret", http.StatusFound)
		return true
	}
	err := client(t, Options{}).Ping(t.Context(), f.host())
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "/there") {
		t.Error(err)
	}
}

// What an earlier process has is not asked for again, and is part of the sum.
func TestBlobFromOffset(t *testing.T) {
	f := newFake(t)
	whole := string(f.blobs[f.layer.Digest])
	r := f.repository(t, Options{}, "app:1")
	for _, n := range []int{0, 1, 70_000, len(whole)} {
		b, err := r.Blob(t.Context(), f.layer, strings.NewReader(whole[:n]))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(b)
		if err != nil || string(data) != whole[n:] || b.Start() != int64(n) {
			t.Errorf("from %d: %d bytes, %v", n, len(data), err)
		}
		b.Close()
	}
	if n := f.count("GET /v2/app/blobs/"); n != 3 {
		t.Errorf("%d requests, want 3: all is there, so nothing is asked for", n)
	}
	for _, have := range []string{"X" + whole[1:100], whole + "X"} {
		if _, err := fetch(t.Context(), r, f.layer, strings.NewReader(have)); !errors.Is(err, ErrVerify) {
			t.Errorf("%d wrong bytes: %v", len(have), err)
		}
	}
}

// Who has the beginning computes the digest himself.
func TestBlobFrom(t *testing.T) {
	f := newFake(t)
	whole := string(f.blobs[f.layer.Digest])
	r := f.repository(t, Options{}, "app:1")
	for _, n := range []int{0, 1, 70_000, len(whole)} {
		b, err := r.BlobFrom(t.Context(), f.layer, int64(n))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(b)
		if err != nil || string(data) != whole[n:] || b.Start() != int64(n) {
			t.Errorf("from %d: %d bytes, %v", n, len(data), err)
		}
		b.Close()
	}
	for _, n := range []int64{-1, f.layer.Size + 1} {
		if _, err := r.BlobFrom(t.Context(), f.layer, n); !errors.Is(err, ErrVerify) {
			t.Errorf("from %d: %v", n, err)
		}
	}
}

func TestBlobLies(t *testing.T) {
	answer := func(status int, header map[string]string, body func(whole []byte) []byte) func(f *fake, w http.ResponseWriter, r *http.Request) {
		return func(f *fake, w http.ResponseWriter, r *http.Request) {
			for k, v := range header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(status)
			w.(http.Flusher).Flush() // no length
			w.Write(body(f.blobs[f.layer.Digest]))
		}
	}
	same := func(b []byte) []byte { return b }
	for name, c := range map[string]struct {
		lie  func(*fake, http.ResponseWriter, *http.Request)
		kind error
		text string
		most int // requests
	}{
		"flipped bit":     {answer(200, nil, func(b []byte) []byte { return append([]byte{b[0] ^ 1}, b[1:]...) }), ErrVerify, "digest is", 1},
		"one byte more":   {answer(200, nil, func(b []byte) []byte { return append(b[:len(b):len(b)], 0) }), ErrVerify, "more than 131072 bytes", 1},
		"one byte less":   {answer(200, nil, func(b []byte) []byte { return b[1:] }), io.ErrUnexpectedEOF, "at byte 131071 of 131072", 4 + 4},
		"length":          {answer(200, map[string]string{"Content-Length": "5"}, same), ErrVerify, "5 bytes from byte 0", 1},
		"range not asked": {answer(206, map[string]string{"Content-Range": "bytes 5-9/10"}, same), ErrVerify, `got "bytes 5-9/10"`, 1},
		"no content":      {answer(204, nil, func([]byte) []byte { return nil }), nil, "204", 1},
		"gone": {func(_ *fake, w http.ResponseWriter, _ *http.Request) {
			refuse(w, 404, "BLOB_UNKNOWN", "blob unknown to registry")
		}, ErrNotFound, "blob unknown: blob unknown to registry", 1},
		"broken": {func(_ *fake, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, nil, "502 Bad Gateway", 4},
		"loop": {func(_ *fake, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		}, errRefused, "more than 10 redirects", 10},
		"large header": {func(_ *fake, w http.ResponseWriter, r *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, nil, "server response headers exceeded", 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.hook = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/blobs/") {
					return false
				}
				c.lie(f, w, r)
				return true
			}
			data, err := fetch(t.Context(), f.repository(t, Options{}, "app:1"), f.layer, nil)
			if err == nil || c.kind != nil && !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%d bytes, %v, want %q", len(data), err, c.text)
			}
			if n := f.count("GET /v2/app/blobs/"); n > c.most {
				t.Errorf("%d requests, want at most %d", n, c.most)
			}
		})
	}
}

// A connection that stands still is given up, and made again.
func TestBlobStalls(t *testing.T) {
	f := newFake(t)
	first := true
	f.hook = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") || !first {
			return false
		}
		first = false
		w.Header().Set("Content-Length", strconv.FormatInt(f.layer.Size, 10))
		w.Write(f.blobs[f.layer.Digest][:1000])
		w.(http.Flusher).Flush()
		<-r.Context().Done() // until the client goes
		return true
	}
	o := Options{Timeouts: Timeouts{Idle: 200 * time.Millisecond}, Retry: Retry{Attempts: 50, Wait: time.Millisecond}}
	data, err := fetch(t.Context(), f.repository(t, o, "app:1"), f.layer, nil)
	if err != nil || string(data) != string(f.blobs[f.layer.Digest]) {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if first || f.count("GET /v2/app/blobs/") < 2 {
		t.Error("nothing stood still")
	}
}

// A header that does not come ends the request.
func TestHeaderTimeout(t *testing.T) {
	f := newFake(t)
	f.hook = func(w http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return true
	}
	o := Options{Timeouts: Timeouts{Header: 50 * time.Millisecond}, Retry: Retry{Attempts: 2, Wait: time.Millisecond}}
	_, err := f.repository(t, o, "app:1").Resolve(t.Context())
	if err == nil || !strings.Contains(err.Error(), "timeout awaiting response headers") {
		t.Error(err)
	}
	if n := f.count("HEAD"); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

func TestTooManyRequests(t *testing.T) {
	for after, want := range map[string]int{"": 1, "0": 4, "3600": 1, "nonsense": 1} {
		f := newFake(t)
		f.hook = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/v2/" {
				return false
			}
			w.Header()["Retry-After"] = []string{after}
			refuse(w, 429, "TOOMANYREQUESTS", "You have reached your pull rate limit.\x1b[2J")
			return true
		}
		_, err := f.repository(t, Options{}, "app:1").Resolve(t.Context())
		if !errors.Is(err, ErrTooMany) || fmt.Sprint(err) != "toomanyrequests: You have reached your pull rate limit.[2J" {
			t.Errorf("%q", err)
		}
		if n := f.count("GET /v2/app/"); n != want {
			t.Errorf("Retry-After %q: %d requests, want %d", after, n, want)
		}
	}
}

func TestBusyServer(t *testing.T) {
	f := newFake(t)
	left := 2
	f.hook = func(w http.ResponseWriter, r *http.Request) bool {
		if left--; left >= 0 {
			w.WriteHeader(503)
			return true
		}
		return false
	}
	if img, err := f.repository(t, Options{}, "app:1").Image(t.Context(), amd64); err != nil || len(img.Manifest.Layers) != 1 {
		t.Error(err)
	}
}

func TestTags(t *testing.T) {
	for name, c := range map[string]struct {
		link string // of page n, which is "%d"
		want string
		kind error
	}{
		"two pages":  {`</v2/app/tags/list?n=1&last=a>; rel="next"`, "[a b]", nil},
		"loop":       {`</v2/app/tags/list?n=1000>; rel="next"`, "", ErrVerify},
		"no end":     {`</v2/app/tags/list?page=%d>; rel=next`, "", ErrVerify},
		"other host": {`<http://127.0.0.1:1/v2/app/tags/list>; rel="next"`, "", errRefused},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			n := 0
			f.hook = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/tags/list") {
					return false
				}
				n++
				if r.FormValue("last") != "" {
					io.WriteString(w, `{"tags":["b"]}`)
					return true
				}
				w.Header().Set("Link", strings.ReplaceAll(c.link, "%d", strconv.Itoa(n)))
				io.WriteString(w, `{"tags":["a"]}`)
				return true
			}
			tags, err := f.repository(t, Options{}, "app:1").Tags(t.Context())
			if !errors.Is(err, c.kind) || c.kind == nil && fmt.Sprint(tags) != c.want {
				t.Errorf("%.100v, %v", tags, err)
			}
			if n > maxTagPages {
				t.Errorf("%d pages", n)
			}
		})
	}
}
