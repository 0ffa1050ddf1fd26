// Package reference reads the names of images as users write them:
// [host[:port]/]path[:tag][@algorithm:hex]. The grammar is that of the
// distribution project's reference specification, with docker's short forms.
package reference

import (
	"errors"
	"strings"
)

// What Parse complains of, in docker's words.
var (
	ErrFormat    = errors.New("invalid reference format")
	ErrUppercase = errors.New("invalid reference format: repository name must be lowercase")
	ErrLong      = errors.New("repository name must not be more than 255 characters")
	ErrID        = errors.New("invalid repository name, cannot specify 64-byte hexadecimal strings")
)

const (
	defaultDomain = "docker.io"
	legacyDomain  = "index." + defaultDomain // an old name of the same
	officialPath  = "library/"
	defaultTag    = "latest"

	maxPath = 255
	maxTag  = 128
)

// Ref is a complete reference: nothing in it is left to a default, except that
// there is no Tag where only a Digest was written.
type Ref struct {
	Domain string // "docker.io", "localhost:5000"
	Path   string // "library/alpine"
	Tag    string // "latest"
	Digest string // "sha256:<hex>", or empty
}

// Parse reads a reference: "alpine", "alpine:3.20", "host:5000/a/b@sha256:...".
func Parse(s string) (Ref, error) {
	if isHex(s) && len(s) == 64 {
		return Ref{}, ErrID
	}
	rest, digest, pinned := strings.Cut(s, "@")
	if pinned && !validDigest(digest) {
		return Ref{}, ErrFormat
	}
	name, tag := cutTag(rest)
	domain, path := splitDomain(name)
	if path != strings.ToLower(path) {
		return Ref{}, ErrUppercase
	}
	if !validDomain(domain) || !validPath(path) || tag != "" && !validTag(tag[1:]) {
		return Ref{}, ErrFormat
	}
	if len(path) > maxPath { // the domain is not counted
		return Ref{}, ErrLong
	}
	r := Ref{Domain: domain, Path: path, Tag: strings.TrimPrefix(tag, ":"), Digest: digest}
	if !pinned && tag == "" {
		r.Tag = defaultTag
	}
	return r, nil
}

// Name is the reference without tag and digest, as short as docker prints it:
// "alpine", "localhost:5000/a".
func (r Ref) Name() string {
	if r.Domain != defaultDomain {
		return r.Domain + "/" + r.Path
	}
	// Only library/x has a short form: library/a/b keeps its first part.
	short := strings.TrimPrefix(r.Path, officialPath)
	if strings.Contains(short, "/") {
		return r.Path
	}
	return short
}

// Familiar is the reference as docker prints it: "alpine:latest".
func (r Ref) Familiar() string { return r.Name() + r.suffix() }

// String is the reference in full: "docker.io/library/alpine:latest".
func (r Ref) String() string { return r.Domain + "/" + r.Path + r.suffix() }

func (r Ref) suffix() string {
	s := ""
	if r.Tag != "" {
		s = ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}

// cutTag splits at the last colon that is not a port's; tag keeps the colon.
func cutTag(s string) (name, tag string) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.Contains(s[i:], "/") {
		return s, ""
	}
	return s[:i], s[i:]
}

// splitDomain completes a name. The first part is a domain only if it looks
// like one, else it belongs to the path.
func splitDomain(name string) (domain, path string) {
	domain, path, ok := strings.Cut(name, "/")
	looks := strings.ContainsAny(domain, ".:") || domain == "localhost" || domain != strings.ToLower(domain)
	if !ok || !looks {
		domain, path = defaultDomain, name
	}
	if domain == legacyDomain {
		domain = defaultDomain
	}
	if domain == defaultDomain && !strings.Contains(path, "/") {
		path = officialPath + path
	}
	return domain, path
}
