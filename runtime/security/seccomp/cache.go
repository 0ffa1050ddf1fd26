package seccomp

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/atomicfile"
)

// cacheVersion changes with the compiler.
const cacheVersion = "3 " + cacheName

// cacheSize is how many programs are kept, of some thousand bytes each. Most
// machines have a handful; who makes a profile for each container has one more
// each time.
const cacheSize = 256

// Cached is Compile with a memory: a directory of programs, each in a file
// named by the hash of its profile. A file that is damaged is not used; one that
// cannot be written is no error. Of more than [cacheSize] the oldest are removed.
func Cached(dir string, p *specs.LinuxSeccomp) (*Filter, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return cached(dir, text, func() (*Filter, error) { return Compile(p) })
}

// CachedText is Cached for a profile that [json.Marshal] wrote: it is decoded
// only when its program is not in the cache.
func CachedText(dir string, text []byte) (*Filter, error) {
	return cached(dir, text, func() (*Filter, error) {
		var p specs.LinuxSeccomp
		if err := json.Unmarshal(text, &p); err != nil {
			return nil, fmt.Errorf("seccomp profile: %w", err)
		}
		return Compile(&p)
	})
}

// Given is CachedText for the profile of a bundle: as runc has it, see [Empty] and
// [Defaults]. Without a profile, or an empty one, the filter is nil.
func Given(dir string, text []byte) (*Filter, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	compile := func() (*Filter, error) {
		var p specs.LinuxSeccomp
		if err := json.Unmarshal(text, &p); err != nil {
			return nil, fmt.Errorf("seccomp profile: %w", err)
		}
		if Empty(&p) {
			return nil, errEmpty
		}
		return Compile(Defaults(p))
	}
	f, err := cached(dir, append([]byte("given "), text...), compile)
	if errors.Is(err, errEmpty) {
		return nil, nil
	}
	return f, err
}

var errEmpty = errors.New("an empty profile")

func cached(dir string, text []byte, compile func() (*Filter, error)) (*Filter, error) {
	sum := sha256.Sum256(append([]byte(cacheVersion), text...))
	file := filepath.Join(dir, hex.EncodeToString(sum[:]))
	if b, err := os.ReadFile(file); err == nil {
		if f, err := decode(b); err == nil {
			return f, nil
		}
	}
	f, err := compile()
	if err != nil {
		return nil, err
	}
	if os.MkdirAll(dir, 0o700) == nil {
		atomicfile.Write(file, encode(f), 0o600, false)
		shrink(dir)
	}
	return f, nil
}

// shrink removes a quarter of a cache that has become too large. A program that
// is in use is compiled again, and is young then.
func shrink(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) <= cacheSize {
		return
	}
	age := map[string]time.Time{}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			age[e.Name()] = info.ModTime()
		}
	}
	names := slices.SortedFunc(maps.Keys(age), func(a, b string) int { return age[a].Compare(age[b]) })
	for _, name := range names[:len(names)-min(len(names), cacheSize*3/4)] {
		os.Remove(filepath.Join(dir, name))
	}
}

// encode returns the flags and the program behind their checksum.
func encode(f *Filter) []byte {
	body := append(binary.BigEndian.AppendUint32(nil, uint32(f.Flags)), f.Bytes()...)
	sum := sha256.Sum256(body)
	return append(sum[:], body...)
}

func decode(b []byte) (*Filter, error) {
	if len(b) < sha256.Size+4 || (len(b)-sha256.Size-4)%8 != 0 {
		return nil, errors.New("seccomp: cached program has a wrong length")
	}
	body := b[sha256.Size:]
	if sha256.Sum256(body) != [sha256.Size]byte(b[:sha256.Size]) {
		return nil, errors.New("seccomp: cached program is damaged")
	}
	f := &Filter{Flags: uint(binary.BigEndian.Uint32(body))}
	for at := body[4:]; len(at) > 0; at = at[8:] {
		f.Insns = append(f.Insns, Insn{binary.NativeEndian.Uint16(at), at[2], at[3], binary.NativeEndian.Uint32(at[4:])})
	}
	return f, nil
}
