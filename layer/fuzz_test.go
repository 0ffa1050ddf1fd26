package layer

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// FuzzUnpack: no bytes make it panic, get out, or fill the disk.
func FuzzUnpack(f *testing.F) {
	if os.Getuid() != 0 {
		f.Skip("needs root")
	}
	f.Add(archive(f, dir("d"), symlink("d/l", "/"), file("d/l/x", "text"), link("h", "x")))
	f.Fuzz(func(t *testing.T, data []byte) {
		top := t.TempDir()
		to := filepath.Join(top, "in")
		if err := os.Mkdir(to, 0o755); err != nil {
			t.Fatal(err)
		}
		r, err := Unpack(context.Background(), bytes.NewReader(data), to, Options{Limits{Entries: 64, Bytes: 1 << 20}})
		if err == nil && len(r.DiffID) != 71 {
			t.Errorf("%+v", r)
		}
		if list, err := os.ReadDir(top); err != nil || len(list) != 1 {
			t.Errorf("outside: %v, %v", list, err)
		}
	})
}
