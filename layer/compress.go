package layer

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory that an archive may ask for: that of "zstd --ultra
// -22", twice that of "xz -9".
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
	case begins("\x28\xb5\x2f\xfd"), skippable(start):
		var z *zstd.Decoder
		if z, err = zstd.NewReader(b, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1)); err == nil {
			plain, done = z, z.Close
		}
	case begins(xzMagic):
		plain, err = newXZReader(b)
	case begins("BZh"):
		plain = bzip2.NewReader(b)
	default:
		return b, done, nil
	}
	return plain, done, err
}

// skippable tells a frame of zstd that decoders pass over (RFC 8878, section 3.1.2):
// zstd:chunked keeps its tables in such.
func skippable(start []byte) bool {
	return len(start) >= 4 && start[0]&0xf0 == 0x50 && string(start[1:4]) == "\x2a\x4d\x18"
}
