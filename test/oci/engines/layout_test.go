package engines_test

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// A layout is an image layout of the OCI image specification, one image with
// one layer, in memory by file name.
type layout map[string][]byte

// blob adds one, and returns its descriptor.
func (l layout) blob(kind string, data []byte) map[string]any {
	digest := fmt.Sprintf("%x", sha256.Sum256(data))
	l["blobs/sha256/"+digest] = data
	return map[string]any{"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(data)}
}

func encode(t *testing.T, what any) []byte {
	t.Helper()
	data, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// newLayout makes one of the busybox. name is the image's.
func newLayout(t *testing.T, name string) layout {
	t.Helper()
	root, err := os.ReadFile(archive(t))
	if err != nil {
		t.Fatal(err)
	}
	l := layout{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`)}
	layer := l.blob("layer.v1.tar", root)
	config := l.blob("config.v1+json", encode(t, map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Env": []string{"PATH=/bin:/usr/bin", "FROM=image"}, "Cmd": []string{"sh"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []any{layer["digest"]}},
	}))
	manifest := l.blob("manifest.v1+json", encode(t, map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []any{layer},
	}))
	manifest["annotations"] = map[string]string{"org.opencontainers.image.ref.name": name}
	l["index.json"] = encode(t, map[string]any{"schemaVersion": 2, "manifests": []any{manifest}})
	return l
}

// unfold writes the layout's files into a directory.
func (l layout) unfold(t *testing.T, dir string) {
	t.Helper()
	for name, data := range l {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// pack writes the layout as an archive, and returns its path.
func (l layout) pack(t *testing.T) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "layout.tar"))
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	for name, data := range l {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))})
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
