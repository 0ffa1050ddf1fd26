package testenv

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Busybox returns a root filesystem with the machine's static busybox, made
// once and kept: /bin with a link per applet, /usr/bin/env, passwd and group
// (root, nobody), and the usual empty directories. Tests share it: use it as a
// read-only lower directory, or take [BusyboxCopy]. The test is skipped where
// busybox is not there or not static.
func Busybox(t testing.TB) string {
	t.Helper()
	dir, err := busybox()
	if errors.Is(err, errNoBusybox) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// BusyboxCopy returns a root filesystem as [Busybox] does, the test's own to
// write in.
func BusyboxCopy(t testing.TB) string {
	t.Helper()
	Busybox(t) // skips
	root := filepath.Join(Dir(t), "rootfs")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	exe, err := staticBusybox()
	if err == nil {
		err = makeBusybox(root, exe)
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}

var errNoBusybox = errors.New("needs a static /bin/busybox (Debian package busybox-static)")

var busybox = sync.OnceValues(func() (string, error) {
	exe, err := staticBusybox()
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	info, err := os.Stat(exe)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, fmt.Sprintf("busybox-%x-%x", info.Size(), info.ModTime().UnixNano()))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	tmp, err := os.MkdirTemp(cache, "busybox-new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := makeBusybox(tmp, exe); err != nil {
		return "", fmt.Errorf("making the busybox root filesystem: %w", err)
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return dir, nil
})

// staticBusybox finds a busybox that needs no file of the host.
func staticBusybox() (string, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return "", errNoBusybox
	}
	f, err := elf.Open(path)
	if err != nil {
		return "", fmt.Errorf("%w: %v", errNoBusybox, err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "", errNoBusybox
		}
	}
	return path, nil
}

func makeBusybox(root, exe string) error {
	if err := os.Chmod(root, 0o755); err != nil { // MkdirTemp gave 0700
		return err
	}
	if err := emptyDirs(root); err != nil {
		return err
	}
	code, err := os.ReadFile(exe)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name, content string
		mode          os.FileMode
	}{
		{"etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", 0o644},
		{"etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n", 0o644},
		{"bin/busybox", string(code), 0o755},
	} {
		path := filepath.Join(root, f.name)
		if err := os.WriteFile(path, []byte(f.content), f.mode); err != nil {
			return err
		}
		if err := os.Chmod(path, f.mode); err != nil { // whatever the umask
			return err
		}
	}
	return linkApplets(root, exe)
}

// emptyDirs makes the directories, with their modes whatever the umask.
func emptyDirs(root string) error {
	for _, d := range []struct {
		name string
		mode os.FileMode
	}{
		{"bin", 0o755}, {"dev", 0o755}, {"etc", 0o755}, {"home", 0o755}, {"mnt", 0o755}, {"proc", 0o555},
		{"root", 0o700}, {"sys", 0o555}, {"tmp", 0o777 | os.ModeSticky}, {"usr", 0o755}, {"usr/bin", 0o755},
		{"var", 0o755}, {"var/tmp", 0o777 | os.ModeSticky},
	} {
		path := filepath.Join(root, d.name)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(path, d.mode); err != nil {
			return err
		}
	}
	return nil
}

func linkApplets(root, exe string) error {
	out, err := exec.Command(exe, "--list").Output()
	if err != nil {
		return fmt.Errorf("listing applets: %w", err)
	}
	for _, applet := range strings.Fields(string(out)) {
		err := os.Symlink("busybox", filepath.Join(root, "bin", applet))
		if err != nil && !(applet == "busybox" && errors.Is(err, os.ErrExist)) {
			return err
		}
	}
	return os.Symlink("../../bin/busybox", filepath.Join(root, "usr/bin/env"))
}
