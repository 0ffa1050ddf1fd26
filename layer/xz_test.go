package layer

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// xzip is the output of xz(1).
func xzip(t testing.TB, data []byte, flags ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath("xz"); err != nil {
		t.Skip("needs xz")
	}
	cmd := exec.Command("xz", append([]string{"-c"}, flags...)...)
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func unxz(data []byte) ([]byte, error) {
	r, err := newXZReader(bufio.NewReader(bytes.NewReader(data)))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// noise is half random, half not, the same at every call.
func noise(n int) []byte {
	b := bytes.Repeat([]byte("words and words "), n/16+1)[:n]
	rand.NewChaCha8([32]byte{1}).Read(b[:n/2])
	return b
}

func TestXZ(t *testing.T) {
	data := noise(300_000)
	padding := make([]byte, 8)
	for name, packed := range map[string][]byte{
		"none":     xzip(t, data, "-Cnone"),
		"crc32":    xzip(t, data, "-Ccrc32"),
		"crc64":    xzip(t, data, "-Ccrc64"),
		"sha256":   xzip(t, data, "-Csha256"),
		"blocks":   xzip(t, data, "-T2", "--block-size=4096"),
		"streams":  slices.Concat(xzip(t, data[:1000]), xzip(t, nil), xzip(t, data[1000:], "-Cnone", "-0")),
		"padding":  slices.Concat(xzip(t, data[:1000]), padding, xzip(t, data[1000:]), padding),
		"strong":   xzip(t, data, "-9e"),
		"one byte": xzip(t, data, "--lzma2=dict=4KiB"),
	} {
		if got, err := unxz(packed); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if got, err := unxz(xzip(t, nil)); err != nil || len(got) != 0 {
		t.Errorf("nothing: %q, %v", got, err)
	}
}

// No byte may be another and change what comes out, and none may be missing.
func TestXZDamaged(t *testing.T) {
	data := noise(200)
	good := xzip(t, data, "-T2", "--block-size=128")
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 0x10
		if got, err := unxz(bad); err == nil && !bytes.Equal(got, data) {
			t.Errorf("byte %d of %d is another, unnoticed", i, len(good))
		}
		if _, err := unxz(good[:i]); !errors.Is(tooEarly(err), ErrTruncated) {
			t.Errorf("%d of %d bytes: %v", i, len(good), err)
		}
	}
	for name, more := range map[string][]byte{"text": []byte("text"), "three zeros": make([]byte, 3)} {
		if _, err := unxz(append(slices.Clone(good), more...)); err == nil {
			t.Errorf("%s may follow", name)
		}
	}
	if _, err := unxz(xzip(t, data, "--x86", "--lzma2")); err == nil || !strings.Contains(err.Error(), "filter") {
		t.Error(err)
	}
}

// A header of some bytes cannot ask for gigabytes of memory, in whichever block.
func TestXZMemory(t *testing.T) {
	good := xzip(t, noise(200))
	const header, dictionary = 12, 4
	for code, want := range map[byte]error{30: nil, 31: ErrLimit, 40: ErrLimit, 41: errXZ} { // 128, 192, 4096 MiB
		block := good[header : header+(int(good[header])+1)*4]
		block[dictionary] = code
		binary.LittleEndian.PutUint32(block[len(block)-4:], crc32.ChecksumIEEE(block[:len(block)-4]))
		if _, err := unxz(good); !errors.Is(err, want) {
			t.Errorf("code %d: %v, want %v", code, err, want)
		}
	}
}
