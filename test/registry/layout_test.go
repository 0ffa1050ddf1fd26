package registry_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mydocker/internal/ocispec"
	"mydocker/internal/testenv"
)

// A layout is an OCI image layout that a test writes, file by file.
type layout struct {
	t     *testing.T
	dir   string
	index ocispec.Index
}

func newLayout(t *testing.T) *layout {
	l := &layout{t: t, dir: t.TempDir()}
	l.index.SchemaVersion = 2
	l.write("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return l
}

func (l *layout) write(name string, b []byte) {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		l.t.Fatal(err)
	}
}

func digest(b []byte) ocispec.Digest {
	sum := sha256.Sum256(b)
	return ocispec.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

func (l *layout) blob(mediaType string, b []byte) ocispec.Descriptor {
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest(b), Size: int64(len(b))}
	l.write("blobs/sha256/"+strings.TrimPrefix(string(d.Digest), "sha256:"), b)
	return d
}

func (l *layout) document(mediaType string, v any) ocispec.Descriptor {
	l.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.blob(mediaType, b)
}

// A file of a layer: a directory with a name that ends in "/".
type file struct {
	name, text string
	mode       int64
}

// layer writes an archive, and returns its descriptor and its DiffID.
func (l *layout) layer(files ...file) (ocispec.Descriptor, ocispec.Digest) {
	l.t.Helper()
	var raw, packed bytes.Buffer
	w := tar.NewWriter(&raw)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.text)), Typeflag: tar.TypeReg}
		if f.mode != 0 {
			h.Mode = f.mode
		}
		if strings.HasSuffix(f.name, "/") {
			h.Mode, h.Typeflag = 0o755, tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			l.t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.text)); err != nil {
			l.t.Fatal(err)
		}
	}
	w.Close()
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	z.Write(raw.Bytes())
	z.Close()
	return l.blob(ocispec.MediaTypeLayerGzip, packed.Bytes()), digest(raw.Bytes())
}

// image writes one of some layers, and returns its manifest's descriptor.
func (l *layout) image(c ocispec.Image, layers ...[]file) ocispec.Descriptor {
	l.t.Helper()
	m := ocispec.Manifest{SchemaVersion: 2, MediaType: ocispec.MediaTypeManifest, Layers: []ocispec.Descriptor{}}
	if c.OS == "" {
		c.Platform = ocispec.Platform{OS: "linux", Architecture: "amd64"}
	}
	c.RootFS.Type = "layers"
	for _, files := range layers {
		d, diffID := l.layer(files...)
		m.Layers, c.RootFS.DiffIDs = append(m.Layers, d), append(c.RootFS.DiffIDs, diffID)
	}
	m.Config = l.document(ocispec.MediaTypeConfig, c)
	d := l.document(ocispec.MediaTypeManifest, m)
	d.Platform = &c.Platform
	return d
}

// push brings what a descriptor is of to a registry, with all that it leads to.
func (l *layout) push(d ocispec.Descriptor, to string) {
	l.t.Helper()
	if _, err := exec.LookPath("skopeo"); err != nil {
		l.t.Skip("needs the command skopeo")
	}
	d.Annotations = map[string]string{"org.opencontainers.image.ref.name": "x"}
	l.index.Manifests = []ocispec.Descriptor{d}
	b, err := json.Marshal(l.index)
	if err != nil {
		l.t.Fatal(err)
	}
	l.write("index.json", b)
	out, err := exec.Command("skopeo", "--insecure-policy", "copy", "--all", "--preserve-digests", "--dest-tls-verify=false", "oci:"+l.dir+":x", "docker://"+to).CombinedOutput()
	if err != nil {
		l.t.Fatalf("skopeo: %v %s", err, out)
	}
}

// busybox is a layer with a shell.
func busybox(t *testing.T) []file {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testenv.Busybox(t), "bin/busybox"))
	if err != nil {
		t.Fatal(err)
	}
	return []file{{name: "bin/"}, {name: "bin/sh", text: string(b), mode: 0o755}, {name: "bin/busybox", text: string(b), mode: 0o755},
		{name: "etc/"}, {name: "etc/passwd", text: "root:x:0:0::/:/bin/sh\nworker:x:1234:1234::/:/bin/sh\n"}, {name: "etc/group", text: "root:x:0:\nworker:x:1234:\n"}}
}
