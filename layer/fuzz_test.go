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
	f.Add(archive(f, dir("d"), symlink("d/l", "/"), file("d/l/x", "text"), link("h", "x")), false)
	f.Add(archive(f, dir("d"), file(".wh.d", ""), file("d/.wh...", ""), file("d/.wh..wh..opq", "")), true)
	f.Fuzz(func(t *testing.T, data []byte, whiteouts bool) {
		top := t.TempDir()
		to := filepath.Join(top, "in")
		if err := os.Mkdir(to, 0o755); err != nil {
			t.Fatal(err)
		}
		r, err := Unpack(context.Background(), bytes.NewReader(data), to, Options{Limits: Limits{Entries: 64, Bytes: 1 << 20}, Whiteouts: whiteouts})
		if err == nil && len(r.DiffID) != 71 {
			t.Errorf("%+v", r)
		}
		if list, err := os.ReadDir(top); err != nil || len(list) != 1 {
			t.Errorf("outside: %v, %v", list, err)
		}
	})
}
