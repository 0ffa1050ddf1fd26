package image

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mydocker/internal/ocispec"
)

// layerID makes up the digest of a layer.
func layerID(n int) string { return idPrefix + fmt.Sprintf("%064x", n) }

func config(layer int, comment string) ocispec.Image {
	created := time.Unix(int64(layer)*1000, 0).UTC()
	c := ocispec.Image{Created: &created, Author: comment}
	c.RootFS.Type = "layers"
	c.RootFS.DiffIDs = digests(c.RootFS.DiffIDs, layerID(layer))
	return c
}

func digests[D ~string](list []D, s string) []D { return append(list, D(s)) }

// add makes an image with one file.
func add(t *testing.T, s *Store, name string, layer int, comment string) Image {
	t.Helper()
	st, err := s.Stage()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(st.Dir()+"/file", []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	img, err := s.Commit(st, config(layer, comment), 7, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return img
}

// layers lists what lies in the store's layers/.
func layers(t *testing.T, s *Store) []string {
	t.Helper()
	list, err := filepath.Glob(s.LayerDir("") + "/*")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestOpenMakesNothing(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	s := Open(root)
	if _, err := s.Resolve("host"); err != nil {
		t.Error(err)
	}
	if _, err := s.Resolve("other"); !isNotFound(err) {
		t.Error(err)
	}
	all, err := s.List()
	if err != nil || len(all) != 1 || !all[0].Host {
		t.Errorf("%v, %v", all, err)
	}
	if err := s.Repair(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(root); err == nil {
		t.Error("looking made the store")
	}
}

func isNotFound(err error) bool {
	_, ok := err.(*NotFoundError) // unwrapped: callers look at the error itself
	return ok
}

func TestHost(t *testing.T) {
	s := Open(t.TempDir())
	id := hostID()
	for _, name := range []string{"host", "host:latest", id, id[len(idPrefix):], id[len(idPrefix):][:12], "docker.io/library/host"} {
		img, err := s.Resolve(name)
		if err != nil || !img.Host || img.ID != id || !slices.Equal(img.Lowers, []string{"/"}) || len(img.Config.Config.Cmd) != 1 {
			t.Errorf("%s: %+v, %v", name, img, err)
		}
	}
	if _, err := s.Remove("host", true, nil); err == nil || !strings.Contains(err.Error(), "cannot be removed") {
		t.Errorf("removed: %v", err)
	}
	img := add(t, s, "a", 1, "")
	for _, name := range []string{"host", "host:1", "docker.io/library/host:2"} {
		if err := s.Tag(img.ID, name); err == nil || !strings.Contains(err.Error(), "embedded image") {
			t.Errorf("tagged %s: %v", name, err)
		}
	}
	if err := s.Tag("host", "mine"); err == nil {
		t.Error("tagged host")
	}
}

func TestResolve(t *testing.T) {
	s := Open(t.TempDir())
	img := add(t, s, "app:1", 1, "")
	add(t, s, "", 2, "")
	digits := strings.TrimPrefix(img.ID, idPrefix)
	for _, name := range []string{"app:1", "docker.io/library/app:1", img.ID, digits, digits[:12], idPrefix + digits[:12]} {
		got, err := s.Resolve(name)
		if err != nil || got.ID != img.ID || got.Size != 7 || !slices.Equal(got.Names, []string{"app:1"}) || got.Created.Unix() != 1000 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if _, err := os.Stat(got.Lowers[0] + "/file"); err != nil || len(got.Lowers) != 1 {
			t.Error(got.Lowers, err)
		}
	}
	_, err := s.Resolve("")
	if err == nil || isNotFound(err) {
		t.Errorf("the empty name: %v", err)
	}
	if _, err := s.Resolve("App"); err == nil || err.Error() != "invalid reference format: repository name must be lowercase" {
		t.Error(err)
	}
	_, err = s.Resolve(strings.Repeat("0", 64))
	if !isNotFound(err) {
		t.Errorf("an ID that is not there: %v", err)
	}
}

func TestResolveAmbiguous(t *testing.T) {
	s := Open(t.TempDir())
	first := map[byte]string{}
	for n := 1; ; n++ { // 17 images have two IDs that begin alike
		digits := strings.TrimPrefix(add(t, s, "", n, "").ID, idPrefix)
		if other := first[digits[0]]; other == "" {
			first[digits[0]] = digits
			continue
		}
		_, err := s.Resolve(digits[:1])
		if err == nil || !strings.Contains(err.Error(), "ambiguous") {
			t.Error(err)
		}
		return
	}
}

func TestNotFoundHint(t *testing.T) {
	s := Open(t.TempDir())
	add(t, s, "alpine:3.20", 1, "")
	for name, want := range map[string][2]string{
		"alpine": {"No such image: alpine:latest", "did you mean alpine:3.20?"},
		"alpin":  {"No such image: alpin:latest", "did you mean alpine:3.20?"},
		"hots":   {"No such image: hots:latest", "did you mean host?"},
		"debian": {"No such image: debian:latest", ""},
	} {
		var nf *NotFoundError
		_, err := s.Resolve(name)
		if !errors.As(err, &nf) || nf.Error() != want[0] || nf.Hint() != want[1] || !nf.NotFound() {
			t.Errorf("%s: %v, %+v", name, err, nf)
		}
	}
}

func TestListOrder(t *testing.T) {
	s := Open(t.TempDir())
	old, young := add(t, s, "old", 1, ""), add(t, s, "young", 2, "")
	all, err := s.List()
	if err != nil || len(all) != 3 || all[0].ID != young.ID || all[1].ID != old.ID || !all[2].Host {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestModes(t *testing.T) {
	s := Open(t.TempDir())
	img := add(t, s, "a", 1, "")
	for path, want := range map[string]os.FileMode{
		s.path(""): 0o700, s.path("records"): 0o700, s.LayerDir(""): 0o700, s.LayerDir(layerID(1)): 0o700,
		s.path("repositories.json"): 0o600, s.path("lock"): 0o600, s.recordPath(img.ID): 0o600,
	} {
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, fi.Mode(), err, want)
		}
	}
}

func TestDamagedRecord(t *testing.T) {
	s := Open(t.TempDir())
	img := add(t, s, "a", 1, "good")
	b, err := os.ReadFile(s.recordPath(img.ID))
	if err != nil {
		t.Fatal(err)
	}
	later := strings.Replace(string(b), `"version":2`, `"version":3`, 1)
	evil := strings.Replace(string(b), "good", "evil", 1)
	for want, text := range map[string]string{
		"damaged": evil, "version": later, "read ": "{",
	} {
		if err := os.WriteFile(s.recordPath(img.ID), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Resolve("a"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

// One image that cannot be read is no reason to lose others, nor to keep it.
func TestDamagedRecordAmongOthers(t *testing.T) {
	for what, damage := range map[string]func(path string) error{
		"text":    func(path string) error { return os.WriteFile(path, []byte("{"), 0o600) },
		"missing": os.Remove,
	} {
		s := Open(t.TempDir())
		bad, good := add(t, s, "bad", 1, ""), add(t, s, "good", 2, "")
		if err := damage(s.recordPath(bad.ID)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Resolve("good"); err != nil {
			t.Errorf("%s: the other: %v", what, err)
		}
		if _, err := s.Remove("bad", false, nil); err == nil {
			t.Errorf("%s: removed without force", what)
		}
		if what == "text" { // else it is of no image
			if err := s.Repair(); err != nil || len(layers(t, s)) != 2 {
				t.Errorf("%s: Repair: %v, %q", what, err, layers(t, s))
			}
		}
		if done, err := s.Remove("bad", true, nil); err != nil || printed(done, err) != "untagged bad:latest deleted "+bad.ID {
			t.Errorf("%s: removed %v, %v", what, done, err)
		}
		if err := s.Repair(); err != nil || len(layers(t, s)) != 1 {
			t.Errorf("%s: afterwards: %v, %q", what, err, layers(t, s))
		}
		if _, err := os.Stat(good.Lowers[0] + "/file"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A file of names that somebody edited makes nothing panic.
func TestOddNames(t *testing.T) {
	s := Open(t.TempDir())
	add(t, s, "alpine", 1, "")
	odd := `{"version":1,"names":{"":"x","/":"sha256:","alpin":"sha256:../..",":":"","a/alpine":"0"}}`
	if err := os.WriteFile(s.path("repositories.json"), []byte(odd), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resolve("alpinx"); !isNotFound(err) {
		t.Error(err)
	}
}

func TestTagParallel(t *testing.T) {
	root := t.TempDir()
	img := add(t, Open(root), "a", 1, "")
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if err := Open(root).Tag("a", fmt.Sprintf("t:%d", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := Open(root).Resolve(img.ID)
	if err != nil || len(got.Names) != 17 {
		t.Errorf("%v, %v", got.Names, err)
	}
}
