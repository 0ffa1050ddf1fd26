package content

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"mydocker/internal/ocispec"
)

// run executes another program that knows layouts.
func run(t *testing.T, argv ...string) string {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		t.Skipf("%s is not installed", argv[0])
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v\n%s%s", argv, err, out, &stderr)
	}
	return string(out)
}

const fullName = "docker.io/library/alpine:latest"

func TestSkopeoReads(t *testing.T) {
	s := Open(t.TempDir())
	p := store(t, s, fullName, "a")
	store(t, s, "localhost:5000/a/b:1.0_x", "b")
	store(t, s, "", "nameless")
	for _, name := range []string{fullName, "localhost:5000/a/b:1.0_x"} {
		var seen struct{ Layers []ocispec.Digest }
		if err := json.Unmarshal([]byte(run(t, "skopeo", "inspect", "oci:"+s.Dir()+":"+name)), &seen); err != nil || len(seen.Layers) != 2 {
			t.Errorf("%s: %v, %v", name, seen, err)
		}
	}
	to := t.TempDir()
	run(t, "skopeo", "copy", "oci:"+s.Dir()+":"+fullName, "dir:"+to)
	if b, err := os.ReadFile(to + "/" + string(p.all[1].Digest)[7:]); err != nil || !bytes.Equal(b, p.texts[1]) {
		t.Errorf("skopeo copied %q, %v", b, err)
	}
}

func TestSkopeoWrites(t *testing.T) {
	s, other := Open(t.TempDir()), Open(t.TempDir())
	store(t, s, "a", "a")
	store(t, other, "b", "b")
	run(t, "skopeo", "copy", "oci:"+other.Dir()+":b", "oci:"+s.Dir()+":"+fullName)
	x, err := s.Index()
	if err != nil {
		t.Fatal(err)
	}
	d, ok := x.Find(fullName)
	if !ok {
		t.Fatalf("names %q", names(t, s))
	}
	if _, err := s.Manifest(d); err != nil {
		t.Error(err)
	}
	if gone, err := s.Sweep(); err != nil || len(gone) != 0 {
		t.Errorf("swept %v, %v", gone, err)
	}
	if got := findings(t, s); got != "" {
		t.Error(got)
	}
	if _, ok := x.Find("a"); !ok {
		t.Error("our own name is gone")
	}
	// And back: what it wrote is changed here and still read there.
	change(t, s, func(x *Index) { x.Set("c", d) })
	run(t, "skopeo", "inspect", "oci:"+s.Dir()+":"+fullName)
	run(t, "skopeo", "inspect", "oci:"+s.Dir()+":c")
}

// A layout that skopeo made from nothing is a store.
func TestSkopeoMakes(t *testing.T) {
	s, other := Open(t.TempDir()), Open(t.TempDir())
	store(t, other, "b", "b")
	run(t, "skopeo", "copy", "oci:"+other.Dir()+":b", "oci:"+s.Dir()+":b")
	if got := findings(t, s); got != "" || names(t, s) != "b" {
		t.Errorf("%s, names %q", got, names(t, s))
	}
	store(t, s, "c", "c")
	if got := names(t, s); got != "b c" {
		t.Errorf("names %q", got)
	}
}

func TestUmoci(t *testing.T) {
	s := Open(t.TempDir())
	store(t, s, "old", "a")
	if got := strings.Fields(run(t, "umoci", "list", "--layout", s.Dir())); len(got) != 1 || got[0] != "old" {
		t.Errorf("umoci lists %q", got)
	}
	run(t, "umoci", "new", "--image", s.Dir()+":mine")
	run(t, "umoci", "config", "--image", s.Dir()+":old", "--tag", "changed", "--config.user", "1000")
	x, err := s.Index()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"old", "mine", "changed"} {
		d, ok := x.Find(name)
		if !ok {
			t.Errorf("%s is not there", name)
			continue
		}
		m, err := s.Manifest(d)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.ReadAll(m.Config, MaxConfig); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	l := lease(t, s) // what a running command has does not trouble umoci
	if err := l.Hold(x.Entries[0].Descriptor); err != nil {
		t.Fatal(err)
	}
	run(t, "umoci", "gc", "--layout", s.Dir())
	if got := findings(t, s); got != "" {
		t.Error(got)
	}
	store(t, s, "new", "n")
	run(t, "umoci", "stat", "--image", s.Dir()+":new")
}
