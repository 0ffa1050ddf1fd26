package layer

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// xzReader reads streams of "The .xz File Format", version 1.2.1, one after the
// other. The library would do it, too, but gives a block whatever memory its
// header asks for, up to 4 GiB, and takes a stream without its index for a
// whole one. Filters other than LZMA2 are for programs, nobody uses them here.
type xzReader struct {
	in    *bufio.Reader
	check byte // its number, the same for all blocks of a stream
	block *xzBlock
	index xzIndex // what the stream's index must say in the end
	err   error
}

var errXZ = errors.New("the xz archive is damaged")

const (
	xzMagic    = "\xfd7zXZ\x00"
	xzTail     = "YZ"
	xzLZMA2    = 0x21
	xzReserved = 0x3c // flags of a block that have no meaning yet
)

func newXZReader(in *bufio.Reader) (*xzReader, error) {
	x := &xzReader{in: in}
	return x, whole(x.readHeader())
}

func (x *xzReader) Read(p []byte) (n int, err error) {
	for n == 0 && len(p) > 0 && x.err == nil {
		if x.block == nil {
			x.err = x.next()
			continue
		}
		if n, x.err = x.block.Read(p); x.err == io.EOF {
			x.err = whole(x.endBlock())
		}
	}
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, x.err
}

// next begins a block, after the last of a stream the next stream, or returns io.EOF.
func (x *xzReader) next() error {
	size, err := x.in.ReadByte()
	if err != nil {
		return whole(err)
	}
	if size > 0 {
		return whole(x.beginBlock(size))
	}
	if err := x.endStream(); err != nil {
		return whole(err)
	}
	// Zeros in fours may come between streams, and at the end.
	for {
		four, err := x.in.Peek(4)
		if len(four) == 0 {
			return err
		}
		if len(four) < 4 || binary.LittleEndian.Uint32(four) != 0 {
			return whole(x.readHeader())
		}
		x.in.Discard(4)
	}
}

// readHeader begins a stream: magic, flags, CRC32 of the flags.
func (x *xzReader) readHeader() error {
	var h [12]byte
	if _, err := io.ReadFull(x.in, h[:]); err != nil {
		return err
	}
	if string(h[:6]) != xzMagic || h[6] != 0 || h[7] > 15 || crc32.ChecksumIEEE(h[6:8]) != binary.LittleEndian.Uint32(h[8:]) {
		return errXZ
	}
	x.check, x.index = h[7], newXZIndex()
	_, err := newXZCheck(x.check)
	return err
}

// beginBlock reads the rest of a block's header, which is (size+1)*4 bytes long.
func (x *xzReader) beginBlock(size byte) error {
	h := make([]byte, (int(size)+1)*4)
	h[0] = size
	if _, err := io.ReadFull(x.in, h[1:]); err != nil {
		return err
	}
	end := len(h) - 4
	if crc32.ChecksumIEEE(h[:end]) != binary.LittleEndian.Uint32(h[end:]) {
		return errXZ
	}
	b := &xzBlock{in: x.in, header: int64(len(h)), wantPacked: -1, wantPlain: -1}
	memory, err := b.parse(h[1], bytes.NewReader(h[2:end]))
	if err != nil {
		return err
	}
	if b.check, err = newXZCheck(x.check); err != nil {
		return err
	}
	if b.lzma, err = (lzma.Reader2Config{DictCap: memory}).NewReader2(b.counted()); err != nil {
		return err
	}
	x.block = b
	return nil
}

// endBlock reads what follows a block's data: padding and the check.
func (x *xzReader) endBlock() error {
	b := x.block
	x.block = nil
	if !b.lzma.EOS() {
		return io.ErrUnexpectedEOF
	}
	if b.wantPacked >= 0 && b.wantPacked != b.packed || b.wantPlain >= 0 && b.wantPlain != b.plain {
		return errXZ
	}
	padding := make([]byte, -b.packed&3)
	sum := make([]byte, b.check.Size())
	if _, err := io.ReadFull(x.in, padding); err != nil {
		return err
	}
	if _, err := io.ReadFull(x.in, sum); err != nil {
		return err
	}
	if !zero(padding) || !bytes.Equal(sum, b.check.Sum(nil)) {
		return errXZ
	}
	x.index.add(uint64(b.header+b.packed)+uint64(len(sum)), uint64(b.plain))
	return nil
}

// endStream reads the index, of which the indicator has been read, and the footer.
func (x *xzReader) endStream() error {
	r := &xzIndexReader{in: x.in, crc: crc32.NewIEEE()}
	r.add(0)
	if err := r.compare(x.index); err != nil {
		return err
	}
	var f [16]byte // the index's CRC32, then the footer
	if _, err := io.ReadFull(x.in, f[:]); err != nil {
		return err
	}
	u32 := binary.LittleEndian.Uint32
	size := (int64(u32(f[8:])) + 1) * 4 // with the CRC32
	if u32(f[:]) != r.crc.Sum32() || u32(f[4:]) != crc32.ChecksumIEEE(f[8:14]) || size != r.n+4 ||
		f[12] != 0 || f[13] != x.check || string(f[14:]) != xzTail {
		return errXZ
	}
	return nil
}

// xzBlock is a block while it is read.
type xzBlock struct {
	in     *bufio.Reader
	lzma   *lzma.Reader2
	check  hash.Hash
	header int64 // bytes

	packed, plain         int64 // bytes so far
	wantPacked, wantPlain int64 // in the end, as the header says, or -1
}

// parse reads a block's flags and filters; memory is the dictionary's size.
func (b *xzBlock) parse(flags byte, h *bytes.Reader) (memory int, err error) {
	if flags&xzReserved != 0 {
		return 0, errXZ
	}
	if flags&0x40 != 0 {
		if b.wantPacked, err = readSize(h); err != nil {
			return 0, err
		}
	}
	if flags&0x80 != 0 {
		if b.wantPlain, err = readSize(h); err != nil {
			return 0, err
		}
	}
	var filter [3]byte // number, size of properties, dictionary's size
	if _, err := io.ReadFull(h, filter[:]); err != nil {
		return 0, errXZ
	}
	if flags&3 != 0 || filter[0] != xzLZMA2 || filter[1] != 1 {
		return 0, errors.New("the xz archive has a filter besides LZMA2, which cannot be read")
	}
	capacity, err := lzma.DecodeDictCap(filter[2])
	if err != nil {
		return 0, errXZ
	}
	if capacity > maxWindow {
		return 0, fmt.Errorf("%w of %d bytes for a dictionary", ErrLimit, maxWindow)
	}
	padding := make([]byte, h.Len())
	if io.ReadFull(h, padding); !zero(padding) {
		return 0, errXZ
	}
	return int(capacity), nil
}

func (b *xzBlock) Read(p []byte) (int, error) {
	n, err := b.lzma.Read(p)
	b.plain += int64(n)
	b.check.Write(p[:n])
	return n, err
}

// counted is the block's input. No byte is read from it beyond the block.
func (b *xzBlock) counted() io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := b.in.Read(p)
		b.packed += int64(n)
		return n, err
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
