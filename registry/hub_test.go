package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"mydocker/internal/testenv"
)

// tunnel is a proxy that leads every name to one address, and notes the names.
func tunnel(t *testing.T, to string) (address string, names func() []string) {
	t.Helper()
	var mu sync.Mutex
	var all []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		all = append(all, r.Method+" "+r.Host)
		mu.Unlock()
		far, err := net.Dial("tcp", to)
		if err != nil {
			t.Error(err)
			return
		}
		defer far.Close()
		w.WriteHeader(http.StatusOK)
		near, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer near.Close()
		go io.Copy(far, near)
		io.Copy(near, far)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		slices.Sort(all)
		return slices.Compact(slices.Clone(all))
	}
}

// A short name means docker's registry, which sends to its token server: both
// through the proxy of the environment, both known by SSL_CERT_FILE.
func TestShortName(t *testing.T) {
	if name := os.Getenv("MYDOCKER_TEST_PULL"); name != "" { // the environment is read once per process
		img, err := repositoryAt(t, client(t, Options{}), name).Image(t.Context(), amd64)
		fmt.Printf("image %q, error %v\n", img.Descriptor.Digest, err)
		return
	}
	f := newFake(t)
	dir := t.TempDir()
	testenv.Certificates(t, dir, hubNames...)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	f.hook = func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Host == "auth.docker.io":
			if scope := r.FormValue("scope"); scope != "repository:library/app:pull" {
				t.Errorf("scope %q", scope)
			}
			fmt.Fprint(w, `{"token":"tok"}`)
			return true
		case r.Header.Get("Authorization") != "Bearer tok":
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://auth.docker.io/token",service="registry.docker.io"`)
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
			return true
		}
		return false
	}
	s := httptest.NewUnstartedServer(f)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	defer s.Close()
	proxy, names := tunnel(t, s.Listener.Addr().String())

	run := func(authorities string) string {
		cmd := exec.Command(os.Args[0], "-test.run=^TestShortName$")
		cmd.Env = append(os.Environ(), "MYDOCKER_TEST_PULL=app:1", "HTTPS_PROXY="+proxy, "https_proxy="+proxy, "NO_PROXY=", "no_proxy=",
			"SSL_CERT_FILE="+authorities, "SSL_CERT_DIR="+dir+"/none")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	if out := run(filepath.Join(dir, "ca.crt")); !strings.Contains(out, fmt.Sprintf("image %q, error <nil>", f.image.Descriptor.Digest)) {
		t.Error(out)
	}
	if got := fmt.Sprint(names()); got != "[CONNECT auth.docker.io:443 CONNECT registry-1.docker.io:443]" {
		t.Errorf("asked for %s", got)
	}
	if out := run(filepath.Join(dir, "nothing.crt")); !strings.Contains(out, "certificate signed by unknown authority") {
		t.Error(out)
	}
}

// A transfer that is given up ends at once, with the reason.
func TestCancel(t *testing.T) {
	f := newFake(t)
	f.hook = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(f.layer.Size))
		w.Write(f.blobs[f.layer.Digest][:10])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	}
	ctx, cancel := context.WithCancel(t.Context())
	b, err := f.repository(t, Options{}, "app:1").Blob(ctx, f.layer, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := io.ReadFull(b, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := b.Read(make([]byte, 10)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := f.count("GET /v2/app/blobs/"); n != 1 {
		t.Errorf("%d requests after that", n)
	}
}
