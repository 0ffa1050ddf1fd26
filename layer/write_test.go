package layer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mydocker/internal/testenv"
)

// What Write packs and Unpack unpacks is the same tree, by Digest, and makes the
// same archive.
func TestWriteRoundTrip(t *testing.T) {
	testenv.Root(t)
	testenv.Leaks(t)
	from, to := t.TempDir(), t.TempDir()
	for _, d := range []string{from, to} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run(t, from, "sh", "-c", `set -e; umask 022; mkdir -p a/b c/hidden; chmod 2750 c
echo one >a/f; ln a/f a/g; ln -s ../a c/l; ln -s /nowhere c/abs; mkfifo c/p; mknod c/null c 1 3; mknod c/blk b 7 999
cp /bin/true c/suid; chown 1000:2000 c/suid; chmod 6755 c/suid; chown -h 5:6 c/l; mknod c/gone c 0 0
truncate -s 3M c/sparse; echo x >>c/sparse; echo y >"c/$(printf 'n%.0s' $(seq 250))"; echo z >'c/ü
line'; touch -h -d '2001-02-03 04:05:06.123456789' a/f c/l a/b c/p`)
	capability := "\x01\x00\x00\x02\x00\x04\x00\x00" + strings.Repeat("\x00", 12)
	for _, x := range [][3]string{{"/c/suid", "security.capability", capability}, {"/c/hidden", "trusted.overlay.opaque", "y"},
		{"/a/b", "user.dir", "d"}, {"/a/f", "trusted.long", strings.Repeat("v\n", 1000)}} {
		if err := syscall.Setxattr(from+x[0], x[1], []byte(x[2]), 0); err != nil {
			t.Fatal(x[1], err)
		}
	}
	var first, second bytes.Buffer
	w, err := Write(context.Background(), from, &first)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Unpack(context.Background(), bytes.NewReader(first.Bytes()), to, Options{Whiteouts: true})
	if err != nil || fmt.Sprint(r) != fmt.Sprint(w) {
		t.Fatalf("written %+v, read %+v, %v", w, r, err)
	}
	a, err1 := Digest(context.Background(), from, true)
	b, err2 := Digest(context.Background(), to, true)
	if err := errors.Join(err1, err2); err != nil || a.Digest != b.Digest {
		t.Errorf("the tree is another: %v, %v, %v", a, b, err)
	}
	if _, err := Write(context.Background(), to, &second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("another archive: %d and %d bytes, %v", first.Len(), second.Len(), err)
	}
	names := listed(t, first.Bytes())
	if !strings.Contains(names, "c/.wh.gone\n") || !strings.Contains(names, "c/hidden/.wh..wh..opq\n") || strings.Contains(names, "c/gone") {
		t.Errorf("tar lists:\n%s", names)
	}
}

// Sizes beyond what the old field of tar holds. Nothing of it is data.
func TestWriteHuge(t *testing.T) {
	testenv.Root(t)
	from := t.TempDir()
	run(t, from, "truncate", "-s", "9G", "f")
	stop := errors.New("enough")
	h := &head{left: 4096, err: stop}
	if _, err := Write(context.Background(), from, h); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	if !strings.Contains(string(h.data), "size=9663676416\n") {
		t.Errorf("%q", h.data)
	}
}

// head keeps the beginning of what is written.
type head struct {
	data []byte
	left int
	err  error
}

func (h *head) Write(p []byte) (int, error) {
	h.data = append(h.data, p[:min(len(p), h.left)]...)
	if h.left -= len(p); h.left <= 0 {
		return 0, h.err
	}
	return len(p), nil
}

func TestWriteRefuses(t *testing.T) {
	testenv.Root(t)
	for attr, want := range map[string]string{"trusted.overlay.redirect": "not whole", "trusted.overlay.metacopy": "not whole", "": errWhiteout.Error()} {
		from := t.TempDir()
		name := "d"
		if attr == "" {
			name = ".wh.d"
		}
		if err := os.Mkdir(filepath.Join(from, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if attr != "" {
			if err := syscall.Setxattr(from+"/d", attr, []byte("x"), 0); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Write(context.Background(), from, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", attr, err)
		}
	}
}

// listed are the names in an archive, as tar(1) shows them.
func listed(t *testing.T, data []byte) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(f, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return string(run(t, "/", "tar", "-tf", f))
}
