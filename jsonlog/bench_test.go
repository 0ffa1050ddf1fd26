package jsonlog

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkWrite is the log of yes(1), with words of several lengths, as it
// comes through a pipe: 64 KiB at a time.
func BenchmarkWrite(b *testing.B) {
	for _, word := range []string{"y\n", strings.Repeat("y", 79) + "\n", strings.Repeat("y", 1023) + "\n", strings.Repeat("\xff", 79) + "\n"} {
		b.Run(fmt.Sprintf("%.1q-%d", word, len(word)), func(b *testing.B) {
			w, err := Open(filepath.Join(b.TempDir(), "log"), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			s := w.Stream("stdout")
			p := bytes.Repeat([]byte(word), 64<<10/len(word))
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				s.Write(p)
			}
		})
	}
}
