package content

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	if err := decode(b, manifestType, mediaType, &m); err != nil {
		return ocispec.Manifest{}, err
	}
	if err := check(m.Config); err != nil {
		return ocispec.Manifest{}, fmt.Errorf("manifest: config: %w", err)
	}
	for i, l := range m.Layers {
		if err := check(l); err != nil {
			return ocispec.Manifest{}, fmt.Errorf("manifest: layer %d: %w", i+1, err)
		}
	}
	return m, nil
}

// ParseIndex is the same for an index. Digests of its manifests are not
// checked: those of another algorithm are no harm before one is wanted.
func ParseIndex(b []byte, mediaType string) (ocispec.Index, error) {
	var x ocispec.Index
	if err := decode(b, indexType, mediaType, &x); err != nil {
		return ocispec.Index{}, err
	}
	return x, nil
}

func decode(b []byte, t docType, mediaType string, v any) error {
	fields, err := document(b, t)
	if err != nil {
		return err
	}
	var own string
	if raw, ok := fields["mediaType"]; ok {
		if err := json.Unmarshal(raw, &own); err != nil {
			return fmt.Errorf("%s: mediaType: %w", t.name, err)
		}
	}
	if own != "" && own != mediaType {
		return fmt.Errorf("%s: it is called %s, but says that it is %s", t.name, mediaType, own)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	return nil
}

// document splits a manifest or an index into its fields, and checks what
// both have in common.
func document(b []byte, t docType) (map[string]json.RawMessage, error) {
	fields, err := object(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	for _, name := range t.theirs {
		if _, ok := fields[name]; ok {
			return nil, fmt.Errorf("%s: it has the field %q, which makes it something else", t.name, name)
		}
	}
	var own struct {
		Version int    `json:"schemaVersion"`
		Type    string `json:"mediaType"`
	}
	if err := json.Unmarshal(b, &own); err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	if own.Version != 2 {
		return nil, fmt.Errorf("%s: schema version %d is not supported, only 2", t.name, own.Version)
	}
	if own.Type != "" && !t.has(own.Type) {
		return nil, fmt.Errorf("%s: it says that it is %s", t.name, own.Type)
	}
	return fields, nil
}

// documentFields are those by which a document is told to be what it is.
var documentFields = []string{"schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations"}

// object splits a JSON object. encoding/json takes the last of several fields
// with one name, and "LAYERS" for "layers": others do not, so both are refused.
func object(b []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(errors.New("it is no JSON object"), err)
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := t.(string) // nothing else begins a field
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("it has the field %q twice", name)
		}
		for _, known := range documentFields {
			if name != known && strings.EqualFold(name, known) {
				return nil, fmt.Errorf("it has the field %q, which some take for %q", name, known)
			}
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, err
		}
		fields[name] = raw
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	return fields, nil
}

// check looks at a descriptor that a document has.
func check(d ocispec.Descriptor) error {
	if d.Size < 0 {
		return fmt.Errorf("the size %d of %s is none", d.Size, d.Digest)
	}
	_, err := hexOf(d.Digest)
	return err
}
