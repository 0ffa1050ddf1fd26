package runtime

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"mydocker/linux"
)

// TestHome reads passwd(5) files of containers, and what images put in their place.
func TestHome(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(outside, []byte("root:x:0:0::/stolen:/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		uid        uint32
		make       func(file string) error
		fails      bool
	}{
		{"file", "/root", 0, write("root:x:0:0:root:/root:/bin/sh\nu:x:7:7::/home/u:\n"), false},
		{"another", "/home/u", 7, write("root:x:0:0:root:/root:/bin/sh\nu:x:7:7::/home/u:\n"), false},
		{"no such user", "/", 8, write("root:x:0:0:root:/root:/bin/sh\n"), false},
		{"wrong lines", "/ok", 0, write("\n:::\nroot:x:00000000000000000000:0\nroot:x:4294967296:0::/big:\nx:x:0:0:::\nroot:x:0:0::/ok:"), false},
		{"nothing", "/", 0, func(string) error { return nil }, true},
		{"link out", "/", 0, func(f string) error { return os.Symlink(outside, f) }, true},
		{"link up", "/", 0, func(f string) error { return os.Symlink("../../../../../../.."+outside, f) }, true},
		{"pipe", "/", 0, func(f string) error { return syscall.Mkfifo(f, 0o644) }, true},
		{"directory", "/", 0, func(f string) error { return os.Mkdir(f, 0o755) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "etc"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := c.make(filepath.Join(dir, "etc/passwd")); err != nil {
				t.Fatal(err)
			}
			root, err := linux.OpenDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			hang := time.AfterFunc(time.Minute, func() { panic("it waits for a pipe") })
			defer hang.Stop()
			if got, err := Home(root, c.uid); got != c.want || (err != nil) != c.fails {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func write(text string) func(string) error {
	return func(file string) error { return os.WriteFile(file, []byte(text), 0o644) }
}
