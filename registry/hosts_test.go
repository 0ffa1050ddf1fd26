package registry

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"mydocker/internal/ocispec"
	"mydocker/reference"
)

func TestLoadHosts(t *testing.T) {
	dir := t.TempDir()
	own, daemon := filepath.Join(dir, "registries.json"), filepath.Join(dir, "daemon.json")
	if h, err := LoadHosts(own, daemon); err != nil || len(h.Insecure)+len(h.Mirrors) > 0 {
		t.Errorf("without files: %+v, %v", h, err)
	}
	writeFile(t, own, []byte(`{"insecure":["10.0.0.0/8","reg:5000"],"mirrors":{"docker.io":["https://a.example"],"ghcr.io":["http://b:1/"]}}`))
	writeFile(t, daemon, []byte(`{"log-level":"x","registry-mirrors":["https://c.example/"],"insecure-registries":["other"]}`))
	h, err := LoadHosts(own, daemon)
	if err != nil || fmt.Sprint(h.Insecure) != "[10.0.0.0/8 reg:5000 other]" ||
		fmt.Sprint(h.Mirrors) != "map[docker.io:[https://a.example https://c.example/] ghcr.io:[http://b:1/]]" {
		t.Errorf("%+v, %v", h, err)
	}
	for text, want := range map[string]string{
		`{"insecure":["10.0.0.0/99"]}`:                        "neither host",
		`{"mirrors":{"docker.io":["https://a/path"]}}`:        "is not https://host",
		`{"mirrors":{"docker.io":["a.example"]}}`:             "is not https://host",
		`{"mirrors":{"docker.io":["https://u:p@a.example"]}}`: "is not https://host",
		`{"insecur":[]}`: "unknown field",
		`[`:              own,
	} {
		writeFile(t, own, []byte(text))
		if _, err := LoadHosts(own, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestInsecure(t *testing.T) {
	h := Hosts{Insecure: []string{"10.0.0.0/8", "reg.example:5000", "all.example"}}
	for host, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "127.0.0.1:5000": true, "127.9.9.9": true, "[::1]:5000": true,
		"10.1.2.3:443": true, "11.1.2.3": false, "reg.example:5000": true, "reg.example": false, "all.example:1": true,
		"localhost.evil.example": false, "registry-1.docker.io": false,
	} {
		if got := h.insecure(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}

func TestEndpoints(t *testing.T) {
	c := client(t, Options{Hosts: Hosts{Mirrors: map[string][]string{"docker.io": {"https://m.example/"}}, Insecure: []string{"reg:5000"}}})
	for host, want := range map[string]string{
		"docker.io": "[https://m.example m.example https://registry-1.docker.io docker.io]",
		"ghcr.io":   "[https://ghcr.io ghcr.io]",
		"reg:5000":  "[https://reg:5000 reg:5000 http://reg:5000 reg:5000]",
	} {
		list, err := c.hostEndpoints(host)
		var got []string
		for _, e := range list {
			got = append(got, e.base.String(), e.host)
		}
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v, want %s", host, got, err, want)
		}
	}
	ref, _ := reference.Parse("alpine:3")
	list, _ := c.hostEndpoints(ref.Domain)
	if u := c.Repository(ref).url(list[1], "manifests/3"); u.String() != "https://registry-1.docker.io/v2/library/alpine/manifests/3" {
		t.Error(u)
	}
}

// A mirror that fails, whatever the way, is not the end; one that works spares
// the registry.
func TestMirror(t *testing.T) {
	down := httptest.NewServer(nil)
	down.Close()
	for name, c := range map[string]struct {
		mirror func(*fake) // nil: nobody is there
		spared bool
	}{
		"down": {nil, false},
		"good": {func(*fake) {}, true},
		"forbids": {func(f *fake) {
			f.hook = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(403); return true }
		}, false},
		"empty": {func(f *fake) { f.manifests, f.blobs = nil, nil }, false},
		"corrupt": {func(f *fake) {
			d := f.manifests["1"]
			d.Data = append(d.Data[:len(d.Data):len(d.Data)], ' ')
			f.manifests[string(d.Descriptor.Digest)] = d
			f.blobs = nil
		}, false},
		"breaks": {func(f *fake) { f.hook = alwaysBreaks(f) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, m, at := newFake(t), newFake(t), down.URL
			if c.mirror != nil {
				c.mirror(m)
				at = m.URL
			}
			r := f.repository(t, Options{Hosts: Hosts{Mirrors: map[string][]string{f.host(): {at}}}}, "app:1")
			img, err := r.Image(t.Context(), amd64)
			if err != nil || img.Descriptor.Digest != f.image.Descriptor.Digest {
				t.Fatalf("%+v, %v", img.Descriptor, err)
			}
			data, err := fetch(t.Context(), r, f.layer, nil)
			if err != nil || int64(len(data)) != f.layer.Size {
				t.Fatal(len(data), err)
			}
			if n := f.count("GET"); (n == 0) != c.spared {
				t.Errorf("%d requests to the registry itself", n)
			}
		})
	}
}

// alwaysBreaks ends the connection after some bytes of each blob.
func alwaysBreaks(f *fake) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(f.layer.Size))
		w.Write(f.blobs[f.layer.Digest][:100])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// A registry that speaks no TLS is named so, with the setting for it.
func TestPlainHTTPHint(t *testing.T) {
	f := newFake(t)
	c := client(t, Options{Hosts: Hosts{File: "/etc/mydocker/registries.json"}})
	e, err := c.newEndpoint(&url.URL{Scheme: "https", Host: f.host()}, f.host())
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.do(t.Context(), request{method: http.MethodGet, url: e.root()})
	var hint interface{ Hint() string }
	if err == nil || !strings.HasSuffix(err.Error(), "http: server gave HTTP response to HTTPS client") ||
		!errors.As(err, &hint) || !strings.Contains(hint.Hint(), `add it to "insecure" in /etc/mydocker/registries.json`) {
		t.Error(err)
	}
}

// On this machine that is taken, and found out once.
func TestLoopbackWithoutTLS(t *testing.T) {
	f := newFake(t)
	c := client(t, Options{})
	for range 2 {
		if err := c.Ping(t.Context(), f.host()); err != nil {
			t.Fatal(err)
		}
	}
	if list, _ := c.hostEndpoints(f.host()); !list[0].plainOnly.Load() {
		t.Error("TLS would be tried again")
	}
	s := httptest.NewTLSServer(f)
	defer s.Close()
	if err := c.Ping(t.Context(), s.Listener.Addr().String()); err != nil {
		t.Errorf("TLS with a certificate of nobody, on this machine: %v", err)
	}
}

// A foreign layer is where its descriptor says, without credentials.
func TestForeignLayer(t *testing.T) {
	f, elsewhere := newFake(t), newFake(t)
	d := f.layer
	delete(f.blobs, d.Digest)
	d.URLs = []string{"http://127.0.0.1:1/nobody", elsewhere.URL + "/v2/x/blobs/" + string(d.Digest)}
	r := f.repository(t, Options{}, "app:1")
	if data, err := fetch(t.Context(), r, d, nil); err != nil || int64(len(data)) != d.Size {
		t.Error(len(data), err)
	}
	for _, bad := range []string{"file:///etc/passwd", "http://far.example/x", "https://u:p@far.example/"} {
		d.URLs = []string{bad}
		if _, err := fetch(t.Context(), r, d, nil); !errors.Is(err, errRefused) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestChoose(t *testing.T) {
	index := func(names ...string) ocispec.Index {
		var x ocispec.Index
		for _, n := range names {
			parts := strings.Split(n, "/")
			p := ocispec.Platform{OS: parts[0], Architecture: parts[1]} // as written
			if len(parts) > 2 {
				p.Variant = parts[2]
			}
			x.Manifests = append(x.Manifests, ocispec.Descriptor{Platform: &p})
		}
		return x
	}
	for _, c := range []struct {
		have string
		want string
		at   int // -1: none
	}{
		{"linux/arm64 linux/amd64", "linux/amd64", 1},
		{"unknown/unknown linux/amd64", "linux/amd64", 1},
		{"linux/amd64 linux/amd64/v2 linux/amd64/v3", "linux/amd64/v2", 1},
		{"linux/amd64 linux/amd64/v2 linux/amd64/v4", "linux/amd64/v3", 1},
		{"linux/amd64/v3", "linux/amd64", -1},
		{"linux/amd64 linux/amd64", "linux/x86_64", 0},
		{"linux/386", "linux/amd64", 0},
		{"linux/arm64/v8", "linux/arm64", 0},
		{"linux/arm64", "linux/aarch64/v8", 0},
		{"linux/arm/v6 linux/arm/v5", "linux/arm/v7", 0},
		{"linux/arm/v5 linux/arm/v6 linux/arm/v7", "linux/arm", 2},
		{"linux/arm/v7", "linux/arm/v6", -1},
		{"linux/arm", "linux/arm/v7", 0},
		{"linux/arm/v7 linux/arm64", "linux/arm64", 1},
		{"linux/arm/v7", "linux/arm64", 0},
		{"windows/amd64", "linux/amd64", -1},
		{"linux/s390x", "linux/s390x", 0},
	} {
		want, err := ParsePlatform(c.want)
		if err != nil {
			t.Fatal(err)
		}
		x := index(strings.Fields(c.have)...)
		for i := range x.Manifests {
			x.Manifests[i].Size = int64(i)
		}
		d, err := Choose(x, want)
		if c.at < 0 && !errors.Is(err, ErrPlatform) || c.at >= 0 && (err != nil || d.Size != int64(c.at)) {
			t.Errorf("%s of %s: %d, %v, want %d", c.want, c.have, d.Size, err, c.at)
		}
	}
	if d, err := Choose(ocispec.Index{Manifests: []ocispec.Descriptor{{Size: 7}}}, amd64); d.Size != 7 || err != nil {
		t.Errorf("the only one, without a platform: %v, %v", d, err)
	}
	marked := index("linux/amd64")
	marked.Manifests[0].Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	if _, err := Choose(marked, amd64); !errors.Is(err, ErrPlatform) {
		t.Errorf("an attestation was chosen: %v", err)
	}
}

func TestParsePlatform(t *testing.T) {
	for in, want := range map[string]string{
		"linux/amd64": "linux/amd64", "Linux/x86_64": "linux/amd64", "linux/arm64/v8": "linux/arm64", "linux/armhf": "linux/arm/v7",
		"arm/v7": "arm/v7", "arm64": "linux/arm64", "aarch64": "linux/arm64", "linux/i686": "linux/386", "linux/arm/7": "linux/arm/v7",
		"linux": PlatformString(HostPlatform()),
	} {
		if p, err := ParsePlatform(in); err != nil || PlatformString(p) != want {
			t.Errorf("%s: %s, %v, want %s", in, PlatformString(p), err, want)
		}
	}
	for _, in := range []string{"", "/", "linux/", "a/b/c/d", "nonsense", "linux/amd64/v 2"} {
		if p, err := ParsePlatform(in); err == nil {
			t.Errorf("%q: %+v", in, p)
		}
	}
}
