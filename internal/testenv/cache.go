package testenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// cacheDir returns the directory for what is made once and kept from one test
// run to the next: MYDOCKER_TEST_CACHE, .cache at the top of the source tree,
// or, for users who may not write there, a directory of their own in the
// temporary directory.
func cacheDir() (string, error) {
	var candidates []string
	if d := os.Getenv("MYDOCKER_TEST_CACHE"); d != "" {
		candidates = append(candidates, d)
	}
	if top, err := sourceTop(); err == nil {
		candidates = append(candidates, filepath.Join(top, ".cache"))
	}
	candidates = append(candidates, filepath.Join(os.TempDir(), "mydocker-cache-"+strconv.Itoa(os.Geteuid())))
	var errs []error
	for _, dir := range candidates {
		err := os.MkdirAll(dir, 0o755)
		if err == nil {
			err = mine(dir)
		}
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// mine checks that dir is ours and writable: what others can replace must not
// be run.
func mine(dir string) error {
	var st syscall.Stat_t
	if err := syscall.Lstat(dir, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: dir, Err: err}
	}
	if int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		return fmt.Errorf("%s belongs to another user, or others may write in it", dir)
	}
	return nil
}

// sourceTop returns the directory of go.mod, going up from where the test
// runs.
func sourceTop() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no go.mod above %s", dir)
		}
	}
}
