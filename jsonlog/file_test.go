package jsonlog

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mydocker/internal/testenv"
	"mydocker/linux"
)

func TestRotation(t *testing.T) {
	for _, files := range []int{1, 2, 5} {
		const size = 1000
		w, path := open(t, Options{MaxSize: size, MaxFiles: files})
		s := w.Stream("stdout")
		for i := range 100 {
			fmt.Fprintf(s, "%d\n%d\n", 2*i, 2*i+1)
		}
		s.Write([]byte(strings.Repeat("200\n201\n", 20))) // one batch over several files
		w.Close()
		there, err := filepath.Glob(path + "*")
		if err != nil || len(there) != files {
			t.Errorf("%d files allowed: %v, %v", files, there, err)
		}
		var all []string
		for age := files - 1; age >= 0; age-- {
			name := w.name(age)
			st, err := os.Stat(name)
			if err != nil || st.Size() > size || st.Mode() != 0o600 || age > 0 && st.Size() < size-100 {
				t.Errorf("%d files allowed: %s: %v, %v", files, name, st, err)
			}
			for _, e := range read(t, name) {
				all = append(all, strings.TrimSuffix(e.Log, "\n"))
			}
		}
		want := make([]string, 0, 240)
		for i := range 200 {
			want = append(want, fmt.Sprint(i))
		}
		for range 20 {
			want = append(want, "200", "201")
		}
		if want = want[max(len(want)-len(all), 0):]; strings.Join(all, " ") != strings.Join(want, " ") {
			t.Errorf("%d files allowed, they hold\n%v, want\n%v", files, all, want)
		}
	}
}

func TestRecordLargerThanAFile(t *testing.T) {
	w, path := open(t, Options{MaxSize: 10, MaxFiles: 3})
	w.Stream("stdout").Write([]byte("one\ntwo\nthree\n"))
	for age, want := range []string{"three\n", "two\n", "one\n"} {
		if got := read(t, w.name(age)); len(got) != 1 || got[0].Log != want {
			t.Errorf("file %d of %s holds %v", age, path, got)
		}
	}
}

func TestFewerFilesThanBefore(t *testing.T) {
	w, path := open(t, Options{MaxSize: 10, MaxFiles: 5})
	w.Stream("stdout").Write([]byte(strings.Repeat("line\n", 10)))
	w.Close()
	w, err := Open(path, Options{MaxFiles: 2})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if there, err := filepath.Glob(path + "*"); err != nil || len(there) != 2 {
		t.Errorf("left: %v, %v", there, err)
	}
}

func TestTornLineIsEnded(t *testing.T) {
	w, path := open(t, Options{})
	w.Close()
	if err := os.WriteFile(path, []byte(`{"log":"ha`), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second has nothing to end
		w, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		w.Stream("stdout").Write([]byte("next\n"))
		w.Close()
	}
	b, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(b), "{\"log\":\"ha\n{\"log\":\"next") || bytes.Count(b, []byte("\n")) != 3 {
		t.Errorf("the file holds %q, %v", b, err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "no", "log"), Options{}); !os.IsNotExist(err) {
		t.Errorf("no directory: %v", err)
	}
	if err := os.Symlink("elsewhere", filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(dir, "log"), Options{}); err == nil {
		t.Error("followed a symbolic link")
	}
}

// TestDirectoryGone has the log removed under the writer, as rm does.
func TestDirectoryGone(t *testing.T) {
	w, path := open(t, Options{MaxSize: 100})
	s := w.Stream("stdout")
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if n, err := s.Write([]byte("into the void\n")); n != 14 || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	s.Write([]byte("back\n"))
	if got := read(t, path); len(got) == 0 || !strings.HasSuffix(got[len(got)-1].Log, "back\n") {
		t.Errorf("got %v", got)
	}
}

// full writes to a log whose file takes so few bytes that it is full, then
// makes room: what is there are whole records, and one tells what is not.
func full(t *testing.T, path string, why syscall.Errno, makeRoom func()) {
	w, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s := w.Stream("stdout")
	const lines = 3000
	text := []byte(strings.Repeat("a line that is written until there is no room\n", lines/10))
	for range 10 {
		if n, err := s.Write(text); n != len(text) || err != nil {
			t.Fatalf("wrote %d of %d bytes, %v", n, len(text), err)
		}
	}
	there := len(read(t, path)) // also says that no record is torn
	if there == 0 || there >= lines {
		t.Fatalf("%d records of %d are there", there, lines)
	}
	makeRoom()
	s.Write([]byte("after\n"))
	s.Write([]byte("more\n"))
	got := read(t, path)
	if len(got) != there+3 {
		t.Fatalf("%d records, then %d", there, len(got))
	}
	want := fmt.Sprintf("mydocker: %d log records were lost: %v\n", lines-there, why)
	if e := got[there]; e.Log != want || e.Stream != "stderr" || got[there+1].Log != "after\n" || got[there+2].Log != "more\n" {
		t.Errorf("got %v, want %q", got[there:], want)
	}
}

func TestDiskFull(t *testing.T) {
	testenv.Root(t)
	testenv.Leaks(t)
	dir := testenv.Dir(t)
	if err := linux.MountTmpfs(dir, "size=65536"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := linux.Unmount(dir); err != nil {
			t.Error(err)
		}
	})
	// One page is taken, so that what is left is no multiple of a record.
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	full(t, filepath.Join(dir, "log"), syscall.ENOSPC, func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFileTooLarge(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	limit := func(n uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: old.Max}); err != nil {
			t.Fatal(err)
		}
	}
	defer limit(old.Cur)
	limit(100_003)
	full(t, filepath.Join(t.TempDir(), "log"), syscall.EFBIG, func() { limit(old.Cur) })
}

// TestLossIsToldAtTheEnd closes a log that lost its last record.
func TestLossIsToldAtTheEnd(t *testing.T) {
	w, path := open(t, Options{})
	s := w.Stream("stdout")
	s.Write([]byte("one\n"))
	w.lose([]byte("{}\n"), syscall.EIO)
	w.Close()
	if got := read(t, path); len(got) != 2 || got[1].Log != "mydocker: 1 log record was lost: input/output error\n" {
		t.Errorf("got %v", got)
	}
}
