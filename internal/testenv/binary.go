package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Binary returns the path of the command mydocker: MYDOCKER_BIN where that is
// set (there need not be a compiler then), else cmd/mydocker as `make build`
// builds it, with its monitor beside it, from the tree as it is now, once per
// test process.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("MYDOCKER_BIN"); path != "" {
		return path, nil
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	top, err := sourceTop()
	if err != nil {
		return "", err
	}
	lock, err := lockFile(cache) // another test process may be building it
	if err != nil {
		return "", err
	}
	defer lock.Close()
	// The go command replaces the file only when it differs, and by another
	// file, so that whoever runs the old one is not disturbed.
	path := filepath.Join(cache, "mydocker")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", cache+"/", "./cmd/mydocker", "./cmd/mydocker-monitor")
	cmd.Dir = top
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the commands: %w\n%s", err, out)
	}
	return path, nil
})
