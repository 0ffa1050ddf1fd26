package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Programs builds Go packages of a module below the test's directory, which has
// requirements of its own, into the cache, and returns the directory with the
// programs.
func Programs(t testing.TB, module string, packages ...string) string {
	t.Helper()
	dir, err := programs(module, packages)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func programs(module string, packages []string) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	lock, err := lockFile(cache)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	dir := filepath.Join(cache, filepath.Base(module))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	cmd := exec.Command("go", append([]string{"build", "-ldflags=-s -w", "-o", dir + "/"}, packages...)...)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the programs of %s: %w\n%s", module, err, out)
	}
	return dir, nil
}
