package content

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mydocker/internal/ocispec"
)

func describe(mediaType string, b []byte) ocispec.Descriptor {
	h := sha256.New()
	h.Write(b)
	return ocispec.Descriptor{MediaType: mediaType, Digest: digestOf(h), Size: int64(len(b))}
}

func lease(t testing.TB, s *Store) *Lease {
	t.Helper()
	l, err := s.Lease()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// put writes a blob under a lease.
func put(t testing.TB, l *Lease, mediaType string, b []byte) ocispec.Descriptor {
	t.Helper()
	d := describe(mediaType, b)
	if err := write(l, d, b); err != nil {
		t.Fatal(err)
	}
	return d
}

func write(l *Lease, d ocispec.Descriptor, b []byte) error {
	w, err := l.Ingest(context.Background(), d)
	if err == ErrExists {
		return nil
	}
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := w.Write(b[w.Offset():]); err != nil {
		return err
	}
	_, err = w.Commit()
	return err
}

// parts are the blobs of an image of two layers; unpacked they are nothing.
type parts struct {
	manifest ocispec.Descriptor
	all      []ocispec.Descriptor // with the manifest, which is the last
	texts    [][]byte
}

// compose makes up an image that is another for each text.
func compose(t testing.TB, text string) parts {
	t.Helper()
	var p parts
	add := func(mediaType string, b []byte) ocispec.Descriptor {
		d := describe(mediaType, b)
		p.all, p.texts = append(p.all, d), append(p.texts, b)
		return d
	}
	asJSON := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	config := ocispec.Image{Author: text, Platform: ocispec.Platform{Architecture: "amd64", OS: "linux"}}
	config.RootFS.Type = "layers"
	m := ocispec.Manifest{SchemaVersion: 2, MediaType: ocispec.MediaTypeManifest}
	for i := range 2 {
		tar := make([]byte, 1024*(i+2))
		copy(tar[1024:], text) // after the end of an archive
		l := add(ocispec.MediaTypeLayer, tar)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.Digest)
		m.Layers = append(m.Layers, l)
	}
	m.Config = add(ocispec.MediaTypeConfig, asJSON(config))
	p.manifest = add(ocispec.MediaTypeManifest, asJSON(m))
	return p
}

// store brings an image in and names it, "" for no name.
func store(t testing.TB, s *Store, name, text string) parts {
	t.Helper()
	l := lease(t, s)
	p := compose(t, text)
	for i, d := range p.all {
		put(t, l, d.MediaType, p.texts[i])
	}
	change(t, s, func(x *Index) { x.Set(name, p.manifest) })
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return p
}

func change(t testing.TB, s *Store, f func(*Index)) {
	t.Helper()
	if err := s.Change(func(x *Index) error { f(x); return nil }); err != nil {
		t.Fatal(err)
	}
}

func names(t testing.TB, s *Store) string {
	t.Helper()
	x, err := s.Index()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range x.Entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// findings are what Verify says, as text.
func findings(t testing.TB, s *Store) string {
	t.Helper()
	var all []string
	err := s.Verify(t.Context(), func(f Finding) { all = append(all, fmt.Sprint(f.Name, " ", f.Digest, ": ", f.Err)) })
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}

// files lists what is below a directory of the store.
func files(t testing.TB, s *Store, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(s.path(dir) + "/*")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func contains(t testing.TB, err error, want ...string) {
	t.Helper()
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("want an error with %q, got %v", w, err)
		}
	}
}

func TestOpenMakesNothing(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	s := Open(root)
	x, err := s.Index()
	if err != nil || len(x.Entries) != 0 {
		t.Errorf("%v, %v", x, err)
	}
	gone, err := s.Sweep()
	if err != nil || gone != nil {
		t.Errorf("%v, %v", gone, err)
	}
	if err := s.Repair(); err != nil {
		t.Error(err)
	}
	if got := findings(t, s); got != "" {
		t.Error(got)
	}
	if _, err := os.Lstat(root); err == nil {
		t.Error("looking made the store")
	}
}

