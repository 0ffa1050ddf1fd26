package content

import (
	"encoding/binary"
	"fmt"
	"os"
	"syscall"
	"testing"
)

// counted tells how often files of the store are opened while f runs. The
// kernel says so: inotify(7), which merges no events that differ in their cookie
// or come with others between them.
func counted(t *testing.T, s *Store, f func()) (opened int) {
	t.Helper()
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	defer events.Close()
	for _, dir := range []string{"", "blobs/sha256"} {
		if _, err := syscall.InotifyAddWatch(fd, s.path(dir), syscall.IN_OPEN|syscall.IN_CLOSE_NOWRITE); err != nil {
			t.Fatal(err)
		}
	}
	f()
	buf := make([]byte, 1<<20)
	n, err := syscall.Read(fd, buf)
	if err != nil {
		t.Fatal(err)
	}
	for b := buf[:n]; len(b) > 0; {
		if binary.NativeEndian.Uint32(b[4:])&syscall.IN_OPEN != 0 {
			opened++
		}
		b = b[syscall.SizeofInotifyEvent+binary.NativeEndian.Uint32(b[12:]):]
	}
	return opened
}

// A name costs three files: the version, the names, the manifest.
func TestFilesOpened(t *testing.T) {
	s := Open(t.TempDir())
	store(t, s, "a", "a")
	const times = 100
	opened := counted(t, s, func() {
		for range times {
			find(t, s, "a")
		}
	})
	if opened > 3*times || opened < times {
		t.Errorf("%d files were opened for %d names", opened, times)
	}
}

func find(t testing.TB, s *Store, name string) {
	x, err := s.Index()
	if err != nil {
		t.Fatal(err)
	}
	d, _ := x.Find(name)
	if _, err := s.Manifest(d); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkFind(b *testing.B) {
	s := Open(b.TempDir())
	for i := range 20 {
		store(b, s, fmt.Sprintf("docker.io/library/a:%d", i), fmt.Sprint(i))
	}
	b.ResetTimer()
	for b.Loop() {
		find(b, s, "docker.io/library/a:11")
	}
}
