package filelock

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

func TestTryLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	a, ok, err := TryLock(path)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if b, ok, err := TryLock(path); b != nil || ok || err != nil {
		t.Fatalf("locked twice: %v %v", ok, err)
	}
	for range 2 {
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b, ok, err := TryLock(path)
	if err != nil || !ok {
		t.Fatal("not free after Close:", err)
	}
	b.Close()
	var none *Held
	if err := none.Close(); err != nil {
		t.Error(err)
	}
}

func TestLockErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Lock(filepath.Join(dir, "no", "lock")); !os.IsNotExist(unwrap(err)) {
		t.Errorf("got %v", err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "made"), link); err != nil {
		t.Fatal(err)
	}
	if l, err := Lock(link); err == nil {
		l.Close()
		t.Error("followed a symbolic link")
	}
}

func unwrap(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		if _, ok := err.(*os.PathError); ok {
			return err
		}
		err = u.Unwrap()
	}
}

// Holders remove the file while others wait for it; there is still only one
// holder at a time.
func TestLockSurvivesRemoval(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	counter, held := 0, make(chan struct{}, 1)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				l, err := Lock(path)
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case held <- struct{}{}:
				default:
					t.Error("two holders")
					l.Close()
					return
				}
				counter++
				<-held
				os.Remove(path) // the last thing its holder does
				l.Close()
			}
		})
	}
	wg.Wait()
	if counter != 400 {
		t.Errorf("counted %d of 400", counter)
	}
}

// A program that is started does not keep the lock.
func TestLockNotInherited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	m, ok, err := TryLock(path)
	if err != nil || !ok {
		t.Error("the child holds the lock", err)
	}
	m.Close()
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestRLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var readers []*Held
	for range 2 {
		r, err := RLock(path)
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, r)
	}
	for i, r := range readers {
		if _, free, err := TryLock(path); free || err != nil {
			t.Errorf("a writer came in beside %d readers: %v", len(readers)-i, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	w, free, err := TryLock(path)
	if !free || err != nil {
		t.Fatalf("the readers are gone: %v, %v", free, err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
