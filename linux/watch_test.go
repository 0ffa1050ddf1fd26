package linux_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"mydocker/linux"
)

// TestWatchDir fails by not ending.
func TestWatchDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w, err := linux.WatchDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	f, err := os.Create(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(filepath.Dir(dir), "moved")
	for _, change := range []func() error{
		func() error { return nil }, // the creation above
		func() error { _, err := f.WriteString("x"); return err },
		func() error { return os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b")) },
		func() error { w.Wake(); return nil },
		func() error { return os.Rename(dir, moved) },
		func() error { return os.Remove(filepath.Join(moved, "b")) },
		func() error { return errors.Join(f.Close(), os.Remove(moved)) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if err := w.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWatchDirEnds(t *testing.T) {
	w, err := linux.WatchDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	woken := make(chan error)
	for range 100 {
		go func() { woken <- w.Wait(ctx) }()
		w.Wake()
		if err := <-woken; err != nil {
			t.Fatal(err)
		}
	}
	go func() { woken <- w.Wait(ctx) }()
	cancel()
	if err := <-woken; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := w.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Error("a second time:", err)
	}
	if _, err := linux.WatchDir("/dev/null"); err == nil {
		t.Error("a file was watched as a directory")
	}
	if _, err := linux.WatchDir("/no/where"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
