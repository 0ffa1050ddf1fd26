package layer

import (
	"bytes"
	"compress/gzip"
	"testing"

	"github.com/klauspost/compress/zstd"

	"mydocker/internal/testenv"
)

// compressed is data in frames: two members of gzip as in eStargz, frames of zstd
// between tables as in zstd:chunked.
func compressed(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	var members bytes.Buffer
	for _, part := range [][]byte{data[:700], data[700:]} {
		w := gzip.NewWriter(&members)
		w.Write(part)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(true))
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	table := []byte("\x50\x2a\x4d\x18\x03\x00\x00\x00abc")
	frames := bytes.Join([][]byte{table, enc.EncodeAll(data[:700], nil), table, enc.EncodeAll(data[700:], nil)}, nil)
	return map[string][]byte{"gzip": members.Bytes(), "zstd": frames}
}

// Frames after each other are one archive; a stream that was cut anywhere, or has
// another bit, is refused.
func TestFrames(t *testing.T) {
	testenv.Root(t)
	data := archive(t, file("f", "some text"), file("g", "other text"))
	for name, whole := range compressed(t, data) {
		if r, err := unpack(t, whole, t.TempDir()); err != nil || r.Entries != 2 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		for n := 12; n < len(whole); n += 7 {
			if _, err := unpack(t, whole[:n], t.TempDir()); err == nil {
				t.Errorf("%s: its first %d bytes of %d are taken", name, n, len(whole))
			}
		}
		good, _ := unpack(t, whole, t.TempDir())
		for n := range whole {
			flipped := bytes.Clone(whole)
			flipped[n] ^= 0x10
			// Bits of headers and tables that say nothing of the data may change.
			if r, err := unpack(t, flipped, t.TempDir()); err == nil && r.DiffID != good.DiffID {
				t.Errorf("%s: byte %d of %d is another, and so is the archive", name, n, len(whole))
			}
		}
	}
}
