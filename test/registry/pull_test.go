package registry_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"mydocker/content"
	"mydocker/image"
	"mydocker/internal/ocispec"
	"mydocker/internal/testenv"
	"mydocker/layer/chain"
)

// threeLayers is an image with whiteouts of both kinds, and a configuration that
// tells of itself.
func threeLayers(t *testing.T, l *layout) ocispec.Descriptor {
	c := ocispec.Image{Config: ocispec.ImageConfig{User: "worker", Env: []string{"PATH=/bin", "COLOUR=blue"}, WorkingDir: "/data",
		Entrypoint: []string{"/bin/sh", "-c"}, Cmd: []string{"busybox id -un; echo $COLOUR; pwd; busybox find /data /etc | busybox sort"},
		Labels: map[string]string{"kind": "test"}, StopSignal: "SIGQUIT"}}
	return l.image(c, busybox(t),
		[]file{{name: "data/"}, {name: "data/kept", text: "1"}, {name: "data/gone", text: "2"}, {name: "data/dir/"}, {name: "data/dir/below", text: "3"}},
		[]file{{name: "data/"}, {name: "data/.wh.gone"}, {name: "data/dir/"}, {name: "data/dir/.wh..wh..opq"}, {name: "data/dir/above", text: "4"}})
}

const threeLayersSays = `worker
blue
/data
/data
/data/dir
/data/dir/above
/data/kept
/etc
`

// whole fails for anything in the store that is not as it should be.
func (u *user) whole() {
	u.t.Helper()
	s, layers := content.Open(u.root), chain.Open(u.root)
	err := s.Verify(context.Background(), func(f content.Finding) { u.t.Errorf("%s %s: %v", f.Name, f.Digest, f.Err) })
	if err != nil {
		u.t.Error(err)
	}
	verify := func(ctx context.Context, l image.Layer) error {
		findings, err := layers.Verify(ctx, l.ChainID, true)
		for _, f := range findings {
			u.t.Error(f)
		}
		return err
	}
	if err := image.Open(u.root).Check(context.Background(), verify, func(f image.Finding) { u.t.Errorf("%s: %v", f.Subject, f.Problem) }); err != nil {
		u.t.Error(err)
	}
}

