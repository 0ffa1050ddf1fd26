package layer

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"math"
	"slices"
)

// xzIndex is a list of the sizes of blocks, as a digest, since its length is
// up to the archive.
type xzIndex struct {
	blocks uint64
	sizes  hash.Hash
}

func newXZIndex() xzIndex { return xzIndex{sizes: sha256.New()} }

func (i *xzIndex) add(unpadded, plain uint64) {
	i.blocks++
	binary.Write(i.sizes, binary.LittleEndian, [2]uint64{unpadded, plain})
}

// xzIndexReader reads the bytes of an index.
type xzIndexReader struct {
	in  *bufio.Reader
	crc hash.Hash32
	n   int64
}

func (r *xzIndexReader) add(c byte) {
	r.crc.Write([]byte{c})
	r.n++
}

func (r *xzIndexReader) ReadByte() (byte, error) {
	c, err := r.in.ReadByte()
	if err == nil {
		r.add(c)
	}
	return c, err
}

// compare reads the index with its padding.
func (r *xzIndexReader) compare(want xzIndex) error {
	blocks, err := binary.ReadUvarint(r)
	if err != nil {
		return err
	}
	if blocks != want.blocks {
		return errXZ
	}
	got := newXZIndex()
	for range blocks {
		unpadded, err := binary.ReadUvarint(r)
		if err != nil {
			return err
		}
		plain, err := binary.ReadUvarint(r)
		if err != nil {
			return err
		}
		got.add(unpadded, plain)
	}
	for r.n%4 != 0 {
		if c, err := r.ReadByte(); err != nil || c != 0 {
			return errors.Join(errXZ, err)
		}
	}
	if !bytes.Equal(got.sizes.Sum(nil), want.sizes.Sum(nil)) {
		return errXZ
	}
	return nil
}

// newXZCheck returns the check of a number; its sum is as it is stored.
func newXZCheck(number byte) (hash.Hash, error) {
	switch number {
	case 0:
		return noCheck{}, nil
	case 1:
		return littleEndian{crc32.NewIEEE()}, nil
	case 4:
		return littleEndian{crc64.New(crc64.MakeTable(crc64.ECMA))}, nil
	case 10:
		return sha256.New(), nil
	}
	return nil, fmt.Errorf("the xz archive has the check %d, which is not known", number)
}

// littleEndian turns the sums of package hash round.
type littleEndian struct{ hash.Hash }

func (l littleEndian) Sum(b []byte) []byte {
	sum := l.Hash.Sum(nil)
	slices.Reverse(sum)
	return append(b, sum...)
}

type noCheck struct{ hash.Hash }

func (noCheck) Write(p []byte) (int, error) { return len(p), nil }
func (noCheck) Sum(b []byte) []byte         { return b }
func (noCheck) Size() int                   { return 0 }

func readSize(h *bytes.Reader) (int64, error) {
	n, err := binary.ReadUvarint(h)
	if err != nil || n > math.MaxInt64 {
		return 0, errXZ
	}
	return int64(n), nil
}

func zero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// whole is for places where an archive cannot end.
func whole(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
