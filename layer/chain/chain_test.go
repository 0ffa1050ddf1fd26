package chain

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mydocker/internal/testenv"
	"mydocker/layer"
)

func archive(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		h.ModTime = time.Unix(1000, 0)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, h.Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func dir(name string, mode int64, uid int) tar.Header {
	return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode, Uid: uid,
		PAXRecords: map[string]string{"SCHILY.xattr.trusted.tag": name}}
}

func file(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: 5}
}

func digest(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

func of(data []byte) Layer {
	return Layer{digest(data), func(context.Context) (io.ReadCloser, error) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(data)
		z.Close()
		return io.NopCloser(&b), nil
	}}
}

// list names what is in layers/.
func list(t testing.TB, root string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "layers"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// The values of the example follow from config.md, "Layer ChainID".
func TestIDs(t *testing.T) {
	a, b := digest([]byte("a")), digest([]byte("b"))
	ids, err := IDs([]string{a, b, a})
	second := digest([]byte(a + " " + b))
	if want := []string{a, second, digest([]byte(second + " " + a))}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("%v, %v; want %v", ids, err, want)
	}
	for _, bad := range []string{"", "sha256:12", "sha512:" + a[7:], "sha256:../" + a[10:], a + "0"} {
		if _, err := IDs([]string{a, bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// Layers come in the wrong order, more of them than are unpacked at a time; what an
// archive does not name is as below.
func TestAnyOrder(t *testing.T) {
	testenv.Root(t)
	testenv.Leaks(t)
	root := t.TempDir()
	data := [][]byte{
		archive(t, dir("a", 0o2750, 7), dir("a/b", 0o1777, 8), file("a/b/one")),
		archive(t, file("x")),
		archive(t, file("a/b/two")),
		archive(t, file("a/.wh.b"), file("a/b/three")),
		archive(t, file("a/b/four")),
	}
	var layers []Layer
	next := make([]chan bool, len(data)+1)
	for i := range next {
		next[i] = make(chan bool)
	}
	close(next[len(data)])
	for i, d := range data {
		l := of(d)
		layers = append(layers, Layer{l.DiffID, func(ctx context.Context) (io.ReadCloser, error) {
			<-next[i+1] // those above come first
			r, err := l.Open(ctx)
			close(next[i])
			return r, err
		}})
	}
	s := Open(root)
	h, err := s.Unpack(context.Background(), layers, Options{Parallel: 1, Content: true})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for i, want := range map[int]string{2: "a 42750 7, b 41777 8 1000", 3: "a 42750 7, b 40755 0", 4: "a 42750 7, b 40755 0"} {
		var a, b syscall.Stat_t
		d := s.Dir(h.Layers[i].ID)
		if err := errors.Join(syscall.Stat(d+"/a", &a), syscall.Stat(d+"/a/b", &b)); err != nil {
			t.Fatal(i, err)
		}
		got := fmt.Sprintf("a %o %d, b %o %d", a.Mode, a.Uid, b.Mode, b.Uid)
		if i == 2 {
			got += fmt.Sprint(" ", b.Mtim.Sec)
		}
		if got != want {
			t.Errorf("layer %d: %s, want %s", i, got, want)
		}
	}
	tag := make([]byte, 10)
	n, err := syscall.Getxattr(s.Dir(h.Layers[2].ID)+"/a/b", "trusted.tag", tag)
	if err != nil || string(tag[:n]) != "a/b" {
		t.Errorf("the attribute is %q, %v", tag[:max(n, 0)], err)
	}
	for _, l := range h.Layers {
		if findings, err := s.Verify(context.Background(), l.ID, true); err != nil || len(findings) > 0 {
			t.Error(l.ID, findings, err)
		}
	}
}

// What is there is not opened again.
func TestAgain(t *testing.T) {
	testenv.Root(t)
	testenv.Leaks(t)
	root := t.TempDir()
	l := of(archive(t, file("f")))
	h, err := Open(root).Unpack(context.Background(), []Layer{l}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if claim, err := Open(root).Claim(l.DiffID); err != nil || claim != nil {
		t.Errorf("a layer that is held is claimed: %v", err)
	}
	first := h.Layers[0]
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h, err = Open(root).Unpack(context.Background(), []Layer{{DiffID: l.DiffID}}, Options{})
	if err != nil || h.Layers[0] != first {
		t.Fatal(h, err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if got := list(t, root); !slices.Equal(got, []string{l.DiffID[7:]}) {
		t.Errorf("there is %v", got)
	}
}

// Many at once do the work of one.
func TestOnce(t *testing.T) {
	testenv.Root(t)
	testenv.Leaks(t)
	root := t.TempDir()
	var opened atomic.Int32
	var layers []Layer
	for i := range 4 {
		l := of(archive(t, file(fmt.Sprint("f", i))))
		layers = append(layers, Layer{l.DiffID, func(ctx context.Context) (io.ReadCloser, error) {
			opened.Add(1)
			return l.Open(ctx)
		}})
	}
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			// Of images with a common beginning.
			h, err := Open(root).Unpack(context.Background(), layers[:4-n%2], Options{Parallel: 1 + n%3})
			if err != nil {
				t.Error(err)
				return
			}
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := list(t, root); opened.Load() != 4 || len(got) != 4 {
		t.Errorf("opened %d times, there is %v", opened.Load(), got)
	}
}

// An error in one stops all, and leaves those that were finished.
func TestError(t *testing.T) {
	testenv.Root(t)
	testenv.Leaks(t)
	good := archive(t, file("f"))
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		second Layer
		want   error
	}{
		"digest":    {Layer{digest([]byte("x")), of(archive(t, file("g"))).Open}, ErrDigest},
		"open":      {Layer{digest([]byte("x")), func(context.Context) (io.ReadCloser, error) { return nil, boom }}, boom},
		"hard link": {of(archive(t, tar.Header{Typeflag: tar.TypeLink, Name: "h", Linkname: "f"})), layer.ErrLinkBelow},
		"truncated": {of(good[:300]), layer.ErrTruncated},
		"escape":    {of(archive(t, file("../g"))), layer.ErrEscape},
	} {
		root := t.TempDir()
		stuck, w := io.Pipe()
		defer w.Close()
		third := Layer{digest([]byte("y")), func(context.Context) (io.ReadCloser, error) { return stuck, nil }}
		_, err := Open(root).Unpack(context.Background(), []Layer{of(good), c.second, third}, Options{Parallel: 3})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		for _, n := range list(t, root) {
			if n != digest(good)[7:] {
				t.Errorf("%s left %s", name, n)
			}
		}
	}
}

// The second waits with its context.
func TestWaits(t *testing.T) {
	testenv.Root(t)
	testenv.Leaks(t)
	root := t.TempDir()
	data := archive(t, file("f"))
	opened, goOn := make(chan bool), make(chan bool)
	slow := Layer{digest(data), func(ctx context.Context) (io.ReadCloser, error) {
		close(opened)
		<-goOn
		return of(data).Open(ctx)
	}}
	done := make(chan error)
	go func() {
		h, err := Open(root).Unpack(context.Background(), []Layer{slow}, Options{})
		done <- errors.Join(err, h.Close())
	}()
	<-opened
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := Open(root).Unpack(ctx, []Layer{of(data)}, Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestVerify(t *testing.T) {
	testenv.Root(t)
	testenv.Leaks(t)
	root := t.TempDir()
	l := of(archive(t, dir("d", 0o755, 0), file("d/f")))
	h, err := Open(root).Unpack(context.Background(), []Layer{l}, Options{Content: true})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	f := filepath.Join(Open(root).Dir(l.DiffID), "d/f")
	for _, c := range []struct {
		damage func() error
		found  int
	}{
		{func() error { return nil }, 0},
		{func() error { // as a broken disk does it
			return errors.Join(os.WriteFile(f, []byte("other"), 0), os.Chtimes(f, time.Unix(1000, 0), time.Unix(1000, 0)))
		}, 1},
		{func() error { return os.Chmod(f, 0o600) }, 2},
		{func() error { return os.WriteFile(f, make([]byte, 1<<20), 0) }, 3},
	} {
		if err := c.damage(); err != nil {
			t.Fatal(err)
		}
		if findings, err := Open(root).Verify(context.Background(), l.DiffID, true); err != nil || len(findings) != c.found {
			t.Errorf("%v, %v; want %d", findings, err, c.found)
		}
	}
}
