package content

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"mydocker/internal/ocispec"
)

// Bytes that are read of a document at most.
const (
	MaxManifest = 4 << 20 // of a manifest or an index, as registries have it
	MaxConfig   = 8 << 20
)

// A docType is one of the two shapes that a manifest may have.
type docType struct {
	name   string
	types  []string // media types, OCI's first
	theirs []string // fields of the other shape
}

var (
	manifestType = docType{"manifest", []string{ocispec.MediaTypeManifest, ocispec.MediaTypeDockerManifest}, []string{"manifests"}}
	indexType    = docType{"index", []string{ocispec.MediaTypeIndex, ocispec.MediaTypeDockerList}, []string{"config", "layers"}}
)

// Manifest reads the manifest of an image for one platform. Its config and its
// layers have digests that Open knows, whether they are there or not.
func (s *Store) Manifest(d ocispec.Descriptor) (ocispec.Manifest, error) {
	var m ocispec.Manifest
	b, err := s.typed(d, manifestType)
	if err == nil {
		m, err = ParseManifest(b, d.MediaType)
	}
	if err != nil {
		return ocispec.Manifest{}, err
	}
	return m, nil
}

// IndexOf reads an index of manifests, of which some may not be there.
func (s *Store) IndexOf(d ocispec.Descriptor) (ocispec.Index, error) {
	var x ocispec.Index
	b, err := s.typed(d, indexType)
	if err == nil {
		x, err = ParseIndex(b, d.MediaType)
	}
	if err != nil {
		return ocispec.Index{}, err
	}
	return x, nil
}

// IsManifest and IsIndex tell which of the two a descriptor is of; it may be of
// something else.
func IsManifest(d ocispec.Descriptor) bool { return manifestType.has(d.MediaType) }

// IsIndex: see IsManifest.
func IsIndex(d ocispec.Descriptor) bool { return indexType.has(d.MediaType) }

func (t docType) has(mediaType string) bool {
	return mediaType == t.types[0] || mediaType == t.types[1]
}

func (s *Store) typed(d ocispec.Descriptor, t docType) ([]byte, error) {
	if !t.has(d.MediaType) {
		return nil, fmt.Errorf("%s has the media type %q, which no %s of an image has", d.Digest, d.MediaType, t.name)
	}
	return s.ReadAll(d, MaxManifest)
}

// ParseManifest reads a manifest that was called mediaType by whoever led here.
// One that calls itself otherwise, or has the fields of an index as well, could
// be two things for two readers (CVE-2021-41190).
func ParseManifest(b []byte, mediaType string) (ocispec.Manifest, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return ocispec.Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	if err := manifestType.check(b, m.SchemaVersion, m.MediaType, mediaType); err != nil {
		return ocispec.Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	if err := checkDescriptor(m.Config); err != nil {
		return ocispec.Manifest{}, fmt.Errorf("manifest: config: %w", err)
	}
	for i, l := range m.Layers {
		if err := checkDescriptor(l); err != nil {
			return ocispec.Manifest{}, fmt.Errorf("manifest: layer %d: %w", i+1, err)
		}
	}
	return m, nil
}

// ParseIndex is the same for an index. Digests of its manifests are not
// checked: those of another algorithm are no harm before one is wanted.
func ParseIndex(b []byte, mediaType string) (ocispec.Index, error) {
	var x ocispec.Index
	if err := json.Unmarshal(b, &x); err != nil {
		return ocispec.Index{}, fmt.Errorf("index: %w", err)
	}
	if err := indexType.check(b, x.SchemaVersion, x.MediaType, mediaType); err != nil {
		return ocispec.Index{}, fmt.Errorf("index: %w", err)
	}
	return x, nil
}

// check looks at what both shapes have in common; b is good JSON. own is what the
// document calls itself, or "".
func (t docType) check(b []byte, version int, own, mediaType string) error {
	if version != 2 {
		return fmt.Errorf("schema version %d is not supported, only 2", version)
	}
	if own != "" && own != mediaType {
		return fmt.Errorf("it is called %s, but says that it is %s", mediaType, own)
	}
	seen := map[string]bool{}
	for _, name := range fieldNames(b) {
		if seen[name] {
			return fmt.Errorf("it has the field %q twice", name)
		}
		seen[name] = true
		if slices.Contains(t.theirs, name) {
			return fmt.Errorf("it has the field %q, which makes it something else", name)
		}
		for _, known := range documentFields {
			if name != known && strings.EqualFold(name, known) {
				return fmt.Errorf("it has the field %q, which some take for %q", name, known)
			}
		}
	}
	return nil
}

// documentFields are those by which a document is told to be what it is.
var documentFields = []string{"schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations"}

// fieldNames lists the fields of a JSON object, of good JSON, one by one:
// encoding/json takes the last of several with one name, and "LAYERS" for
// "layers", but other readers do not.
func fieldNames(b []byte) (names []string) {
	depth, start, end := 0, -1, 0 // of the last string
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			start, end = i, endOfString(b, i)
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ':':
			if depth == 1 {
				var name string
				// It cannot fail: the JSON is good.
				_ = json.Unmarshal(b[start:end], &name)
				names = append(names, name)
			}
		}
	}
	return names
}

// endOfString returns where the string that begins at start has ended.
func endOfString(b []byte, start int) int {
	for i := start + 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// checkDescriptor looks at one that a document has.
func checkDescriptor(d ocispec.Descriptor) error {
	if d.Size < 0 {
		return fmt.Errorf("the size %d of %s is none", d.Size, d.Digest)
	}
	_, err := hexOf(d.Digest)
	return err
}
