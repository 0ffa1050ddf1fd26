package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mydocker/internal/atomicfile"
	"mydocker/internal/filelock"
	"mydocker/internal/ocispec"
)

// stack makes layers with a file each, and their image: as a pull does.
func stack(t *testing.T, s *Store, name string, layers ...int) Image {
	t.Helper()
	img, err := s.Put(unpacked(t, s, name, layers...))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func unpacked(t *testing.T, s *Store, name string, layers ...int) New {
	t.Helper()
	// The blanks are part of what the ID is the digest of.
	raw := fmt.Sprintf("{ \"author\": \"<%s>\",\n  \"rootfs\": {\"type\": \"layers\", \"diff_ids\": [", name)
	var diffIDs []ocispec.Digest
	for i, n := range layers {
		diffIDs = digests(diffIDs, layerID(n))
		raw += strings.Repeat(",", min(i, 1)) + strconv.Quote(layerID(n))
	}
	chain, err := ChainIDs(diffIDs)
	if err != nil {
		t.Fatal(err)
	}
	n := New{Config: []byte(raw + "]}}\n"), Name: name}
	for i, id := range chain {
		if err := os.MkdirAll(s.LayerDir(id)+"/diff", 0o755); err != nil {
			t.Fatal(err)
		}
		text := strings.Repeat("x", 5000*(i+1))
		if err := os.WriteFile(s.LayerDir(id)+"/diff/file", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		n.Layers = append(n.Layers, Layer{DiffID: string(diffIDs[i]), Bytes: int64(len(text))})
	}
	return n
}

// The digests are those of the image specification's own tool chain.
func TestChainIDs(t *testing.T) {
	got, err := ChainIDs([]ocispec.Digest{"sha256:" + ocispec.Digest(strings.Repeat("a", 64)), "sha256:" + ocispec.Digest(strings.Repeat("b", 64))})
	out, _ := exec.Command("sh", "-c", "printf %s "+strconv.Quote("sha256:"+strings.Repeat("a", 64)+" sha256:"+strings.Repeat("b", 64))+" | sha256sum").Output()
	if err != nil || len(got) != 2 || got[0] != "sha256:"+strings.Repeat("a", 64) || got[1] != "sha256:"+string(out[:64]) {
		t.Errorf("%q, %v, want %s", got, err, out)
	}
	for _, wrong := range []ocispec.Digest{"", "sha256:", "sha512:" + ocispec.Digest(strings.Repeat("a", 128)), "sha256:../" + ocispec.Digest(strings.Repeat("a", 61)), ocispec.Digest(strings.Repeat("a", 64))} {
		if _, err := ChainIDs([]ocispec.Digest{wrong}); err == nil {
			t.Errorf("took %q", wrong)
		}
	}
}

func TestPut(t *testing.T) {
	s := Open(t.TempDir())
	n := unpacked(t, s, "app", 1, 2, 3)
	img, err := s.Put(n)
	if err != nil {
		t.Fatal(err)
	}
	if img.ID != digest(n.Config) || img.Size != 30000 || len(img.Lowers) != 3 || len(img.Layers) != 3 || img.Config.Author != "<app>" {
		t.Errorf("%+v", img)
	}
	for i, dir := range img.Lowers {
		if fi, err := os.Stat(dir + "/file"); err != nil || fi.Size() != int64(5000*(3-i)) {
			t.Errorf("lower %d is %s: %v", i, dir, err)
		}
	}
	if img.Lowers[2] != s.LayerDir(layerID(1))+"/diff" || img.Lowers[1] == s.LayerDir(layerID(2))+"/diff" {
		t.Errorf("not by chain: %q", img.Lowers)
	}
	got, err := s.Resolve("app")
	if err != nil || !slices.Equal(got.Layers, img.Layers) || !slices.Equal(got.Lowers, img.Lowers) {
		t.Errorf("%+v, %v", got, err)
	}
}

// What an opaque layer hides is not mounted.
func TestPutOpaque(t *testing.T) {
	s := Open(t.TempDir())
	n := unpacked(t, s, "app", 1, 2, 3)
	n.Layers[1].Opaque = true
	img, err := s.Put(n)
	if err != nil || len(img.Lowers) != 2 || len(img.Layers) != 3 || img.Lowers[1] != s.LayerDir(img.Layers[1].ChainID)+"/diff" {
		t.Errorf("%+v, %v", img, err)
	}
}

func TestPutErrors(t *testing.T) {
	for want, change := range map[string]func(s *Store, n *New){
		"is not unpacked":               func(s *Store, n *New) { os.Rename(s.LayerDir(layerID(1)), s.LayerDir(layerID(7))) },
		"its configuration tells of 2":  func(_ *Store, n *New) { n.Layers = n.Layers[:1] },
		"layer 1 is " + layerID(9):      func(_ *Store, n *New) { n.Layers[1].DiffID = layerID(9) },
		"is of type \"\", not layers":   func(_ *Store, n *New) { n.Config = []byte(`{}`) },
		"unexpected end of JSON input":  func(_ *Store, n *New) { n.Config = []byte(`{`) },
		"at most 8388608 are kept":      func(_ *Store, n *New) { n.Config = make([]byte, maxConfig+1) },
		"at most 500 can be mounted":    func(_ *Store, n *New) { n.Layers = make([]Layer, 501) },
		"belongs to the embedded image": func(_ *Store, n *New) { n.Name = "host" },
	} {
		s := Open(t.TempDir())
		n := unpacked(t, s, "app", 1, 2)
		change(s, &n)
		if _, err := s.Put(n); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if all, err := s.List(); err != nil || len(all) != 1 {
			t.Errorf("%s: left %+v, %v", want, all, err)
		}
	}
}

// Layers below that two images share stay until the second goes; those that have
// the same archive on top of others are not the same.
func TestRemoveChains(t *testing.T) {
	s := Open(t.TempDir())
	stack(t, s, "a", 1, 2, 3)
	stack(t, s, "b", 1, 2, 4)
	stack(t, s, "c", 4, 3)
	for i, want := range []int{6, 5, 3, 0} {
		if got := len(layers(t, s)); got != want {
			t.Errorf("%d layers before step %d, want %d", got, i, want)
		}
		if i == 3 {
			break
		}
		name := []string{"a", "c", "b"}[i]
		done, err := s.Remove(name, false, nil)
		if err != nil || len(done) != 2+[]int{1, 2, 3}[i] {
			t.Errorf("%s: %+v, %v", name, done, err)
		}
	}
}

// What is unpacked and has no image yet outlives removals and repairs while
// somebody has its lock, as package chain takes it.
func TestLayersInUse(t *testing.T) {
	s := Open(t.TempDir())
	stack(t, s, "old", 1, 2)
	n := unpacked(t, s, "new", 1, 3)
	chain, err := ChainIDs(digests(digests[ocispec.Digest](nil, layerID(1)), layerID(3)))
	if err != nil {
		t.Fatal(err)
	}
	var locks []*filelock.Held
	for _, id := range chain {
		l, err := filelock.RLock(s.LayerDir(id) + ".lock")
		if err != nil {
			t.Fatal(err)
		}
		locks = append(locks, l)
	}
	if _, err := s.Remove("old", false, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Repair(); err != nil || len(layers(t, s)) != 4 { // with two locks
		t.Errorf("%v, %q", err, layers(t, s))
	}
	if _, err := s.Put(n); err != nil {
		t.Error(err)
	}
	for _, l := range locks {
		l.Close()
	}
	if err := s.Repair(); err != nil || len(layers(t, s)) != 2 {
		t.Errorf("%v, %q", err, layers(t, s))
	}
	if _, err := s.Resolve("new"); err != nil {
		t.Error(err)
	}
}

// Images of the version before, which had one layer, are there still.
func TestSingleLayerRecord(t *testing.T) {
	s := Open(t.TempDir())
	img := add(t, s, "a", 1, "")
	raw, _ := json.Marshal(config(1, ""))
	old := fmt.Sprintf(`{"version":1,"config":%s,"size":7}`, raw)
	if err := atomicfile.Write(s.recordPath(img.ID), []byte(old), 0o600, false); err != nil {
		t.Fatal(err)
	}
	got, err := s.Resolve("a")
	if err != nil || got.Size != 7 || !slices.Equal(got.Lowers, img.Lowers) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.Repair(); err != nil || len(layers(t, s)) != 1 {
		t.Errorf("%v, %q", err, layers(t, s))
	}
}

// duSays is what the tool counts.
func duSays(t *testing.T, paths ...string) int64 {
	t.Helper()
	out, err := exec.Command("du", append([]string{"-sc", "--block-size=1"}, paths...)...).Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	n, perr := strconv.ParseInt(strings.Fields(lines[len(lines)-1])[0], 10, 64)
	if err := errors.Join(err, perr); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestUsage(t *testing.T) {
	s := Open(t.TempDir())
	if u, err := s.Usage(nil); err != nil || u.Total != 0 || len(u.Images) != 0 {
		t.Errorf("of nothing: %+v, %v", u, err)
	}
	a, b := stack(t, s, "a", 1, 2), stack(t, s, "b", 1, 3)
	// A file of two names takes its blocks once, a hole none.
	diff := s.LayerDir(a.Layers[1].ChainID) + "/diff"
	if err := errors.Join(os.Link(diff+"/file", diff+"/second"), os.WriteFile(diff+"/hole", nil, 0o600), os.Truncate(diff+"/hole", 1<<30)); err != nil {
		t.Fatal(err)
	}
	u, err := s.Usage(func(id string) []string { return map[string][]string{a.ID: {"c1"}}[id] })
	if err != nil || len(u.Images) != 2 {
		t.Fatalf("%+v, %v", u, err)
	}
	if want := duSays(t, s.path(""), s.LayerDir("")); u.Total != want {
		t.Errorf("total %d, du says %d", u.Total, want)
	}
	dir := func(img Image, layer int) string { return s.LayerDir(img.Layers[layer].ChainID) }
	if want := duSays(t, dir(b, 1)); u.Reclaimable != want {
		t.Errorf("reclaimable %d, du says %d", u.Reclaimable, want)
	}
	for _, iu := range u.Images {
		if shared, unique := duSays(t, dir(iu.Image, 0)), duSays(t, dir(iu.Image, 1)); iu.Shared != shared || iu.Unique != unique {
			t.Errorf("%v: %d shared, %d alone, du says %d, %d", iu.Image.Names, iu.Shared, iu.Unique, shared, unique)
		}
	}
	if u.Images[0].Users+u.Images[1].Users != 1 {
		t.Errorf("%+v", u.Images)
	}
}

// Of an import the size on the disk is known without a look.
func TestCommitMeasures(t *testing.T) {
	s := Open(t.TempDir())
	img := add(t, s, "a", 1, "")
	if want := duSays(t, s.LayerDir(layerID(1))); img.Disk != want {
		t.Errorf("%d, du says %d", img.Disk, want)
	}
}

func TestPrune(t *testing.T) {
	s := Open(t.TempDir())
	named, used, bare := stack(t, s, "named", 1, 2), stack(t, s, "", 1, 3), stack(t, s, "x", 4)
	stack(t, s, "x", 5) // takes the name of the one before
	users := func(id string) []string { return map[string][]string{used.ID: {"c"}}[id] }
	want := duSays(t, s.LayerDir(bare.Layers[0].ChainID))
	p, err := s.Prune(false, nil, users)
	if err != nil || p.Bytes != want || printed(p.Done, nil) != "deleted "+bare.ID+" deleted "+layerID(4) {
		t.Errorf("%+v, %v, du said %d", p, err, want)
	}
	only := func(img Image) bool { return slices.Contains(img.Names, "named:latest") }
	p, err = s.Prune(true, only, users)
	if err != nil || printed(p.Done, nil) != "untagged named:latest deleted "+named.ID+" deleted "+named.Layers[1].ChainID {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = s.Prune(true, nil, users)
	if err != nil || len(p.Done) != 3 {
		t.Errorf("%+v, %v", p, err)
	}
	if all, err := s.List(); err != nil || len(all) != 2 || all[0].ID != used.ID {
		t.Errorf("%+v, %v", all, err)
	}
}
