package content

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"mydocker/internal/ocispec"
)

func TestNames(t *testing.T) {
	d1, d2 := describe(ocispec.MediaTypeManifest, []byte("1")), describe(ocispec.MediaTypeManifest, []byte("2"))
	d1.Annotations = map[string]string{"k": "v", RefName: "other"}
	tell := func(x *Index) string {
		var all []string
		for _, e := range x.Entries {
			which := map[ocispec.Digest]string{d1.Digest: "1", d2.Digest: "2"}[e.Digest]
			if e.Digest == d1.Digest && e.Annotations["k"] != "v" {
				t.Errorf("an annotation is lost: %+v", e)
			}
			all = append(all, e.Name()+"="+which)
		}
		return strings.Join(all, " ")
	}
	x := &Index{}
	for _, step := range []struct {
		what string
		do   func()
		want string
	}{
		{"add", func() { x.Add(d1) }, "=1"},
		{"add again", func() { x.Add(d1) }, "=1"},
		{"name", func() { x.Set("a", d1) }, "a=1"},
		{"name again", func() { x.Set("a", d1) }, "a=1"},
		{"add named", func() { x.Add(d1) }, "a=1"},
		{"second name", func() { x.Set("b", d1) }, "a=1 b=1"},
		{"move", func() { x.Set("b", d2) }, "a=1 b=2"},
		{"move the last", func() { x.Set("a", d2) }, "=1 b=2 a=2"},
		{"empty name", func() { x.Set("", d1) }, "=1 b=2 a=2"},
		{"untag nobody", func() { x.Untag("c"); x.Untag("") }, "=1 b=2 a=2"},
		{"untag", func() { x.Untag("b") }, "=1 a=2"},
		{"untag the last", func() { x.Untag("a") }, "=1 =2"},
		{"name one", func() { x.Set("a", d1) }, "=2 a=1"},
		{"delete", func() { x.Delete(d2.Digest) }, "a=1"},
	} {
		if step.do(); tell(x) != step.want {
			t.Errorf("%s: %q, want %q", step.what, tell(x), step.want)
		}
	}
	if d, ok := x.Find("a"); !ok || d.Digest != d1.Digest {
		t.Errorf("%+v", d)
	}
	for _, n := range []string{"", "other"} {
		if _, ok := x.Find(n); ok {
			t.Errorf("found %q", n)
		}
	}
	if got := x.Delete(d1.Digest); len(got) != 1 || got[0] != "a" || d1.Annotations[RefName] != "other" {
		t.Errorf("names %q, the caller's annotations %q", got, d1.Annotations)
	}
}

// What others wrote, and this package does not know, is there after a change.
func TestChangeKeepsOthers(t *testing.T) {
	s := Open(t.TempDir())
	p := store(t, s, "a", "a")
	mine, err := json.Marshal(p.manifest)
	if err != nil {
		t.Fatal(err)
	}
	untouched := `{ "mediaType":"x/y","digest":"sha512:00","size":12345678901234567890123,"new":[1.0],"platform":{"os":"a","features":["sse4"]}}`
	untouched = strings.Replace(untouched, "12345678901234567890123", "5", 1)
	named := strings.TrimSuffix(string(mine), "}") + `,"data":"eA==","new":{"big":12345678901234567890},"annotations":{"org.opencontainers.image.ref.name":"b","k":"v"}}`
	text := `{"schemaVersion":2,"x":{"y":1e400},"manifests":[` + untouched + "," + named + `],"annotations":{"k":"v"}}`
	if err := os.WriteFile(s.path("index.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	change(t, s, func(x *Index) { x.Untag("b"); x.Set("c", p.manifest) })
	after, err := os.ReadFile(s.path("index.json"))
	if err != nil {
		t.Fatal(err)
	}
	compact := strings.Replace(untouched, "{ ", "{", 1)
	for _, want := range []string{compact, `"x":{"y":1e400}`, `"annotations":{"k":"v"}`} {
		if !strings.Contains(string(after), want) {
			t.Errorf("%s is lost in\n%s", want, after)
		}
	}
	// An entry that only lost its name keeps its fields.
	if err := os.WriteFile(s.path("index.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	change(t, s, func(x *Index) { x.Untag("b") })
	after, err = os.ReadFile(s.path("index.json"))
	for _, want := range []string{`"data":"eA=="`, `"new":{"big":12345678901234567890}`, `"annotations":{"k":"v"}`} {
		if err != nil || !strings.Contains(string(after), want) {
			t.Errorf("%s is lost in\n%s", want, after)
		}
	}
	if strings.Contains(string(after), RefName) {
		t.Errorf("the name is there still:\n%s", after)
	}
}

func TestChangeRefuses(t *testing.T) {
	s := Open(t.TempDir())
	p := store(t, s, "a", "a")
	before, err := os.ReadFile(s.path("index.json"))
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	if err := s.Change(func(x *Index) error { x.Delete(p.manifest.Digest); return stop }); err != stop {
		t.Error(err)
	}
	missing := compose(t, "missing").manifest
	err = s.Change(func(x *Index) error { x.Set("m", missing); return nil })
	contains(t, err, `name "m"`, string(missing.Digest)[7:], "no such file")
	wrong := compose(t, "a").all[0]
	wrong.Size++
	contains(t, s.Change(func(x *Index) error { x.Set("m", wrong); return nil }), "has 2048 bytes, not 2049")
	if after, err := os.ReadFile(s.path("index.json")); err != nil || string(after) != string(before) {
		t.Errorf("changed to %s, %v", after, err)
	}
	// What is missing already may be taken out, or stay.
	if err := os.Remove(s.blobPath(string(p.manifest.Digest)[7:])); err != nil {
		t.Fatal(err)
	}
	store(t, s, "b", "b")
	change(t, s, func(x *Index) { x.Untag("a") })
}

func TestChangeWritesOnlyChanges(t *testing.T) {
	s := Open(t.TempDir())
	store(t, s, "a", "a")
	before, err := os.Stat(s.path("index.json"))
	if err != nil {
		t.Fatal(err)
	}
	change(t, s, func(*Index) {})
	if after, err := os.Stat(s.path("index.json")); err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was replaced, %v", err)
	}
}

func TestChangeParallel(t *testing.T) {
	s := Open(t.TempDir())
	p := store(t, s, "a", "a")
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			change := func(x *Index) error { x.Set(fmt.Sprint("n", i), p.manifest); return nil }
			if err := Open(s.Dir() + "/..").Change(change); err != nil {
				t.Error(err)
			}
			if _, err := s.Index(); err != nil { // no lock, no half a file
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := strings.Fields(names(t, s)); len(got) != 17 {
		t.Errorf("names %q", got)
	}
}
