package reader

import (
	"reflect"
	"testing"
)

// FuzzDecode compares the two decoders: where the fast one finds a record, it
// is the right one.
func FuzzDecode(f *testing.F) {
	const tail = `","stream":"stderr","time":"2026-01-02T03:04:05.6Z"}`
	for _, text := range []string{`plain\n`, `no end`, `\\n`, `\u0041\n`, `a\`, ``, `日本\n`} {
		f.Add([]byte(`{"log":"` + text + tail))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		got, ok := decodePlain(line)
		if !ok {
			return
		}
		want, ok := decodeAny(line)
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %+v, want %+v (%v)", line, got, want, ok)
		}
	})
}
