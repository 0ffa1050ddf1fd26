package atomicfile

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestWriteReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, sync := range []bool{false, true} {
		for _, text := range []string{"a longer text", "short", ""} {
			if err := Write(path, []byte(text), 0o640, sync); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil || string(b) != text {
				t.Fatalf("read %q, %v, want %q", b, err, text)
			}
			if fi, _ := os.Stat(path); fi.Mode() != 0o640 {
				t.Errorf("mode %v, want 0640", fi.Mode())
			}
		}
	}
	if got := entries(t, dir); len(got) != 1 {
		t.Errorf("left %q", got)
	}
}

func TestWriteFailureLeavesOldFile(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "d")
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	err := Write(target, []byte("x"), 0o600, true)
	if err == nil || !strings.Contains(err.Error(), target) {
		t.Errorf("a directory was replaced, or the error does not name it: %v", err)
	}
	if got := entries(t, dir); len(got) != 1 {
		t.Errorf("left %q", got)
	}
}

func TestWriteReplacesLink(t *testing.T) {
	dir := t.TempDir()
	victim, link := filepath.Join(dir, "victim"), filepath.Join(dir, "link")
	if err := os.WriteFile(victim, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, link); err != nil {
		t.Fatal(err)
	}
	if err := Write(link, []byte("new"), 0o600, false); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(victim); string(b) != "old" {
		t.Errorf("the link was followed: %q", b)
	}
}

// Readers never see a mixture, however many write.
func TestWriteParallel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	texts := []string{strings.Repeat("a", 9000), strings.Repeat("b", 5000)}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				if err := Write(path, []byte(texts[i%2]), 0o600, false); err != nil {
					t.Error(err)
				}
				b, err := os.ReadFile(path)
				if err != nil || string(b) != texts[0] && string(b) != texts[1] {
					t.Errorf("read %d bytes, %v", len(b), err)
				}
			}
		})
	}
	wg.Wait()
}
