package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mydocker/internal/testenv"
)

// archive writes headers; a regular file's content is its Linkname.
func archive(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content, h.Linkname = h.Linkname, ""
			h.Size = int64(len(content))
		}
		if h.Mode == 0 && h.Typeflag != tar.TypeXGlobalHeader {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name, content string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Linkname: content}
}
func symlink(name, to string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}
}
func link(name, to string) tar.Header {
	return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to}
}
func dir(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}
}

func unpack(t testing.TB, data []byte, to string) (Result, error) {
	return Unpack(context.Background(), bytes.NewReader(data), to, Options{})
}

// Whatever an archive says, nothing outside of the directory changes.
func TestHostile(t *testing.T) {
	testenv.Root(t)
	testenv.Leaks(t)
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	up := strings.Repeat("../", 20) + strings.TrimPrefix(outside, "/")
	for name, headers := range map[string][]tar.Header{
		"dots":                   {file(up+"/secret", "evil")},
		"dots inside":            {dir("a"), file("a/../../secret", "evil")},
		"absolute":               {file(secret, "evil")},
		"symlink, then through":  {symlink("l", outside), file("l/secret", "evil")},
		"relative symlink":       {symlink("l", up), file("l/secret", "evil")},
		"symlink to symlink":     {symlink("a", ".."), symlink("b", "a/a/a/a"), file("b/secret", "evil")},
		"symlink, then file":     {symlink("l", secret), file("l", "evil")},
		"symlink, then dir":      {symlink("l", outside), dir("l"), file("l/secret", "evil")},
		"dir, then symlink":      {dir("l"), symlink("l", outside), file("l/secret", "evil")},
		"root as a symlink":      {symlink(".", outside), file("secret", "evil")},
		"hard link out":          {link("l", secret), file("l", "evil")},
		"hard link dots":         {link("l", up+"/secret"), file("l", "evil")},
		"hard link over symlink": {symlink("s", outside), link("l", "s/secret"), file("l", "evil")},
		"hard link to symlink":   {symlink("s", secret), link("l", "s"), file("l", "evil")},
		"proc":                   {symlink("l", "/proc/self/root"), file("l"+secret, "evil")},
		"attributes by symlink":  {symlink("s", secret), {Typeflag: tar.TypeSymlink, Name: "s", Linkname: secret, Uid: 77, Mode: 0o777}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(secret, []byte("good"), 0o640); err != nil {
				t.Fatal(err)
			}
			before, _ := os.Stat(secret)
			_, err := unpack(t, archive(t, headers...), t.TempDir())
			b, rerr := os.ReadFile(secret)
			after, _ := os.Stat(secret)
			entries, _ := os.ReadDir(outside)
			if string(b) != "good" || rerr != nil || len(entries) != 1 || after.Mode() != before.Mode() ||
				*after.Sys().(*syscall.Stat_t) != *before.Sys().(*syscall.Stat_t) && after.Sys().(*syscall.Stat_t).Nlink != 1 {
				t.Errorf("it got out: %q, %v, %v (unpacking: %v)", b, rerr, entries, err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	testenv.Root(t)
	big := tar.Header{Typeflag: tar.TypeReg, Name: "f", Linkname: strings.Repeat("x", 5000)}
	for name, c := range map[string]struct {
		headers []tar.Header
		limits  Limits
		want    error
	}{
		"dots":         {[]tar.Header{file("a/../b", "")}, Limits{}, ErrEscape},
		"link dots":    {[]tar.Header{link("a", "../b")}, Limits{}, ErrEscape},
		"entries":      {[]tar.Header{file("a", ""), file("b", "")}, Limits{Entries: 1}, ErrLimit},
		"bytes":        {[]tar.Header{big}, Limits{Bytes: 4000}, ErrLimit},
		"path":         {[]tar.Header{file(strings.Repeat("a/", 2100)+"f", "")}, Limits{}, ErrLimit},
		"link's path":  {[]tar.Header{symlink("l", strings.Repeat("a/", 2100))}, Limits{}, ErrLimit},
		"name":         {[]tar.Header{file(strings.Repeat("n", 300), "")}, Limits{}, syscall.ENAMETOOLONG},
		"through file": {[]tar.Header{file("a", ""), file("a/b", "")}, Limits{}, syscall.ENOTDIR},
		"dangling":     {[]tar.Header{link("a", "b")}, Limits{}, os.ErrNotExist},
		"loop":         {[]tar.Header{symlink("a", "b"), symlink("b", "a"), file("a/f", "")}, Limits{}, syscall.ELOOP},
	} {
		_, err := Unpack(context.Background(), bytes.NewReader(archive(t, c.headers...)), t.TempDir(), Options{Limits: c.limits})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeChar, Name: "d", Devmajor: 1 << 12}, {Typeflag: tar.TypeReg, Name: "f", Uid: 1<<32 - 1},
		{Typeflag: 'Z', Name: "unknown"},
	} {
		if _, err := unpack(t, archive(t, h), t.TempDir()); err == nil {
			t.Errorf("took %+v", h)
		}
	}
}

// Every way to cut an archive short is an error.
func TestTruncated(t *testing.T) {
	testenv.Root(t)
	whole := archive(t, dir("d"), file("d/f", strings.Repeat("x", 700)))
	packed := map[string][]byte{"plain": whole}
	for _, c := range compressors {
		packed[c] = compress(t, c, whole)
	}
	for name, data := range packed {
		step := max(1, len(data)/97)
		for n := 0; n < len(data)-1; n += step {
			if _, err := unpack(t, data[:n], t.TempDir()); err == nil {
				t.Errorf("%s: %d of %d bytes are taken for the whole", name, n, len(data))
			}
		}
	}
	if _, err := Unpack(t.Context(), bytes.NewReader(whole[:1024+700]), t.TempDir(), Options{NoEnd: true}); err != nil {
		t.Errorf("its end is not needed: %v", err)
	}
	if _, err := unpack(t, whole[:1024], t.TempDir()); !errors.Is(err, ErrTruncated) {
		t.Errorf("at the end of an entry: %v", err)
	}
	if _, err := unpack(t, bytes.Repeat([]byte("no archive "), 100), t.TempDir()); err == nil || !strings.Contains(err.Error(), "no tar archive") {
		t.Error(err)
	}
}

var compressors = []string{"gzip", "zstd", "xz", "bzip2"}

func compress(t testing.TB, with string, data []byte) []byte {
	t.Helper()
	if _, err := exec.LookPath(with); err != nil {
		t.Skip("needs " + with)
	}
	cmd := exec.Command(with, "-c")
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCompressions(t *testing.T) {
	testenv.Root(t)
	content := strings.Repeat("some text\n", 50000)
	plain := archive(t, file("f", content))
	sum := fmt.Sprintf("sha256:%x", sha256.Sum256(plain))
	for _, with := range append([]string{""}, compressors...) {
		t.Run(with, func(t *testing.T) {
			data := plain
			if with != "" {
				data = compress(t, with, plain)
			}
			to := t.TempDir()
			r, err := unpack(t, data, to)
			if err != nil || r.DiffID != sum || r.Size != int64(len(content)) || r.Entries != 1 {
				t.Errorf("%+v, %v", r, err)
			}
			if b, _ := os.ReadFile(to + "/f"); string(b) != content {
				t.Errorf("%d bytes differ", len(b))
			}
		})
	}
}

func run(t testing.TB, in string, words ...string) []byte {
	t.Helper()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = in
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v\n%s", words, err, &stderr)
	}
	return out
}

func TestReplaces(t *testing.T) {
	testenv.Root(t)
	to := t.TempDir()
	early := time.Unix(1000, 0)
	d := dir("keep")
	d.ModTime = early
	data := archive(t, d, file("keep/f", "1"), dir("was-dir"), file("was-dir/f", ""), file("was-dir", "file"),
		file("was-file", ""), dir("was-file"), symlink("was-link", "keep"), dir("was-link"), file("was-link/own", ""),
		d, file("keep/f", "22"), file("made/for/it", ""),
		tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "x"}})
	if _, err := unpack(t, data, to); err != nil {
		t.Fatal(err)
	}
	got := string(run(t, to, "sh", "-c", "find . -mindepth 1 -printf '%P %y\n' | sort; cat keep/f was-dir"))
	want := "keep d\nkeep/f f\nmade d\nmade/for d\nmade/for/it f\nwas-dir f\nwas-file d\nwas-link d\nwas-link/own f\n22file"
	if got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if fi, _ := os.Stat(to + "/keep"); !fi.ModTime().Equal(early) {
		t.Errorf("the directory has the time of its last file: %v", fi.ModTime())
	}
}

func TestOverlayAttributesAreDropped(t *testing.T) {
	testenv.Root(t)
	to := t.TempDir()
	h := file("f", "")
	h.PAXRecords = map[string]string{"SCHILY.xattr.trusted.overlay.redirect": "/etc", "SCHILY.xattr.trusted.mine": "1"}
	if _, err := unpack(t, archive(t, h), to); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if _, err := syscall.Getxattr(to+"/f", "trusted.overlay.redirect", b); err != syscall.ENODATA && err != syscall.ENOTSUP {
		t.Errorf("overlayfs is told where to look: %v", err)
	}
}

// A wait for input ends with the context.
func TestCancelled(t *testing.T) {
	testenv.Root(t)
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	defer w.Close()
	go func() {
		w.Write(archive(t, file("f", ""))[:600])
		cancel()
	}()
	if _, err := Unpack(ctx, r, t.TempDir(), Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
