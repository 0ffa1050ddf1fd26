package importer

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mydocker/image"
	"mydocker/internal/ocispec"
	"mydocker/internal/testenv"
)

// archive is a root file system of one file.
func archive(t *testing.T, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "etc/motd", Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// stored lists what lies in layers/ below root.
func stored(root string) []string {
	list, _ := filepath.Glob(root + "/layers/*")
	return list
}

func TestImport(t *testing.T) {
	testenv.Root(t)
	testenv.Leaks(t)
	root := t.TempDir()
	s := image.Open(root)
	o := Options{Ref: "mine:1", Changes: []string{`CMD ["/bin/sh"]`}, Platform: "linux/arm64/v8"}
	img, err := Import(context.Background(), s, bytes.NewReader(archive(t, "hello")), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(img.Lowers) != 1 || img.Size != 5 || !cmp.Equal(img.Names, []string{"mine:1"}) || img.Created.IsZero() {
		t.Errorf("%+v", img)
	}
	c := img.Config
	if c.Architecture != "arm64" || c.Variant != "v8" || c.Config.Cmd[0] != "/bin/sh" || len(c.History) != 1 || c.History[0].Comment != "Imported from -" {
		t.Errorf("%+v", c)
	}
	if b, err := os.ReadFile(img.Lowers[0] + "/etc/motd"); string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
	if fi, err := os.Stat(img.Lowers[0]); err != nil || fi.Mode().Perm() != 0o755 {
		t.Errorf("the root: %v, %v", fi.Mode(), err)
	}
	got, err := s.Resolve("mine:1")
	if err != nil || !cmp.Equal(got, img) {
		t.Errorf("%v\n%s", err, cmp.Diff(img, got))
	}
	// The same files under another name are stored once.
	o.Ref, o.Message = "mine:2", "again"
	again, err := Import(context.Background(), s, bytes.NewReader(archive(t, "hello")), o)
	if err != nil || again.ID == img.ID || again.Lowers[0] != img.Lowers[0] || len(stored(root)) != 1 {
		t.Errorf("%+v, %v, %q", again, err, stored(root))
	}
	if again.Config.History[0].Comment != "again" {
		t.Error(again.Config.History)
	}
}

// Whatever goes wrong, there is no image, no layer and no half of one.
func TestImportFails(t *testing.T) {
	testenv.Root(t)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	whole := archive(t, strings.Repeat("x", 2000))
	for name, c := range map[string]struct {
		ctx  context.Context
		data []byte
		o    Options
		want string
	}{
		"truncated": {nil, whole[:1500], Options{Ref: "a"}, "ends too early"},
		"no tar":    {nil, bytes.Repeat([]byte("text"), 500), Options{Ref: "a"}, "no tar archive"},
		"cancelled": {cancelled, whole, Options{Ref: "a"}, "canceled"},
		"host":      {nil, whole, Options{Ref: "host"}, "embedded image"},
		"name":      {nil, whole, Options{Ref: "A"}, "must be lowercase"},
		"change":    {nil, whole, Options{Changes: []string{"RUN ls"}}, "RUN is not supported"},
		"platform":  {nil, whole, Options{Platform: "windows/amd64"}, "linux"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if c.ctx == nil {
				c.ctx = context.Background()
			}
			_, err := Import(c.ctx, image.Open(root), bytes.NewReader(c.data), c.o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			all, err := image.Open(root).List()
			if err != nil || len(all) != 1 || len(stored(root)) != 0 {
				t.Errorf("left %v, %q, %v", all, stored(root), err)
			}
		})
	}
}

// TestHelperImport is the program that TestKilledImport kills.
func TestHelperImport(t *testing.T) {
	root := os.Getenv("IMPORT_ROOT")
	if root == "" {
		t.Skip("is run by TestKilledImport")
	}
	_, err := Import(context.Background(), image.Open(root), os.Stdin, Options{Ref: "never"})
	t.Fatal("it was not killed: ", err)
}

func TestKilledImport(t *testing.T) {
	testenv.Root(t)
	root := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperImport$")
	cmd.Env = append(os.Environ(), "IMPORT_ROOT="+root)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	// A pipe holds 64 KiB and what reads ahead two buffers: once all this is
	// written, the import is in the middle of its file.
	data := archive(t, strings.Repeat("x", 4<<20))
	if _, err := w.Write(data[:2<<20]); err != nil {
		t.Fatal(err)
	}
	s := image.Open(root)
	if err := s.Repair(); err != nil || len(stored(root)) != 1 {
		t.Errorf("Repair took a live import's files: %v, %q", err, stored(root))
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it ended before it was killed")
	}
	if _, err := s.Resolve("never"); err == nil || len(stored(root)) != 1 {
		t.Errorf("after the kill: %v, %q", err, stored(root))
	}
	if err := s.Repair(); err != nil || len(stored(root)) != 0 {
		t.Errorf("after Repair: %v, %q", err, stored(root))
	}
}

func TestApply(t *testing.T) {
	var c ocispec.ImageConfig
	for _, line := range []string{
		"CMD\t[\"a\", \"b c\"]", `entrypoint exec "$0"`, `ENV A=1 B="two words" C='$A'`, `ENV OLD the rest`, `ENV A=$A:${B}x D=\$A`,
		`EXPOSE 80 53/udp 8000-8001`, `LABEL a.b=c "d e"=f`, `USER app:app`, `VOLUME ["/a b"]`, `VOLUME /c /d`,
		`WORKDIR /srv`, `WORKDIR x/../y`, `STOPSIGNAL SIGQUIT`,
	} {
		if err := Apply(&c, line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	none := struct{}{}
	want := ocispec.ImageConfig{
		Cmd: []string{"a", "b c"}, Entrypoint: []string{"/bin/sh", "-c", `exec "$0"`},
		Env:          []string{"A=1:two wordsx", "B=two words", "C=$A", "OLD=the rest", "D=$A"},
		ExposedPorts: map[string]struct{}{"80/tcp": none, "53/udp": none, "8000/tcp": none, "8001/tcp": none},
		Labels:       map[string]string{"a.b": "c", "d e": "f"}, User: "app:app",
		Volumes:    map[string]struct{}{"/a b": none, "/c": none, "/d": none},
		WorkingDir: "/srv/y", StopSignal: "SIGQUIT",
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}
}

// What the specification's configuration lacks is written as Docker writes it.
func TestApplyDocker(t *testing.T) {
	var c ocispec.ImageConfig
	for _, line := range []string{
		`SHELL ["/bin/bash", "-ec"]`, `CMD true && exec it`, `ONBUILD RUN make`, `ONBUILD COPY . /`,
		`HEALTHCHECK --interval=5s --timeout=1m  --start-period=2ms --start-interval=1s --retries=3 CMD wget -q "x y"`,
	} {
		if err := Apply(&c, line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	b, err := json.Marshal(c)
	want := `{"Cmd":["/bin/bash","-ec","true \u0026\u0026 exec it"],"Healthcheck":{"Test":["CMD-SHELL","wget -q \"x y\""],` +
		`"Interval":5000000000,"Timeout":60000000000,"StartPeriod":2000000,"StartInterval":1000000000,"Retries":3},` +
		`"Shell":["/bin/bash","-ec"],"OnBuild":["RUN make","COPY . /"]}`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v\nwant %s", b, err, want)
	}
	for line, want := range map[string][]string{`HEALTHCHECK none`: {"NONE"}, `HEALTHCHECK CMD ["a", "b"]`: {"CMD", "a", "b"}} {
		if err := Apply(&c, line); err != nil || !cmp.Equal(c.Healthcheck.Test, want) || c.Healthcheck.Retries != 0 {
			t.Errorf("%s: %+v, %v", line, c.Healthcheck, err)
		}
	}
}

func TestApplyErrors(t *testing.T) {
	for line, want := range map[string]string{
		"": "not supported", "RUN x": "RUN is not supported", "from x": "FROM is not supported", "CMD": "at least one argument",
		"ENV A": "no value", "ENV A=1 B": `"B" is not name=value`, "ENV =1": "not name=value", `LABEL a="b`: "not closed",
		"EXPOSE x": "not port", "EXPOSE 0": "not port", "EXPOSE 9-8": "not port", "EXPOSE 70000": "not port", "EXPOSE 80/icmp": "not port",
		"SHELL /bin/sh": "is a list", "SHELL []": "is a list", "ONBUILD ONBUILD RUN x": "not allowed", "ONBUILD from x": "FROM is not allowed",
		"HEALTHCHECK x": "write NONE", "HEALTHCHECK NONE x": "write NONE", "HEALTHCHECK CMD": "write NONE", "HEALTHCHECK CMD []": "is empty",
		"HEALTHCHECK --x=1 CMD a": "--x is not supported", "HEALTHCHECK --interval=1 CMD a": "no time", "HEALTHCHECK --timeout=1us CMD a": "no time",
		"HEALTHCHECK --retries=-1 CMD a": "no number", "HEALTHCHECK --interval=1s": "write NONE",
		"USER a b": "one argument", "STOPSIGNAL NOPE": "NOPE", `VOLUME [""]`: "not empty",
	} {
		if err := Apply(&ocispec.ImageConfig{}, line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

// A reader's own failure is told as it is.
func TestImportReadError(t *testing.T) {
	testenv.Root(t)
	broken := errors.New("the line is dead")
	r := io.MultiReader(bytes.NewReader(archive(t, strings.Repeat("x", 2000))[:1000]), errReader{broken})
	if _, err := Import(context.Background(), image.Open(t.TempDir()), r, Options{}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// No line makes Apply panic, and what it takes has an effect.
func FuzzApply(f *testing.F) {
	f.Add(`ENV A="b\" c"'d'$E`)
	f.Fuzz(func(t *testing.T, line string) {
		var c ocispec.ImageConfig
		if err := Apply(&c, line); err == nil && cmp.Equal(c, ocispec.ImageConfig{}) && !strings.HasPrefix(strings.ToUpper(strings.TrimSpace(line)), "USER") {
			t.Errorf("%q changed nothing", line)
		}
	})
}