func TestStoreAndRead(t *testing.T) {
	s := Open(t.TempDir())
	p := store(t, s, "docker.io/library/a:1", "a")
	x, err := s.Index()
	if err != nil {
		t.Fatal(err)
	}
	d, ok := x.Find("docker.io/library/a:1")
	if !ok || d.Digest != p.manifest.Digest {
		t.Fatalf("%+v", x)
	}
	m, err := s.Manifest(d)
	if err != nil || len(m.Layers) != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	if b, err := s.ReadAll(m.Config, MaxConfig); err != nil || !bytes.Equal(b, p.texts[2]) {
		t.Errorf("%s, %v", b, err)
	}
	if got := findings(t, s); got != "" {
		t.Error(got)
	}
	for path, want := range map[string]fs.FileMode{"": 0o700, "blobs": 0o700, "blobs/sha256": 0o700, "index.json": 0o600, "oci-layout": 0o600,
		"blobs/sha256/" + string(d.Digest)[7:]: 0o600} {
		if fi, err := os.Stat(s.path(path)); err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, fi, err)
		}
	}
	if left := append(files(t, s, "ingest"), files(t, s, "leases")...); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

func TestReadRefuses(t *testing.T) {
	s := Open(t.TempDir())
	p := store(t, s, "a", "a")
	small, large := p.manifest, p.manifest
	small.Size--
	large.Size++
	for _, d := range []ocispec.Descriptor{small, large} {
		_, err := s.Open(d)
		contains(t, err, string(d.Digest), fmt.Sprintf("has %d bytes, not %d", p.manifest.Size, d.Size))
	}
	_, err := s.ReadAll(p.manifest, p.manifest.Size-1)
	contains(t, err, "are not read")
	for digest, want := range map[ocispec.Digest]string{
		"sha512:" + ocispec.Digest(strings.Repeat("a", 128)): `digest algorithm "sha512" is not supported`,
		"md5:00":        `digest algorithm "md5"`,
		"sha256:../../": "is no digest", "sha256:" + ocispec.Digest(strings.Repeat("A", 64)): "is no digest", "": "is no digest", "sha256:": "is no digest",
	} {
		_, err := s.Open(ocispec.Descriptor{Digest: digest})
		contains(t, err, want)
	}
	config := p.all[2]
	config.MediaType = ocispec.MediaTypeManifest
	if _, err := s.Manifest(config); err == nil {
		t.Error("a config was taken for a manifest")
	}
	_, err = s.Manifest(p.all[2])
	contains(t, err, "no manifest of an image has")
	_, err = s.IndexOf(p.manifest)
	contains(t, err, "no index of an image has")
}

func TestForeignVersionAndDamage(t *testing.T) {
	for file, cases := range map[string]map[string]string{
		"oci-layout": {`{"imageLayoutVersion":"2.0.0"}`: `has version "2.0.0", this program knows 1.0.0`, `{`: "is damaged", ``: "is damaged"},
		"index.json": {`{"schemaVersion":2,"manifests":[`: "is damaged", `{"schemaVersion":3,"manifests":[]}`: "schema version 3",
			`{"schemaVersion":2}`: "is damaged", `{"schemaVersion":2,"manifests":[{"size":"x"}]}`: "cannot unmarshal", "-": "no such file"},
	} {
		for text, want := range cases {
			s := Open(t.TempDir())
			p := store(t, s, "a", "a")
			var err error
			if text == "-" {
				err = os.Remove(s.path(file))
			} else {
				err = os.WriteFile(s.path(file), []byte(text), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Index()
			contains(t, err, s.path(file), want)
			contains(t, s.Change(func(x *Index) error { x.Delete(p.manifest.Digest); return nil }), want)
			_, err = s.Sweep()
			contains(t, err, want)
			if b, err := os.ReadFile(s.path(file)); text != "-" && string(b) != text || text == "-" && err == nil {
				t.Errorf("%s was overwritten: %s", file, b)
			}
			if blobs, err := s.Blobs(); err != nil || len(blobs) != 4 {
				t.Errorf("%d blobs are left, %v", len(blobs), err)
			}
		}
	}
}

// A store whose making was cut short is made whole; one without the file of its
// version, in which there are names, keeps them.
func TestHalfMade(t *testing.T) {
	s := Open(t.TempDir())
	store(t, s, "a", "a")
	if err := os.Remove(s.path("oci-layout")); err != nil {
		t.Fatal(err)
	}
	if gone, err := s.Sweep(); err != nil || gone != nil {
		t.Errorf("swept %v, %v", gone, err)
	}
	store(t, s, "b", "b")
	if got := names(t, s); got != "a b" {
		t.Errorf("names %q", got)
	}
}