// stored lists what takes space in the store: blobs, parts of them, layers.
func (u *user) stored() (all []string) {
	for _, pattern := range []string{"image/blobs/sha256/*", "image/ingest/*", "image/leases/*", "layers/*", "image/records/*"} {
		found, err := filepath.Glob(filepath.Join(u.root, pattern))
		if err != nil {
			u.t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

func TestPull(t *testing.T) {
	u := newUser(t, testenv.RegistryOptions{})
	testenv.Leaks(t)
	l := newLayout(t)
	d, name := threeLayers(t, l), u.machine.Host+"/team/app"
	l.push(d, name+":latest")

	out, code := u.do("", "pull", name)
	want := regexp.MustCompile(`^Using default tag: latest\nlatest: Pulling from team/app\n` +
		`([0-9a-f]{12}: (Pulling fs layer|Download complete|Pull complete)\n){9}` +
		`Digest: ` + string(d.Digest) + "\nStatus: Downloaded newer image for " + name + ":latest\n" + name + ":latest\n$")
	if code != 0 || !want.MatchString(out) {
		t.Fatalf("%d %s", code, out)
	}
	u.whole()
	if out, code := u.do("", "run", "--rm", "--network", "none", name); code != 0 || !strings.HasPrefix(out, threeLayersSays) {
		t.Errorf("%d %s", code, out)
	}
	u.says(0, "Status: Image is up to date for "+name+":latest\n", "", "pull", name)
	u.says(0, ": Already exists\n", "", "pull", name)
	u.says(0, name+"@"+string(d.Digest), "", "inspect", "--format", "{{.RepoDigests}}", name)
	out, code = u.do("", "pull", "-q", name)
	if code != 0 || out != name+":latest\n" {
		t.Errorf("%d %q", code, out)
	}
	// Other tools find it by its name.
	if out, err := exec.Command("skopeo", "inspect", "--raw", "oci:"+u.root+"/image:"+name+":latest").CombinedOutput(); err != nil || digest(out) != d.Digest {
		t.Errorf("%v %s", err, out)
	}
	out, code = u.do("", "rmi", name)
	if code != 0 || !strings.HasPrefix(out, "Untagged: "+name+":latest\nUntagged: "+name+"@"+string(d.Digest)+"\nDeleted: sha256:") {
		t.Errorf("%d %s", code, out)
	}
	if left := u.stored(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestPullByDigest(t *testing.T) {
	u := newUser(t, testenv.RegistryOptions{})
	testenv.Leaks(t)
	l := newLayout(t)
	d, name := threeLayers(t, l), u.machine.Host+"/app"
	l.push(d, name+":1")
	pinned := name + "@" + string(d.Digest)
	u.says(0, "Status: Downloaded newer image for "+pinned+"\n"+pinned+"\n", "", "pull", name+":1@"+string(d.Digest))
	u.says(0, threeLayersSays, "", "run", "--rm", "--network", "none", "--pull", "never", pinned)
	u.says(0, name+"|<none>|"+string(d.Digest)+"\n", "", "images", "--digests", "--format", "{{.Repository}}|{{.Tag}}|{{.Digest}}", name)
	u.says(0, "DIGEST ", "", "images", "--digests")
	u.says(0, "[]\n", "", "inspect", "--format", "{{.RepoTags}}", pinned)
	u.says(1, "manifest unknown", "", "pull", name+"@sha256:"+strings.Repeat("0", 64))
	// With a tag it is the same image.
	u.says(0, "Downloaded newer image", "", "pull", name+":1")
	u.says(0, "Image is up to date", "", "pull", name+":1")
	u.says(0, name+"|1|"+string(d.Digest)+"\n", "", "images", "--format", "{{.Repository}}|{{.Tag}}|{{.Digest}}", name)
	u.says(0, "Untagged: "+name+":1\nUntagged: "+pinned+"\nDeleted", "", "rmi", name+":1")
	u.whole()
	if left := u.stored(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestPullPlatforms(t *testing.T) {
	u := newUser(t, testenv.RegistryOptions{})
	testenv.Leaks(t)
	l := newLayout(t)
	other := ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: "s390x"}}
	index := ocispec.Index{SchemaVersion: 2, MediaType: ocispec.MediaTypeIndex}
	index.Manifests = []ocispec.Descriptor{threeLayers(t, l), l.image(other, []file{{name: "only", text: "there"}})}
	name := u.machine.Host + "/app"
	l.push(l.document(ocispec.MediaTypeIndex, index), name+":1")
	l.push(index.Manifests[1], name+":other")

	u.says(0, "Downloaded newer", "", "pull", name+":1")
	u.says(0, "amd64\n", "", "inspect", "--format", "{{.Architecture}}", name+":1")
	u.says(1, "no matching manifest for linux/arm/v7 in the manifest list entries", "", "pull", "--platform", "linux/arm/v7", name+":1")
	u.whole()
	u.says(0, "Downloaded newer", "", "pull", "--platform", "linux/s390x", name+":1")
	u.says(0, "s390x\n", "", "inspect", "--format", "{{.Architecture}}", name+":1")
	u.whole()
	// The image of this platform comes back to its name.
	u.says(125, "does not match the specified platform", "", "run", "--rm", "--pull", "never", "--platform", "linux/amd64", name+":1")
	u.says(0, "blue\n", "", "run", "--rm", "--network", "none", "--platform", "linux/amd64", name+":1")
	u.says(0, "does not match the detected host platform", "", "pull", name+":other")
	u.says(1, "does not match the specified platform: wanted linux/amd64, actual: linux/s390x", "", "pull", "--platform", "amd64", name+":other")
	u.whole()
	u.says(0, "Total reclaimed space", "", "image", "prune", "-a", "-f")
	if left := u.stored(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// tamper changes a byte of a blob in the registry's storage.
func (u *user) tamper(d ocispec.Digest) {
	u.t.Helper()
	digits := strings.TrimPrefix(string(d), "sha256:")
	path := filepath.Join(u.machine.Dir, "data/docker/registry/v2/blobs/sha256", digits[:2], digits, "data")
	b, err := os.ReadFile(path)
	if err != nil {
		u.t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		u.t.Fatal(err)
	}
}

func TestPullTampered(t *testing.T) {
	u := newUser(t, testenv.RegistryOptions{})
	testenv.Leaks(t)
	l := newLayout(t)
	name := u.machine.Host + "/app"
	d := l.image(ocispec.Image{}, []file{{name: "a", text: "1"}}, []file{{name: "b", text: strings.Repeat("2", 1000)}})
	l.push(d, name)
	layer, _ := l.layer(file{name: "b", text: strings.Repeat("2", 1000)})
	u.tamper(layer.Digest)
	u.says(1, string(layer.Digest), "", "pull", name)
	if left := u.stored(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	u.tamper(layer.Digest) // back
	u.says(0, "Downloaded newer", "", "pull", name)
	u.whole()
}

// A configuration that tells of other layers, and a layer that is not what it says.
func TestPullContradictions(t *testing.T) {
	u := newUser(t, testenv.RegistryOptions{})
	testenv.Leaks(t)
	l := newLayout(t)
	layer, diffID := l.layer(file{name: "a", text: "1"})
	_, wrong := l.layer(file{name: "b", text: "2"})
	for want, diffIDs := range map[string][]ocispec.Digest{
		"its manifest has 1 layers, its configuration tells of 2": {diffID, wrong},
		"the layer has another digest":                            {wrong},
		"is no sha256 digest":                                     {"md5:0"},
	} {
		c := ocispec.Image{RootFS: ocispec.RootFS{Type: "layers", DiffIDs: diffIDs}}
		m := ocispec.Manifest{SchemaVersion: 2, MediaType: ocispec.MediaTypeManifest, Layers: []ocispec.Descriptor{layer}, Config: l.document(ocispec.MediaTypeConfig, c)}
		l.push(l.document(ocispec.MediaTypeManifest, m), u.machine.Host+"/app")
		u.says(1, want, "", "pull", u.machine.Host+"/app")
		if left := u.stored(); len(left) > 0 {
			t.Errorf("%s: left: %q", want, left)
		}
	}
}

// Parts of layers that a killed pull left: one is gone on with, one is wrong.
func TestPullResumes(t *testing.T) {
	u := newUser(t, testenv.RegistryOptions{})
	testenv.Leaks(t)
	l := newLayout(t)
	name := u.machine.Host + "/app"
	texts := []string{strings.Repeat("1", 5000), strings.Repeat("2", 5000)}
	l.push(l.image(ocispec.Image{}, []file{{name: "a", text: texts[0]}}, []file{{name: "b", text: texts[1]}}), name)
	u.do("", "pull", u.machine.Host+"/other") // makes the store
	for i, n := range []string{"a", "b"} {
		d, _ := l.layer(file{name: n, text: texts[i]})
		digits := strings.TrimPrefix(string(d.Digest), "sha256:")
		part, err := os.ReadFile(filepath.Join(l.dir, "blobs/sha256", digits))
		if err != nil {
			t.Fatal(err)
		}
		part = part[:len(part)/2]
		part[0] ^= byte(i)
		if err := os.WriteFile(filepath.Join(u.root, "image/ingest", digits), part, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	u.says(0, "Downloaded newer", "", "pull", name)
	u.whole()
	for status, want := range map[string]int{"206": 2, "200": 2} { // the rests; the wrong one again, and the configuration
		if n := u.sent(status); n != want {
			t.Errorf("%d answers with %s, not %d", n, status, want)
		}
	}
}

// sent counts the blobs that the registry sent to us.
func (u *user) sent(status string) int {
	u.t.Helper()
	log, err := os.ReadFile(filepath.Join(u.machine.Dir, "log"))
	if err != nil {
		u.t.Fatal(err)
	}
	line := regexp.MustCompile(`http.request.method=GET .*/blobs/.*useragent=mydocker/.*http.response.status=` + status)
	return len(line.FindAll(log, -1))
}

func TestPullAllTags(t *testing.T) {
	u := newUser(t, testenv.RegistryOptions{})
	testenv.Leaks(t)
	l := newLayout(t)
	d, name := threeLayers(t, l), u.machine.Host+"/app"
	l.push(d, name+":1")
	l.push(d, name+":2")
	u.says(1, "tag can't be used with --all-tags/-a", "", "pull", "-a", name+":1")
	u.says(0, "Status: Downloaded newer image for "+name+"\n"+name+"\n", "", "image", "pull", "-a", name)
	u.says(0, "1\n2\n", "", "images", "--format", "{{.Tag}}", name)
	u.whole()
}

func TestPullTwice(t *testing.T) {
	u := newUser(t, testenv.RegistryOptions{})
	testenv.Leaks(t)
	l := newLayout(t)
	name := u.machine.Host + "/app"
	l.push(threeLayers(t, l), name)
	u.do("", "version") // builds it
	var both sync.WaitGroup
	for range 4 {
		both.Go(func() { u.says(0, "Digest: ", "", "pull", name) })
	}
	both.Wait()
	u.whole()
	if n := u.sent("200"); n != 4 {
		t.Errorf("%d blobs were sent, not three layers and a configuration", n)
	}
	u.says(0, threeLayersSays, "", "run", "--rm", "--network", "none", name)
}

func TestRunPulls(t *testing.T) {
	u := newUser(t, testenv.RegistryOptions{})
	testenv.Leaks(t)
	l := newLayout(t)
	name := u.machine.Host + "/app"
	u.says(125, "manifest unknown", "", "run", "--rm", name)
	u.says(125, "No such image", "", "run", "--rm", "--pull", "never", name)
	l.push(threeLayers(t, l), name)
	u.says(0, "", "", "pull", "-q", name)
	u.says(125, "hint: did you mean "+name, "", "run", "--rm", strings.TrimSuffix(name, "p"))
	u.says(0, "", "", "rmi", name)
	out, errs, code := u.apart("run", "--rm", "--network", "none", name, "echo hello")
	if code != 0 || out != "hello\n" || !strings.HasPrefix(errs, "Unable to find image '"+name+":latest' locally\nlatest: Pulling from app\n") ||
		!strings.HasSuffix(errs, name+":latest\n") {
		t.Errorf("%d %q %s", code, out, errs)
	}
	if out, errs, code = u.apart("run", "--rm", "--network", "none", name, "echo hello"); code != 0 || out != "hello\n" || errs != "" {
		t.Errorf("%d %q %s", code, out, errs)
	}
	l.push(l.image(ocispec.Image{Config: ocispec.ImageConfig{Cmd: []string{"/bin/sh", "-c", "echo new"}}}, busybox(t)), name)
	if out, _, code = u.apart("run", "--rm", "--network", "none", "--pull", "always", "-q", name); code != 0 || out != "new\n" {
		t.Errorf("%d %q", code, out)
	}
	if _, _, code = u.apart("create", "--pull", "always", name); code != 0 {
		t.Error(code)
	}
	u.says(0, "", "", "container", "prune", "-f")
	u.whole()
}
