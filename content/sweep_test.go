package content

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"mydocker/internal/ocispec"
)

func sweep(t testing.TB, s *Store) []ocispec.Digest {
	t.Helper()
	gone, err := s.Sweep()
	if err != nil {
		t.Fatal(err)
	}
	var all []ocispec.Digest
	for _, b := range gone {
		if b.Size == 0 || b.Disk == 0 {
			t.Errorf("removed %+v", b)
		}
		all = append(all, b.Digest)
	}
	slices.Sort(all)
	return all
}

func digests(all []ocispec.Descriptor) []ocispec.Digest {
	var list []ocispec.Digest
	for _, d := range all {
		list = append(list, d.Digest)
	}
	slices.Sort(list)
	return list
}

func TestSweep(t *testing.T) {
	s := Open(t.TempDir())
	a, b, nameless := store(t, s, "a", "a"), store(t, s, "b", "b"), store(t, s, "", "c")
	if gone := sweep(t, s); len(gone) != 0 {
		t.Errorf("swept %q", gone)
	}
	// Removing a name leaves an image; removing that, its blobs go.
	change(t, s, func(x *Index) { x.Untag("a") })
	if gone := sweep(t, s); len(gone) != 0 {
		t.Errorf("swept %q", gone)
	}
	change(t, s, func(x *Index) { x.Delete(a.manifest.Digest); x.Delete(nameless.manifest.Digest) })
	want := digests(slices.Concat(a.all, nameless.all))
	if gone := sweep(t, s); !slices.Equal(gone, want) {
		t.Errorf("swept %q, want %q", gone, want)
	}
	if got := findings(t, s); got != "" {
		t.Error(got)
	}
	if all, _ := s.Blobs(); len(all) != len(b.all) {
		t.Errorf("%d blobs are left", len(all))
	}
}

// What two images have stays for the one that is left.
func TestSweepShared(t *testing.T) {
	s := Open(t.TempDir())
	p := store(t, s, "a", "a")
	var m ocispec.Manifest
	if err := json.Unmarshal(p.texts[3], &m); err != nil {
		t.Fatal(err)
	}
	m.Annotations = map[string]string{"another": "manifest"}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	l := lease(t, s)
	other := put(t, l, ocispec.MediaTypeManifest, text)
	change(t, s, func(x *Index) { x.Set("b", other); x.Delete(p.manifest.Digest) })
	l.Close()
	if gone := sweep(t, s); !slices.Equal(gone, []ocispec.Digest{p.manifest.Digest}) {
		t.Errorf("swept %q", gone)
	}
	if got := findings(t, s); got != "" {
		t.Error(got)
	}
}

// An index keeps those of its platforms that are there.
func TestSweepIndex(t *testing.T) {
	s := Open(t.TempDir())
	p := store(t, s, "", "a")
	list := ocispec.Index{SchemaVersion: 2, MediaType: ocispec.MediaTypeIndex, Manifests: []ocispec.Descriptor{
		compose(t, "not here").manifest, p.manifest, {MediaType: ocispec.MediaTypeManifest, Digest: "sha512:00", Size: 1},
	}}
	top := name(t, s, "multi", list)
	change(t, s, func(x *Index) { x.Delete(p.manifest.Digest) })
	if gone := sweep(t, s); len(gone) != 0 {
		t.Errorf("swept %q", gone)
	}
	if x, err := s.IndexOf(top); err != nil || len(x.Manifests) != 3 {
		t.Errorf("%+v, %v", x, err)
	}
	if got := findings(t, s); got != "" {
		t.Error(got)
	}
	change(t, s, func(x *Index) { x.Delete(top.Digest) })
	if gone := sweep(t, s); len(gone) != 5 {
		t.Errorf("swept %q", gone)
	}
}

func name(t *testing.T, s *Store, as string, list ocispec.Index) ocispec.Descriptor {
	t.Helper()
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	l := lease(t, s)
	defer l.Close()
	d := put(t, l, ocispec.MediaTypeIndex, text)
	change(t, s, func(x *Index) { x.Set(as, d) })
	return d
}

// A stranger's index that calls a blob what it is not stops nobody's sweep, and
// keeps what another leads to by the right type.
func TestSweepOfLies(t *testing.T) {
	s := Open(t.TempDir())
	p := store(t, s, "a", "a")
	config, as := p.all[2], p.manifest
	config.MediaType = ocispec.MediaTypeManifest
	as.MediaType, as.Size = ocispec.MediaTypeIndex, 7
	name(t, s, "evil", ocispec.Index{SchemaVersion: 2, Manifests: []ocispec.Descriptor{config, as, p.manifest}})
	if gone := sweep(t, s); len(gone) != 0 {
		t.Errorf("swept %q", gone)
	}
}

func TestSweepKeepsAllWhenDamaged(t *testing.T) {
	for how, damage := range map[string]func(path string) error{
		"flipped":   flip,
		"truncated": func(path string) error { return os.Truncate(path, 10) },
	} {
		s := Open(t.TempDir())
		p := store(t, s, "a", "a")
		path := s.blobPath(string(p.manifest.Digest)[7:])
		if err := damage(path); err != nil {
			t.Fatal(err)
		}
		_, err := s.Sweep()
		contains(t, err, "no blob is removed", string(p.manifest.Digest))
		if all, _ := s.Blobs(); len(all) != 4 {
			t.Errorf("%s: %d blobs are left", how, len(all))
		}
		change(t, s, func(x *Index) { x.Delete(p.manifest.Digest) })
		if gone := sweep(t, s); len(gone) != 4 {
			t.Errorf("%s: swept %q", how, gone)
		}
	}
}

func flip(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[len(b)/2] ^= 4
	return os.WriteFile(path, b, 0o600)
}

