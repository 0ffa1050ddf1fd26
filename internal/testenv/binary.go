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
// builds it, with its other programs beside it, from the tree as it is now, once per
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
	return build("mydocker", "mydocker-image", "mydocker-monitor")
})

// build builds commands of cmd into the cache, and returns the path of the
// first.
func build(names ...string) (string, error) {
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
	words := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", cache + "/"}
	for _, name := range names {
		words = append(words, "./cmd/"+name)
	}
	cmd := exec.Command("go", words...)
	cmd.Dir = top
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the commands: %w\n%s", err, out)
	}
	return filepath.Join(cache, names[0]), nil
}

// RuntimeBinary returns the path of the command mydocker-runtime:
// MYDOCKER_TEST_RUNTIME where that is set, which may be another runtime with
// the same command line, else cmd/mydocker-runtime as [Binary] builds commands.
func RuntimeBinary(t testing.TB) string {
	t.Helper()
	path, err := builtRuntime()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var builtRuntime = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("MYDOCKER_TEST_RUNTIME"); path != "" {
		return path, nil
	}
	return build("mydocker-runtime")
})
