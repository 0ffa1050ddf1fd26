package registry

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"mydocker/internal/ocispec"
)

// newHash is the hash that a digest names. The digest's form is checked.
func newHash(d ocispec.Digest) (hash.Hash, error) {
	algorithm, sum, _ := strings.Cut(string(d), ":")
	var h hash.Hash
	switch algorithm {
	case "sha256":
		h = sha256.New()
	case "sha384":
		h = sha512.New384()
	case "sha512":
		h = sha512.New()
	default:
		return nil, fmt.Errorf("digest %q: %w", printable(string(d)), ErrUnsupported)
	}
	if raw, err := hex.DecodeString(sum); err != nil || len(raw) != h.Size() || sum != strings.ToLower(sum) {
		return nil, fmt.Errorf("digest %q: not of its form: %w", printable(string(d)), ErrVerify)
	}
	return h, nil
}

// checkSum compares what went into a hash with a digest.
func checkSum(h hash.Hash, d ocispec.Digest) error {
	algorithm, _, _ := strings.Cut(string(d), ":")
	if got := algorithm + ":" + hex.EncodeToString(h.Sum(nil)); got != string(d) {
		return fmt.Errorf("digest is %s, not %s: %w", got, d, ErrVerify)
	}
	return nil
}

func checkBytes(data []byte, d ocispec.Digest) error {
	h, err := newHash(d)
	if err != nil {
		return err
	}
	h.Write(data)
	return checkSum(h, d)
}

// checkDescriptor refuses what no blob can be.
func checkDescriptor(d ocispec.Descriptor) error {
	if d.Size < 0 {
		return fmt.Errorf("size %d of %s: %w", d.Size, printable(string(d.Digest)), ErrVerify)
	}
	_, err := newHash(d.Digest)
	return err
}

func sha256Digest(data []byte) ocispec.Digest {
	sum := sha256.Sum256(data)
	return ocispec.Digest("sha256:" + hex.EncodeToString(sum[:]))
}
