package reference

import (
	"errors"
	"strings"
	"testing"
)

var sum = strings.Repeat("0123456789abcdef", 4)

// The path may have 255 bytes, with a domain of any length before it.
var long = strings.Repeat("d.", 100) + "example:5000/" + strings.Repeat("a", 255)

func TestParse(t *testing.T) {
	for in, want := range map[string][2]string{ // familiar, full
		"alpine":                        {"alpine:latest", "docker.io/library/alpine:latest"},
		"alpine:3.20":                   {"alpine:3.20", "docker.io/library/alpine:3.20"},
		"library/alpine":                {"alpine:latest", "docker.io/library/alpine:latest"},
		"docker.io/alpine":              {"alpine:latest", "docker.io/library/alpine:latest"},
		"index.docker.io/alpine":        {"alpine:latest", "docker.io/library/alpine:latest"},
		"docker.io/library/a/b":         {"library/a/b:latest", "docker.io/library/a/b:latest"},
		"me/app:v1_2-x.Y":               {"me/app:v1_2-x.Y", "docker.io/me/app:v1_2-x.Y"},
		"localhost/a":                   {"localhost/a:latest", "localhost/a:latest"},
		"localhost:5000/a/b:c":          {"localhost:5000/a/b:c", "localhost:5000/a/b:c"},
		"UP/a":                          {"UP/a:latest", "UP/a:latest"},
		"[2001:db8::1]:80/a":            {"[2001:db8::1]:80/a:latest", "[2001:db8::1]:80/a:latest"},
		"a--b__c.d":                     {"a--b__c.d:latest", "docker.io/library/a--b__c.d:latest"},
		"alpine@sha256:" + sum:          {"alpine@sha256:" + sum, "docker.io/library/alpine@sha256:" + sum},
		"alpine:1@sha256:" + sum:        {"alpine:1@sha256:" + sum, "docker.io/library/alpine:1@sha256:" + sum},
		strings.Repeat("a", 63):         {strings.Repeat("a", 63) + ":latest", "docker.io/library/" + strings.Repeat("a", 63) + ":latest"},
		long:                            {long + ":latest", long + ":latest"},
		"a:" + strings.Repeat("t", 128): {"a:" + strings.Repeat("t", 128), "docker.io/library/a:" + strings.Repeat("t", 128)},
	} {
		r, err := Parse(in)
		if err != nil || r.Familiar() != want[0] || r.String() != want[1] {
			t.Errorf("%q: %q, %q, %v, want %q", in, r.Familiar(), r, err, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for in, want := range map[string]error{
		"": ErrFormat, ":": ErrFormat, "a:": ErrFormat, ":a": ErrFormat, "/a": ErrFormat, "a/": ErrFormat,
		"a//b": ErrFormat, "-a": ErrFormat, "a-": ErrFormat, "a..b": ErrFormat, "a._b": ErrFormat, "a___b": ErrFormat,
		"a b": ErrFormat, "a:b c": ErrFormat, "a:.b": ErrFormat, "a:-b": ErrFormat, "..": ErrFormat, "../a": ErrFormat,
		"a.:80/b": ErrFormat, "a.b:/c": ErrFormat, "a.b:x/c": ErrFormat, "-a.b/c": ErrFormat, "[::1/a": ErrFormat,
		"a@": ErrFormat, "a@sha256:12": ErrFormat, "a@md5:" + sum: ErrFormat, "a@sha256:" + sum + "0": ErrFormat,
		"a:" + strings.Repeat("t", 129): ErrFormat, "a\x00": ErrFormat, "é": ErrFormat,
		"Alpine": ErrUppercase, "me/App": ErrUppercase,
		long + "a": ErrLong, strings.Repeat("a", 248): ErrLong, // it has "library/" before it
		sum: ErrID, strings.Repeat("a", 256): ErrLong,
	} {
		if r, err := Parse(in); !errors.Is(err, want) {
			t.Errorf("%q: %v, %v, want %v", in, r, err, want)
		}
	}
}

// What Parse takes it prints so that it means the same again.
func FuzzParse(f *testing.F) {
	f.Add("localhost:5000/a/b:c@sha256:" + sum)
	f.Fuzz(func(t *testing.T, in string) {
		r, err := Parse(in)
		if err != nil {
			return
		}
		for _, s := range []string{r.Familiar(), r.String()} {
			again, err := Parse(s)
			if err != nil || again != r {
				t.Errorf("%q: %+v; its form %q: %+v, %v", in, r, s, again, err)
			}
		}
		if strings.Contains("/"+r.Path+"/", "/../") || r.Path != strings.ToLower(r.Path) {
			t.Errorf("%q: path %q", in, r.Path)
		}
	})
}
