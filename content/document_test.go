package content

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"mydocker/internal/ocispec"
)

const (
	someDigest   = `"digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":3`
	someManifest = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{` + someDigest + `},"layers":[{` + someDigest + `}]}`
	someIndex    = `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",` + someDigest + `}]}`
)

func TestParseManifest(t *testing.T) {
	docker := strings.Replace(someManifest, ocispec.MediaTypeManifest, ocispec.MediaTypeDockerManifest, 1)
	for text, mediaType := range map[string]string{
		someManifest: ocispec.MediaTypeManifest, docker: ocispec.MediaTypeDockerManifest,
		strings.Replace(someManifest, `"mediaType":"application/vnd.oci.image.manifest.v1+json",`, "", 1): ocispec.MediaTypeManifest,
	} {
		if m, err := ParseManifest([]byte(text), mediaType); err != nil || len(m.Layers) != 1 || m.Config.Size != 3 {
			t.Errorf("%s: %+v, %v", text, m, err)
		}
	}
	for text, want := range map[string]string{
		docker: "is called application/vnd.oci.image.manifest.v1+json, but says that it is application/vnd.docker",
		// CVE-2021-41190: a manifest for one reader, an index for another.
		strings.Replace(someManifest, `"config"`, `"manifests":[],"config"`, 1):   `the field "manifests"`,
		strings.Replace(someManifest, `"config"`, `"Manifests":[],"config"`, 1):   `some take for "manifests"`,
		strings.Replace(someManifest, `"layers"`, `"layers":[],"layers"`, 1):      `the field "layers" twice`,
		strings.Replace(someManifest, `"layers"`, `"layer\u0073":[],"layers"`, 1): `the field "layers" twice`,
		strings.Replace(someManifest, `"layers"`, `"layerſ"`, 1):                  `some take for "layers"`,
		"null": "schema version",
		strings.Replace(someManifest, `"layers"`, `"LAYERS"`, 1):                          `some take for "layers"`,
		strings.Replace(someManifest, `.manifest.v1`, `.index.v1`, 1):                     "says that it is application/vnd.oci.image.index",
		strings.Replace(someManifest, `"schemaVersion":2`, `"schemaVersion":1`, 1):        "schema version 1 is not supported",
		strings.Replace(someManifest, `"size":3}]`, `"size":-3}]`, 1):                     "layer 1: the size -3",
		strings.Replace(someManifest, `[{"digest":"sha256:`, `[{"digest":"sha512:`, 1):    `layer 1: digest algorithm "sha512"`,
		strings.Replace(someManifest, `{"digest":"sha256:`, `{"digest":"sha256:../..`, 1): "config: ",
		`{"schemaVersion":2,"layers":[]}`:                                                 "config: ",
		someManifest + "{}":                                                               "after top-level value",
		"[]":                                                                              "manifest: ",
		"":                                                                                "manifest: ",
		someManifest[:len(someManifest)-1]:                                                "manifest: ",
		`{"schemaVersion":2,"layers":3}`:                                                  "cannot unmarshal",
		`{"schemaVersion":2,"mediaType":3}`:                                               "cannot unmarshal",
	} {
		m, err := ParseManifest([]byte(text), ocispec.MediaTypeManifest)
		contains(t, err, want)
		if !reflect.DeepEqual(m, ocispec.Manifest{}) {
			t.Errorf("%s: an error and %+v", text, m)
		}
	}
}

func TestParseIndex(t *testing.T) {
	if x, err := ParseIndex([]byte(someIndex), ocispec.MediaTypeIndex); err != nil || len(x.Manifests) != 1 {
		t.Errorf("%+v, %v", x, err)
	}
	for text, want := range map[string]string{
		strings.Replace(someIndex, `"manifests"`, `"layers":[],"manifests"`, 1):                                   `the field "layers"`,
		strings.Replace(someIndex, `"manifests"`, `"config":{},"manifests"`, 1):                                   `the field "config"`,
		strings.Replace(someIndex, `"manifests"`, `"mediaType":"`+ocispec.MediaTypeDockerList+`","manifests"`, 1): "is called",
	} {
		_, err := ParseIndex([]byte(text), ocispec.MediaTypeIndex)
		contains(t, err, want)
	}
}

func TestFieldNames(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "", `null`: "", `"a:"`: "", `[{"a":1}]`: "", `{"a":{"b":1},"c":[{"d":":"}]}`: "a c", `{"a":1,"a":2}`: "a a",
		`{"a:\"":"}{[:","\\" : "\\", "\u0062" :1}`: `a:" \ b`,
	} {
		if got := strings.Join(fieldNames([]byte(text)), " "); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// FuzzManifest: what is taken for a manifest is none for those who read indexes,
// and means the same after it was written again.
func FuzzManifest(f *testing.F) {
	for _, seed := range []string{someManifest, someIndex, `{"schemaVersion":2,"Layers":[],"layers":[]}`, `{"schemaVersion":2,"config":{},"manifests":[]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b, ocispec.MediaTypeManifest)
		if err != nil {
			return
		}
		var exact map[string]json.RawMessage
		if err := json.Unmarshal(b, &exact); err != nil || exact["manifests"] != nil {
			t.Fatalf("%v, %q", err, b)
		}
		if len(m.Layers) > 0 && exact["layers"] == nil {
			t.Fatalf("layers of another field: %q", b)
		}
		if _, err := ParseIndex(b, ocispec.MediaTypeIndex); err == nil {
			t.Fatalf("both a manifest and an index: %q", b)
		}
		for _, d := range append(m.Layers, m.Config) {
			if d.Size < 0 || len(d.Digest) != 71 {
				t.Fatalf("%+v", d)
			}
		}
	})
}

// FuzzIndex: an index.json that can be read is written so that it says the same.
func FuzzIndex(f *testing.F) {
	for _, seed := range []string{someIndex, someManifest, `{"schemaVersion":2,"manifests":[{"annotations":{"org.opencontainers.image.ref.name":"a"},"x":1}],"y":2}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := parseIndex(b)
		if err != nil {
			return
		}
		before := len(x.Entries)
		x.Set("fuzz", ocispec.Descriptor{MediaType: ocispec.MediaTypeManifest, Digest: "sha256:new"})
		for i := range x.Entries[:len(x.Entries)-1] {
			x.Entries[i].Annotations = unnamed(x.Entries[i].Annotations)
		}
		text, err := x.marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseIndex(text)
		if err != nil {
			t.Fatalf("%v: %q became %q", err, b, text)
		}
		if d, ok := again.Find("fuzz"); !ok || d.Digest != "sha256:new" || len(again.Entries) > before+1 {
			t.Fatalf("%q became %q", b, text)
		}
	})
}
