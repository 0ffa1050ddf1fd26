package engines_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"mydocker/internal/testenv"
)

// TestBuildah runs commands in a container that is being built.
func TestBuildah(t *testing.T) {
	b := newBed(t, "buildah")
	b.base = []string{"buildah", "--root", b.Dir + "/root", "--runroot", b.Dir + "/run", "--storage-driver", "overlay"}
	config := b.Dir + "/containers.conf"
	if err := os.WriteFile(b.Path(config), []byte(podmansDefaults), 0o644); err != nil {
		t.Fatal(err)
	}
	b.env = []string{"CONTAINERS_CONF=" + config, "BUILDAH_ISOLATION=oci"}
	name := b.want(0, "from", "scratch")
	b.want(0, "add", name, archive(t), "/")
	run := func(flags []string, command ...string) []string {
		words := append([]string{"run", "--runtime", b.runtime, "--network=none"}, flags...)
		return append(append(words, name, "--"), command...)
	}
	b.want(0, run(nil, "true")...)
	b.Leaks()
	b.says("hello", run(nil, "echo", "hello")...)
	b.want(3, run(nil, "sh", "-c", "exit 3")...)
	b.says("", run(nil, "sh", "-c", "echo kept >/file")...)
	b.says("kept", run(nil, "cat", "/file")...)
	b.says("65534 value", run([]string{"--user=65534", "--env=NAME=value"}, "sh", "-c", "echo $(id -u) $NAME")...)
	b.says("0000000000000000", run([]string{"--cap-drop=all"}, "awk", "/^CapEff/ { print $2 }", "/proc/self/status")...)
	if r := b.do(run(nil, "nosuch")...); r.code == 0 {
		t.Errorf("a program that is not there: %+v", r)
	}
	b.want(0, "rm", name)
}

// TestUmoci runs the bundle that umoci makes of an image.
func TestUmoci(t *testing.T) {
	b := newBed(t, "umoci")
	b.Leaks()
	image, bundle := t.TempDir(), filepath.Join(testenv.Dir(t), "bundle")
	newLayout(t, "latest").unfold(t, image)
	if out, err := exec.Command("umoci", "unpack", "--image", image+":latest", bundle).CombinedOutput(); err != nil {
		t.Fatalf("umoci: %v\n%s", err, out)
	}
	b.base = []string{b.runtime, "--root", b.Dir + "/runtime"}
	for _, c := range []struct {
		args []string
		out  string
		code int
	}{
		{[]string{"sh", "-c", "echo $FROM $(id -u) $PWD"}, "image 0 /", 0},
		{[]string{"sh", "-c", "exit 3"}, "", 3},
		{[]string{"sh", "-c", "touch /file && ls /file"}, "/file", 0},
	} {
		setArgs(t, filepath.Join(bundle, "config.json"), c.args)
		if out := b.want(c.code, "run", "--bundle", bundle, "box"); out != c.out {
			t.Errorf("%q: %q, want %q", c.args, out, c.out)
		}
	}
	b.says("", "list", "-q")
}

// setArgs changes what a bundle runs, and leaves the rest as umoci wrote it but
// for the terminal that there is not, and for a control group with a name.
func setArgs(t *testing.T, file string, args []string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var spec map[string]any
	if err := json.Unmarshal(data, &spec); err != nil {
		t.Fatal(err)
	}
	process := spec["process"].(map[string]any)
	process["args"], process["terminal"] = args, false
	spec["linux"].(map[string]any)["cgroupsPath"] = "/" + parent + "/box"
	if err := os.WriteFile(file, encode(t, spec), 0o644); err != nil {
		t.Fatal(err)
	}
}
