package content

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mydocker/internal/ocispec"
)

// begin is Ingest of a blob that is not there.
func begin(t *testing.T, l *Lease, d ocispec.Descriptor) *Writer {
	t.Helper()
	w, err := l.Ingest(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func part(d ocispec.Descriptor) string { return "ingest/" + string(d.Digest)[7:] }

func TestIngestThere(t *testing.T) {
	s := Open(t.TempDir())
	l := lease(t, s)
	d := put(t, l, "text/plain", []byte("abc"))
	w, err := l.Ingest(t.Context(), d)
	if w != nil || err != ErrExists || !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v, %v", w, err)
	}
	d.Size = 4
	_, err = l.Ingest(t.Context(), d)
	contains(t, err, "has 3 bytes, not 4")
}

// A file that lost its end is replaced by the blob.
func TestIngestHeals(t *testing.T) {
	s := Open(t.TempDir())
	l := lease(t, s)
	d := put(t, l, "text/plain", []byte("abc"))
	if err := os.Truncate(s.blobPath(string(d.Digest)[7:]), 1); err != nil {
		t.Fatal(err)
	}
	put(t, l, "text/plain", []byte("abc"))
	if b, err := s.ReadAll(d, 3); err != nil || string(b) != "abc" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestIngestWrong(t *testing.T) {
	d := describe("text/plain", []byte("abc"))
	for text, got := range map[string]string{"abd": "abd", "ab": "ab", "": "", "abcd": "abc", "xyzabc": "xyz"} {
		s := Open(t.TempDir())
		l := lease(t, s)
		w := begin(t, l, d)
		w.Keep() // does not help it
		_, err := w.Write([]byte(text))
		if err == nil {
			_, err = w.Commit()
		}
		contains(t, err, string(d.Digest), string(describe("", []byte(got)).Digest))
		var wrong *MismatchError
		if !errors.As(err, &wrong) || wrong.WantSize != 3 || wrong.GotSize != int64(len(text)) {
			t.Errorf("%q: %+v", text, err)
		}
		if _, again := w.Commit(); again != err {
			t.Errorf("%q: a second Commit: %v", text, again)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if left := append(files(t, s, "ingest"), files(t, s, "blobs/sha256")...); len(left) != 0 {
			t.Errorf("%q: left %q", text, left)
		}
	}
	l := lease(t, Open(t.TempDir()))
	d.Size = -1
	_, err := l.Ingest(t.Context(), d)
	contains(t, err, "the size -1")
	_, err = l.Ingest(t.Context(), ocispec.Descriptor{Digest: "sha512:00"})
	contains(t, err, `"sha512" is not supported`)
}

func TestAbandonedAndKept(t *testing.T) {
	s := Open(t.TempDir())
	l := lease(t, s)
	d := describe("text/plain", []byte("abcdef"))
	for _, keep := range []bool{false, true} {
		w := begin(t, l, d)
		if w.Offset() != 0 {
			t.Errorf("begins at %d", w.Offset())
		}
		if _, err := w.Write([]byte("abc")); err != nil || w.Offset() != 3 {
			t.Error(w.Offset(), err)
		}
		if keep {
			w.Keep()
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if _, err := w.Write([]byte("d")); err == nil {
			t.Error("written after Close")
		}
		if there := len(files(t, s, "ingest")) == 1; there != keep {
			t.Errorf("kept %v, is there %v", keep, there)
		}
	}
	w := begin(t, l, d)
	if w.Offset() != 3 {
		t.Errorf("goes on at %d", w.Offset())
	}
	if _, err := w.Write([]byte("def")); err != nil {
		t.Fatal(err)
	}
	got, err := w.Commit()
	if err != nil || got.Digest != d.Digest || got.Size != d.Size || got.MediaType != d.MediaType {
		t.Errorf("%+v, %v", got, err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if b, err := s.ReadAll(d, 6); err != nil || string(b) != "abcdef" || len(files(t, s, "ingest")) != 0 {
		t.Errorf("%q, %v", b, err)
	}
}

// What an earlier process left may be wrong, or more than the blob.
func TestResumeOfRubbish(t *testing.T) {
	s := Open(t.TempDir())
	l := lease(t, s)
	d := describe("text/plain", []byte("abcdef"))
	if err := os.WriteFile(s.path(part(d)), []byte("\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := begin(t, l, d)
	if _, err := w.Write([]byte("def")); err != nil {
		t.Fatal(err)
	}
	_, err := w.Commit()
	var wrong *MismatchError
	if !errors.As(err, &wrong) || wrong.Resumed != 3 {
		t.Errorf("%+v", err)
	}
	w.Close()
	if err := os.WriteFile(s.path(part(d)), bytes.Repeat([]byte("x"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := write(l, d, []byte("abcdef")); err != nil {
		t.Error(err)
	}
	if got := findings(t, s); got != "" {
		t.Error(got)
	}
}

func TestCreate(t *testing.T) {
	s := Open(t.TempDir())
	l := lease(t, s)
	for range 2 { // the second time it is there
		w, err := l.Create(ocispec.MediaTypeLayer)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"ab", "c"} {
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		d, err := w.Commit()
		if want := describe(ocispec.MediaTypeLayer, []byte("abc")); err != nil || d.Digest != want.Digest || d.Size != 3 || d.MediaType != want.MediaType {
			t.Errorf("%+v, %v", d, err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if gone, err := s.Sweep(); err != nil || len(gone) != 0 {
			t.Errorf("swept %v, %v", gone, err)
		}
	}
	w, err := l.Create("")
	if err != nil {
		t.Fatal(err)
	}
	w.Keep() // of no use: nobody could find it
	if err := w.Close(); err != nil || len(files(t, s, "ingest")) != 0 {
		t.Errorf("left %q, %v", files(t, s, "ingest"), err)
	}
}

// Many want one blob: one of them writes it.
func TestIngestOnce(t *testing.T) {
	s := Open(t.TempDir())
	b := bytes.Repeat([]byte("abc"), 1<<18)
	d := describe("text/plain", b)
	var wrote, found atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			l, err := Open(s.Dir() + "/..").Lease()
			if err != nil {
				t.Error(err)
				return
			}
			defer l.Close()
			w, err := l.Ingest(context.Background(), d)
			if err == ErrExists {
				found.Add(1)
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			defer w.Close()
			if _, err := w.Write(b); err != nil {
				t.Error(err)
			}
			if _, err := w.Commit(); err != nil {
				t.Error(err)
			}
			wrote.Add(1)
		})
	}
	wg.Wait()
	if wrote.Load() != 1 || found.Load() != 7 {
		t.Errorf("%d wrote it, %d found it", wrote.Load(), found.Load())
	}
	if left := files(t, s, "ingest"); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

func TestWaitIsCancelled(t *testing.T) {
	s := Open(t.TempDir())
	l := lease(t, s)
	d := describe("text/plain", []byte("abc"))
	w := begin(t, l, d)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := l.Ingest(ctx, d)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	contains(t, err, string(d.Digest), "wait for who fetches it already")
	// The one that was waited for is not troubled by that.
	if _, err := w.Write([]byte("abc")); err != nil {
		t.Error(err)
	}
	if _, err := w.Commit(); err != nil {
		t.Error(err)
	}
}

// Cancelled while it reads what is there, a Writer leaves that for the next.
func TestResumeIsCancelled(t *testing.T) {
	s := Open(t.TempDir())
	l := lease(t, s)
	d := describe("text/plain", []byte("abc"))
	if err := os.WriteFile(s.path(part(d)), []byte("ab"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &Writer{lease: l, want: d, known: true, hash: sha256.New(), path: s.path(part(d))}
	var err error
	if w.lock, err = await(t.Context(), w.path); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.resume(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if w := begin(t, l, d); w.Offset() != 2 {
		t.Errorf("goes on at %d", w.Offset())
	}
}
