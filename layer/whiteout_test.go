package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"mydocker/internal/testenv"
)

func unpackOver(t testing.TB, to string, headers ...tar.Header) (Result, error) {
	return Unpack(context.Background(), bytes.NewReader(archive(t, headers...)), to, Options{Whiteouts: true})
}

// What overlayfs shows of a layer with whiteouts on top of one without.
func TestWhiteouts(t *testing.T) {
	testenv.Root(t)
	testenv.Leaks(t)
	for name, c := range map[string]struct {
		below, above []tar.Header
		want         string // names of files, those of directories with a slash
	}{
		"file":                  {[]tar.Header{file("a", ""), file("b", "")}, []tar.Header{file(".wh.a", "")}, "b"},
		"directory":             {[]tar.Header{file("d/a", ""), file("b", "")}, []tar.Header{file(".wh.d", "")}, "b"},
		"deep":                  {[]tar.Header{file("d/e/a", ""), file("d/e/b", "")}, []tar.Header{file("d/e/.wh.a", "")}, "d/ d/e/ d/e/b"},
		"nothing":               {[]tar.Header{file("b", "")}, []tar.Header{file(".wh.a", "")}, "b"},
		"opaque":                {[]tar.Header{file("d/a", ""), file("b", "")}, []tar.Header{file("d/n", ""), file("d/.wh..wh..opq", "")}, "b d/ d/n"},
		"opaque first":          {[]tar.Header{file("d/a", "")}, []tar.Header{file("d/.wh..wh..opq", ""), dir("d"), file("d/n", "")}, "d/ d/n"},
		"file then whiteout":    {[]tar.Header{file("a", "")}, []tar.Header{file("a", "x"), file(".wh.a", "")}, "a"},
		"whiteout then file":    {[]tar.Header{file("a/b", "")}, []tar.Header{file(".wh.a", ""), file("a", "x")}, "a"},
		"dir then whiteout":     {[]tar.Header{file("a/b", "")}, []tar.Header{dir("a"), file("a/n", ""), file(".wh.a", "")}, "a/ a/n"},
		"whiteout then dir":     {[]tar.Header{file("a/b", "")}, []tar.Header{file(".wh.a", ""), dir("a"), file("a/n", "")}, "a/ a/n"},
		"whiteout then implied": {[]tar.Header{file("a/b", "")}, []tar.Header{file(".wh.a", ""), file("a/c/n", "")}, "a/ a/c/ a/c/n"},
		"file then dir":         {[]tar.Header{file("a/b", "")}, []tar.Header{file("a", ""), dir("a")}, "a/"},
		"of aufs":               {[]tar.Header{file("a", "")}, []tar.Header{dir(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", ""), file("d/.wh..wh.aufs", "")}, "a"},
		"twice":                 {[]tar.Header{file("a", ""), file("b", "")}, []tar.Header{file(".wh.a", ""), file(".wh.a", "")}, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			below, above := t.TempDir(), t.TempDir()
			if _, err := unpackOver(t, below, c.below...); err != nil {
				t.Fatal(err)
			}
			if r, err := unpackOver(t, above, c.above...); err != nil || r.Opaque {
				t.Fatal(r, err)
			}
			if got := seen(t, below, above); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// seen lists what overlayfs shows, from a mount namespace of its own.
func seen(t *testing.T, below, above string) string {
	t.Helper()
	script := `mount -t overlay overlay -o "lowerdir=$1:$2" "$3" && cd "$3" && find . -mindepth 1 -type d -printf '%P/\n' -o -mindepth 1 -printf '%P\n'`
	cmd := exec.Command("unshare", "--mount", "sh", "-c", script, "sh", above, below, t.TempDir())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err, &stderr)
	}
	names := strings.Fields(string(out))
	slices.Sort(names)
	return strings.Join(names, " ")
}

// overlayfs has no mark for a whole layer, so the caller must know.
func TestOpaqueRoot(t *testing.T) {
	testenv.Root(t)
	if r, err := unpackOver(t, t.TempDir(), file(".wh..wh..opq", "")); err != nil || !r.Opaque {
		t.Error(r, err)
	}
}

// Names that begin like whiteouts cannot reach out of their directory.
func TestHostileWhiteouts(t *testing.T) {
	testenv.Root(t)
	top := t.TempDir()
	to := filepath.Join(top, "in")
	if err := os.Mkdir(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".wh.", ".wh..", ".wh...", "d/.wh...", "d/.wh..", ".wh.a/b", "d/.wh.b/.wh.c"} {
		if _, err := unpackOver(t, to, dir("d"), file(name, "")); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
	if _, err := unpackOver(t, to, symlink("l", "/"), file("l/.wh.in", ""), file("l/.wh..wh..opq", "")); err != nil {
		t.Error(err) // the link's "/" is the layer's
	}
	list, err := os.ReadDir(top)
	if err != nil || len(list) != 1 || !list[0].IsDir() {
		t.Errorf("outside: %v, %v", list, err)
	}
	b := make([]byte, 10)
	if _, err := syscall.Getxattr(top, "trusted.overlay.opaque", b); err != syscall.ENODATA {
		t.Errorf("outside is marked: %v", err)
	}
}

// A whole file system keeps its files whatever their names.
func TestWhiteoutsAreFiles(t *testing.T) {
	testenv.Root(t)
	to := t.TempDir()
	if _, err := unpack(t, archive(t, file("a", "1"), file(".wh.a", "2"), file(".wh..wh..opq", "3")), to); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "1", ".wh.a": "2", ".wh..wh..opq": "3"} {
		if b, err := os.ReadFile(to + "/" + name); string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}