func TestSweepLeavesStrangers(t *testing.T) {
	s := Open(t.TempDir())
	store(t, s, "a", "a")
	other := s.blobPath("not-a-blob")
	if err := os.WriteFile(other, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if gone := sweep(t, s); len(gone) != 0 {
		t.Errorf("swept %q", gone)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

func TestLeaseHolds(t *testing.T) {
	s := Open(t.TempDir())
	p := store(t, s, "a", "a")
	l := lease(t, s)
	if err := l.Hold(p.manifest); err != nil { // with what it leads to
		t.Fatal(err)
	}
	change(t, s, func(x *Index) { x.Delete(p.manifest.Digest) })
	loose := put(t, l, "text/plain", []byte("loose"))
	if gone := sweep(t, s); len(gone) != 0 {
		t.Errorf("swept %q", gone)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if gone := sweep(t, s); !slices.Equal(gone, digests(append(p.all, loose))) {
		t.Errorf("swept %q", gone)
	}
	if len(files(t, s, "leases")) != 0 {
		t.Errorf("left %q", files(t, s, "leases"))
	}
}

// A lease without a process holds nothing, whatever is in its file.
func TestLeaseOfTheDead(t *testing.T) {
	for _, text := range []string{"", "{", `{"digest":"x"}` + "\n"} {
		s := Open(t.TempDir())
		l := lease(t, s)
		put(t, l, "text/plain", []byte("abc"))
		l.Close()
		if err := os.WriteFile(s.path("leases/dead"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if gone := sweep(t, s); len(gone) != 1 || len(files(t, s, "leases")) != 0 {
			t.Errorf("swept %q, left %q", gone, files(t, s, "leases"))
		}
	}
}

func TestRepair(t *testing.T) {
	s := Open(t.TempDir())
	l := lease(t, s)
	held := begin(t, l, describe("text/plain", []byte("held")))
	old, young := describe("", []byte("old")), describe("", []byte("young"))
	for _, path := range []string{part(old), part(young), "ingest/new-X", "leases/dead", ".atomic-index.json-1", ".atomic-oci-layout-2", ".atomic-another-3"} {
		if err := os.WriteFile(s.path(path), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	weeks := time.Now().Add(-8 * 24 * time.Hour)
	for _, path := range []string{s.path(part(old)), held.path} {
		if err := os.Chtimes(path, weeks, weeks); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Repair(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		part(old): false, "ingest/new-X": false, "leases/dead": false, ".atomic-index.json-1": false, ".atomic-oci-layout-2": false,
		part(young): true, part(held.want): true, strings.TrimPrefix(l.path, s.Dir()+"/"): true, ".atomic-another-3": true,
	} {
		if _, err := os.Lstat(s.path(path)); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %v", path, err, want)
		}
	}
}

func TestSweepMany(t *testing.T) {
	s := Open(t.TempDir())
	store(t, s, "a", "a")
	for i := range 1000 { // as others left them: syncs would take the time
		b := fmt.Appendf(nil, "blob %d", i)
		if err := os.WriteFile(s.blobPath(string(describe("", b).Digest)[7:]), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if gone := sweep(t, s); len(gone) != 1000 {
		t.Errorf("swept %d", len(gone))
	}
	if got := findings(t, s); got != "" {
		t.Error(got)
	}
}

func TestVerify(t *testing.T) {
	s := Open(t.TempDir())
	a, b, c := store(t, s, "a", "a"), store(t, s, "b", "b"), store(t, s, "c", "c")
	path := func(d ocispec.Descriptor) string { return s.blobPath(string(d.Digest)[7:]) }
	for _, err := range []error{flip(path(a.all[0])), os.Truncate(path(b.all[1]), 5), os.Remove(path(c.all[2])), os.Remove(path(a.all[2]))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got := findings(t, s)
	for _, want := range []string{
		fmt.Sprintf(" %s: blob %[1]s: its bytes have the digest", a.all[0].Digest),
		fmt.Sprintf("b %s: blob %[1]s has 5 bytes, not 3072", b.all[1].Digest),
		fmt.Sprintf(" %s: blob %[1]s: its bytes", b.all[1].Digest),
		fmt.Sprintf("c %s: blob: open ", c.all[2].Digest), fmt.Sprintf("a %s: blob: open ", a.all[2].Digest),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q among\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n") + 1; n != 5 {
		t.Errorf("%d findings:\n%s", n, got)
	}
	for _, d := range []ocispec.Descriptor{a.all[0], b.all[1]} {
		if gone, err := s.Discard(t.Context(), d.Digest); err != nil || !gone {
			t.Errorf("%v, %v", gone, err)
		}
	}
	if gone, err := s.Discard(t.Context(), c.all[0].Digest); err != nil || gone {
		t.Errorf("a good blob: %v, %v", gone, err)
	}
	for _, p := range []string{"a", "b", "c"} { // fetched again, all is well
		store(t, s, p, p)
	}
	if got := findings(t, s); got != "" {
		t.Error(got)
	}
}

// A lease that was left is told of until somebody sweeps, one that ended is not.
func TestAbandoned(t *testing.T) {
	s := Open(t.TempDir())
	abandoned := func(want bool) {
		t.Helper()
		if got, err := s.Abandoned(); err != nil || got != want {
			t.Errorf("abandoned: %v, %v", got, err)
		}
	}
	abandoned(false)
	l, err := s.Lease()
	if err != nil {
		t.Fatal(err)
	}
	put(t, l, "", []byte("text"))
	abandoned(false)
	if err := l.Leave(); err != nil {
		t.Fatal(err)
	}
	abandoned(true)
	abandoned(true)
	if gone := sweep(t, s); len(gone) != 1 {
		t.Errorf("swept %q", gone)
	}
	abandoned(false)
}
