package image

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mydocker/content"
	"mydocker/internal/ocispec"
)

// pulled makes an image as a pull does, of a manifest that has its configuration
// and no layers.
func pulled(t *testing.T, s *Store, name string, layer int) (Image, ocispec.Descriptor) {
	t.Helper()
	lease, err := s.content.Lease()
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Close()
	n := unpacked(t, s, fmt.Sprint(name, layer), layer)
	config := blob(t, lease, ocispec.MediaTypeConfig, string(n.Config))
	n.Target = blob(t, lease, ocispec.MediaTypeManifest, fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`,
		config.MediaType, config.Digest, config.Size))
	n.Name, n.Digest = name+":latest", name+"@"+string(n.Target.Digest)
	img, err := s.Put(n)
	if err != nil {
		t.Fatal(err)
	}
	return img, n.Target
}

func blob(t *testing.T, lease *content.Lease, mediaType, text string) ocispec.Descriptor {
	t.Helper()
	w, err := lease.Create(mediaType)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	d, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// entries is index.json: names and beginnings of digests, in order.
func entries(t *testing.T, s *Store) string {
	t.Helper()
	x, err := s.content.Index()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range x.Entries {
		all = append(all, e.Name()+" "+short(string(e.Digest)))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestMirror(t *testing.T) {
	s := Open(t.TempDir())
	_, first := pulled(t, s, "a", 1)
	one, two := short(string(first.Digest)), ""
	if got := entries(t, s); got != "docker.io/library/a:latest "+one {
		t.Error(got)
	}
	if err := s.Tag("a", "b"); err != nil {
		t.Fatal(err)
	}
	img, second := pulled(t, s, "a", 2)
	two = short(string(second.Digest))
	if got, want := entries(t, s), "docker.io/library/a:latest "+two+", docker.io/library/b:latest "+one; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if got, err := s.Resolve("a:any@" + string(second.Digest)); err != nil || got.ID != img.ID {
		t.Errorf("%+v, %v", got, err)
	}
	// Its last tag takes the digest along, and its blobs.
	done, err := s.Remove("a", false, nil)
	if err != nil || len(done) != 4 || done[1].Untagged != "a@"+string(second.Digest) {
		t.Errorf("%+v, %v", done, err)
	}
	if all, err := s.content.Blobs(); err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
	// The other has a digest of the repository a, where it has no tag.
	if done, err = s.Remove("b", false, nil); err != nil || len(done) != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if got := entries(t, s); got != " "+one {
		t.Error(got)
	}
	if _, err := s.Prune(false, nil, nil); err != nil || entries(t, s) != "" {
		t.Errorf("%s, %v", entries(t, s), err)
	}
	if all, err := s.content.Blobs(); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// What a death between the two files leaves is undone, and others' entries stay.
func TestMirrorRepaired(t *testing.T) {
	s := Open(t.TempDir())
	_, first := pulled(t, s, "a", 1)
	want := entries(t, s)
	lease, err := s.content.Lease()
	if err != nil {
		t.Fatal(err)
	}
	d := blob(t, lease, ocispec.MediaTypeManifest, `{"schemaVersion":2,"config":{"digest":"`+layerID(7)+`","size":1},"layers":[]}`)
	if err := s.addTarget(d, "a:latest", layerID(8)); err != nil { // the record is not written
		t.Fatal(err)
	}
	if got := entries(t, s); got == want || !strings.Contains(got, short(string(first.Digest))) {
		t.Error(got)
	}
	if err := lease.Leave(); err != nil {
		t.Fatal(err)
	}
	if err := s.Repair(); err != nil || entries(t, s) != want {
		t.Errorf("%s, %v", entries(t, s), err)
	}
	if all, err := s.content.Blobs(); err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
	if some, err := s.content.Abandoned(); err != nil || some {
		t.Errorf("a dead lease is still there: %v", err)
	}
	err = s.content.Change(func(x *content.Index) error {
		x.Entries[0].Annotations = map[string]string{content.RefName: "theirs"}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Repair(); err != nil || entries(t, s) != "theirs "+short(string(first.Digest)) {
		t.Errorf("%s, %v", entries(t, s), err)
	}
}
