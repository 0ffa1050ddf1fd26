package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mydocker/internal/ocispec"
	"mydocker/internal/testenv"
	"mydocker/registry/credentials"
)

// A daemon is a registry of another project.
type daemon testenv.Registry

func startRegistry(t *testing.T, withTLS, withPassword bool) daemon {
	t.Helper()
	if _, err := exec.LookPath("skopeo"); err != nil {
		t.Skip("skopeo is not installed")
	}
	return daemon(testenv.StartRegistry(t, testenv.RegistryOptions{TLS: withTLS, Password: withPassword, Names: hubNames}))
}

// hubNames are what docker's own registry is called.
var hubNames = []string{hubHost, "auth." + hubDomain}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// certsFor makes a folder as /etc/docker/certs.d for the host of d.
func (d daemon) certsFor(t *testing.T, client bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "certs.d")
	names := map[string]string{"ca.crt": "ca.crt"}
	if client {
		names["client.cert"], names["client.key"] = "client.crt", "client.key"
	}
	for to, from := range names {
		data, err := os.ReadFile(filepath.Join(d.Dir, from))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, d.Host, to), data)
	}
	return dir
}

// skopeo returns what it prints.
func skopeo(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("skopeo", append([]string{"--insecure-policy"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("skopeo %v: %v\n%s", args, err, &stderr)
	}
	return out
}

// layout writes an image as an OCI directory, and returns its manifest. The
// layer is an archive with nothing in it, but long.
func layout(t *testing.T, dir string) (Document, ocispec.Manifest) {
	t.Helper()
	blob := func(mediaType string, data []byte) ocispec.Descriptor {
		d := ocispec.Descriptor{MediaType: mediaType, Digest: sha256Digest(data), Size: int64(len(data))}
		writeFile(t, filepath.Join(dir, "blobs/sha256", strings.TrimPrefix(string(d.Digest), "sha256:")), data)
		return d
	}
	encode := func(v any) []byte {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	layer := blob(ocispec.MediaTypeLayer, make([]byte, 3<<20))
	config := blob(ocispec.MediaTypeConfig, encode(ocispec.Image{Platform: amd64,
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []ocispec.Digest{layer.Digest}}}))
	m := ocispec.Manifest{SchemaVersion: 2, MediaType: ocispec.MediaTypeManifest, Config: config, Layers: []ocispec.Descriptor{layer}}
	doc := Document{Data: encode(m)}
	doc.Descriptor = blob(ocispec.MediaTypeManifest, doc.Data)
	writeFile(t, filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`))
	writeFile(t, filepath.Join(dir, "index.json"), encode(ocispec.Index{SchemaVersion: 2, Manifests: []ocispec.Descriptor{doc.Descriptor}}))
	return doc, m
}

// blobFile is a Source.
func blobFile(dir string, d ocispec.Descriptor) Source {
	return fileSource(filepath.Join(dir, "blobs/sha256", strings.TrimPrefix(string(d.Digest), "sha256:")))
}

// pushImage pushes a layout as a whole, and says how its blobs went.
func pushImage(t *testing.T, r *Repository, dir string, doc Document, m ocispec.Manifest, tag string, from ...string) []Sent {
	t.Helper()
	var how []Sent
	for _, d := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
		sent, err := r.PushBlob(t.Context(), d, from, blobFile(dir, d))
		if err != nil {
			t.Fatal(err)
		}
		how = append(how, sent)
	}
	desc, err := r.PushManifest(t.Context(), doc.Descriptor.MediaType, doc.Data, tag)
	if err != nil || desc.Digest != doc.Descriptor.Digest {
		t.Fatalf("%+v, %v", desc, err)
	}
	return how
}

// pullImage fetches an image as a whole.
func pullImage(t *testing.T, r *Repository) Image {
	t.Helper()
	img, err := r.Image(t.Context(), amd64)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Small(t.Context(), img.Manifest.Config, MaxManifest); err != nil {
		t.Fatal(err)
	}
	for _, d := range img.Manifest.Layers {
		if data, err := fetch(t.Context(), r, d, nil); err != nil || int64(len(data)) != d.Size {
			t.Fatal(len(data), err)
		}
	}
	return img
}

// What skopeo writes we read, and the reverse.
func TestWithSkopeo(t *testing.T) {
	d := startRegistry(t, false, false)
	dir := filepath.Join(t.TempDir(), "image")
	doc, m := layout(t, dir)
	c := client(t, Options{UserAgent: "mydocker/test"})

	skopeo(t, "copy", "--preserve-digests", "--dest-tls-verify=false", "oci:"+dir, "docker://"+d.Host+"/theirs:1")
	for _, name := range []string{"/theirs:1", "/theirs@" + string(doc.Descriptor.Digest)} {
		if img := pullImage(t, repositoryAt(t, c, d.Host+name)); img.Descriptor.Digest != doc.Descriptor.Digest || len(img.Indexes) != 0 {
			t.Errorf("%s: %+v", name, img.Descriptor)
		}
	}

	ours := repositoryAt(t, c, d.Host+"/a/ours")
	for i, want := range []string{"[2 2]", "[0 0]"} { // sent, and then there
		if how := pushImage(t, ours, dir, doc, m, fmt.Sprintf("v%d", i)); fmt.Sprint(how) != want {
			t.Errorf("push %d: %v, want %s", i, how, want)
		}
	}
	index := pushIndex(t, ours, doc)
	raw := skopeo(t, "inspect", "--raw", "--tls-verify=false", "docker://"+d.Host+"/a/ours:v1")
	if !bytes.Equal(raw, doc.Data) {
		t.Errorf("skopeo reads %s", raw)
	}
	back := filepath.Join(t.TempDir(), "back")
	skopeo(t, "copy", "--preserve-digests", "--src-tls-verify=false", "--override-arch=amd64", "--override-os=linux", "docker://"+d.Host+"/a/ours:all", "oci:"+back)
	if _, err := os.Stat(filepath.Join(back, "blobs/sha256", strings.TrimPrefix(string(m.Layers[0].Digest), "sha256:"))); err != nil {
		t.Error(err)
	}
	img := pullImage(t, repositoryAt(t, c, d.Host+"/a/ours:all"))
	if len(img.Indexes) != 1 || img.Indexes[0].Descriptor.Digest != index.Digest || img.Descriptor.Digest != doc.Descriptor.Digest {
		t.Errorf("by the index: %+v", img)
	}
	tags, err := ours.Tags(t.Context())
	if slices.Sort(tags); err != nil || fmt.Sprint(tags) != "[all v0 v1]" {
		t.Errorf("tags %v, %v", tags, err)
	}
}

// pushIndex pushes a list that names an image and what BuildKit would add.
func pushIndex(t *testing.T, r *Repository, doc Document) ocispec.Descriptor {
	t.Helper()
	with, extra := doc.Descriptor, doc.Descriptor
	with.Platform = &amd64
	extra.Platform = &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	data, err := json.Marshal(ocispec.Index{SchemaVersion: 2, MediaType: ocispec.MediaTypeIndex, Manifests: []ocispec.Descriptor{extra, with}})
	if err != nil {
		t.Fatal(err)
	}
	desc, err := r.PushManifest(t.Context(), ocispec.MediaTypeIndex, data, "all")
	if err != nil {
		t.Fatal(err)
	}
	return desc
}

func TestMountBetweenRepositories(t *testing.T) {
	d := startRegistry(t, false, false)
	dir := filepath.Join(t.TempDir(), "image")
	doc, m := layout(t, dir)
	c := client(t, Options{})
	pushImage(t, repositoryAt(t, c, d.Host+"/first"), dir, doc, m, "1")
	for from, want := range map[string]string{"first": "[1 1]", "nowhere": "[2 2]"} {
		if how := pushImage(t, repositoryAt(t, c, d.Host+"/from-"+from), dir, doc, m, "1", from); fmt.Sprint(how) != want {
			t.Errorf("from %s: %v, want %s", from, how, want)
		}
	}
	if how := pushImage(t, repositoryAt(t, c, d.Host+"/two"), dir, doc, m, "1", "nowhere", "first"); fmt.Sprint(how) != "[1 1]" {
		t.Errorf("the second has it: %v", how)
	}
}

func TestUnknownNames(t *testing.T) {
	d := startRegistry(t, false, false)
	c := client(t, Options{})
	_, err := repositoryAt(t, c, d.Host+"/none:1").Resolve(t.Context())
	if want := "manifest for " + d.Host + "/none:1 not found: manifest unknown: manifest unknown"; !errors.Is(err, ErrNotFound) || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	_, err = repositoryAt(t, c, d.Host+"/none").Tags(t.Context())
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "repository does not exist") {
		t.Error(err)
	}
}

// TLS with an authority and a client's certificate of certs.d, and a password.
func TestTLSAndPassword(t *testing.T) {
	d := startRegistry(t, true, true)
	dir := filepath.Join(t.TempDir(), "image")
	doc, m := layout(t, dir)
	store := credentials.Store{Config: filepath.Join(t.TempDir(), "config.json")}
	o := Options{CertsDir: d.certsFor(t, true), Credentials: store.Get}

	if err := client(t, o).Ping(t.Context(), d.Host); !errors.Is(err, ErrDenied) {
		t.Errorf("without a password: %v", err)
	}
	_, err := repositoryAt(t, client(t, o), d.Host+"/a").Resolve(t.Context())
	if !errors.Is(err, ErrDenied) || !strings.HasPrefix(err.Error(), "pull access denied for "+d.Host+"/a, repository does not exist or may require 'mydocker login': ") {
		t.Errorf("without a password: %v", err)
	}
	wrong := credentials.Credential{Username: "user", Password: "wrong"}
	if _, err := client(t, o).Login(t.Context(), d.Host, wrong); !errors.Is(err, ErrDenied) ||
		!strings.HasPrefix(err.Error(), "login attempt to "+d.Host+" failed with status: 401 Unauthorized") {
		t.Errorf("a wrong password: %v", err)
	}
	right := credentials.Credential{Username: "user", Password: "secret"}
	keep, err := client(t, o).Login(t.Context(), d.Host, right)
	if err != nil || keep != right {
		t.Fatalf("%+v, %v", keep, err)
	}
	if _, err := store.Put(t.Context(), d.Host, keep); err != nil {
		t.Fatal(err)
	}
	r := repositoryAt(t, client(t, o), d.Host+"/a:1")
	pushImage(t, r, dir, doc, m, "1")
	if img := pullImage(t, r); img.Descriptor.Digest != doc.Descriptor.Digest {
		t.Errorf("%+v", img.Descriptor)
	}
	skopeo(t, "inspect", "--creds=user:secret", "--cert-dir="+filepath.Join(o.CertsDir, d.Host), "docker://"+d.Host+"/a:1")
}

func TestCertificates(t *testing.T) {
	d := startRegistry(t, true, false)
	other := t.TempDir()
	testenv.Certificates(t, other)
	foreign := daemon{d.Host, other}
	var hint interface{ Hint() string }

	err := client(t, Options{CertsDir: foreign.certsFor(t, false)}).Ping(t.Context(), d.Host)
	if err == nil || !strings.Contains(err.Error(), "certificate") || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), d.Host+"/ca.crt") {
		t.Errorf("another authority: %v", err)
	}
	err = client(t, Options{CertsDir: d.certsFor(t, false)}).Ping(t.Context(), d.Host)
	if err == nil || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), d.Host+"/client.cert") {
		t.Errorf("without the client's certificate: %v", err)
	}
	if err := client(t, Options{CertsDir: d.certsFor(t, true)}).Ping(t.Context(), d.Host); err != nil {
		t.Error(err)
	}
	dir := d.certsFor(t, true)
	writeFile(t, filepath.Join(dir, d.Host, "x.crt"), []byte("nonsense"))
	if err := client(t, Options{CertsDir: dir}).Ping(t.Context(), d.Host); err == nil || !strings.Contains(err.Error(), "x.crt: no certificate") {
		t.Error(err)
	}
}
