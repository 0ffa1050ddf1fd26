package layer

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxWindow bounds the memory a zstd archive may ask for: "zstd --ultra -22".
const maxWindow = 128 << 20

// decompress looks at the first bytes for the way an archive is compressed. The
// caller calls done in the end.
func decompress(r io.Reader) (plain io.Reader, done func(), err error) {
	done = func() {}
	b := bufio.NewReaderSize(r, 64<<10)
	start, err := b.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, done, err
	}
	begins := func(magic string) bool { return bytes.HasPrefix(start, []byte(magic)) }
	switch {
	case begins("\x1f\x8b"):
		plain, err = gzip.NewReader(b)
	case begins("\x28\xb5\x2f\xfd"):
		var z *zstd.Decoder
		if z, err = zstd.NewReader(b, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1)); err == nil {
			plain, done = z, z.Close
		}
	case begins("\xfd7zXZ\x00"):
		tail := &xzTail{r: b}
		if tail.plain, err = xz.NewReader(tail); err == nil {
			plain = xzReader{tail}
		}
	case begins("BZh"):
		plain = bzip2.NewReader(b)
	default:
		return b, done, nil
	}
	return plain, done, err
}

// xzTail remembers the end of what is read, zero padding left out. The decoder
// takes an archive without its index and footer for a whole one.
type xzTail struct {
	r     io.Reader
	last  [2]byte
	plain io.Reader // the decoder that reads from here
}

func (t *xzTail) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	for _, c := range p[:n] {
		if c != 0 {
			t.last = [2]byte{t.last[1], c}
		}
	}
	return n, err
}

// xzReader is the decoder, whose end must be that of a stream.
type xzReader struct{ tail *xzTail }

func (x xzReader) Read(p []byte) (int, error) {
	n, err := x.tail.plain.Read(p)
	if errors.Is(err, io.EOF) && string(x.tail.last[:]) != "YZ" {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
