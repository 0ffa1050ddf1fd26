package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"mydocker/internal/ocispec"
)

// MaxManifest bounds manifests and indexes, in bytes, as others do (spec.md,
// "Pushing Manifests").
const MaxManifest = 4 << 20

// maxNesting bounds indexes in indexes.
const maxNesting = 3

// Document is a manifest or an index, with the bytes that its digest is of.
type Document struct {
	Descriptor ocispec.Descriptor
	Data       []byte
}

// Image is one platform's image, and how it was found.
type Image struct {
	Indexes  []Document // what named it, the outermost first; none if nothing did
	Document            // its manifest
	Manifest ocispec.Manifest
}

// isIndex tells from the media type.
func isIndex(mediaType string) bool {
	return mediaType == ocispec.MediaTypeIndex || mediaType == ocispec.MediaTypeDockerList
}

func isManifest(mediaType string) bool {
	return mediaType == ocispec.MediaTypeManifest || mediaType == ocispec.MediaTypeDockerManifest
}

var accepted = strings.Join([]string{
	ocispec.MediaTypeManifest, ocispec.MediaTypeIndex, ocispec.MediaTypeDockerManifest, ocispec.MediaTypeDockerList,
}, ", ")

// target is what a reference asks for: a digest before a tag.
func (r *Repository) target() string {
	if r.ref.Digest != "" {
		return r.ref.Digest
	}
	return r.ref.Tag
}

// Resolve returns what the reference means now, without fetching it where the
// registry tells it so. Not all of that is checked before Fetch has the bytes.
func (r *Repository) Resolve(ctx context.Context) (ocispec.Descriptor, error) {
	var desc ocispec.Descriptor
	err := r.pulling(ctx, func(e *endpoint) error {
		var err error
		desc, err = r.head(ctx, e)
		return err
	})
	if err != nil {
		return desc, r.pullError(err)
	}
	return desc, nil
}

// head asks for the header alone, and for the whole where that does not do.
func (r *Repository) head(ctx context.Context, e *endpoint) (ocispec.Descriptor, error) {
	req := r.manifestRequest(e, http.MethodHead, r.target())
	// What is wrong only the answer to a GET can say.
	req.also = []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusTooManyRequests}
	resp, err := e.do(ctx, req)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	resp.Body.Close()
	desc := ocispec.Descriptor{Digest: ocispec.Digest(resp.Header.Get("Docker-Content-Digest")),
		MediaType: contentType(resp), Size: resp.ContentLength}
	told := resp.StatusCode == http.StatusOK && (isIndex(desc.MediaType) || isManifest(desc.MediaType)) &&
		desc.Size > 0 && checkDescriptor(desc) == nil
	if !told {
		doc, err := r.get(ctx, e, r.target())
		return doc.Descriptor, err
	}
	if r.ref.Digest != "" && string(desc.Digest) != r.ref.Digest {
		return desc, fmt.Errorf("%s says that %s has the digest %s: %w", e.base.Host, r.ref, desc.Digest, ErrVerify)
	}
	if desc.Size > MaxManifest {
		return desc, tooLarge(desc.Size)
	}
	return desc, nil
}

func tooLarge(size int64) error {
	return fmt.Errorf("manifest of %d bytes, more than %d: %w", size, MaxManifest, ErrVerify)
}

// Fetch returns the document of a descriptor, which Resolve or an index gave.
func (r *Repository) Fetch(ctx context.Context, desc ocispec.Descriptor) (Document, error) {
	if err := checkDescriptor(desc); err != nil {
		return Document{}, err
	}
	if desc.Size > MaxManifest {
		return Document{}, tooLarge(desc.Size)
	}
	var doc Document
	err := r.pulling(ctx, func(e *endpoint) error {
		var err error
		doc, err = r.get(ctx, e, string(desc.Digest))
		if err == nil && (doc.Descriptor.Size != desc.Size || desc.MediaType != "" && doc.Descriptor.MediaType != desc.MediaType) {
			err = fmt.Errorf("%s is %s of %d bytes, not %s of %d: %w", desc.Digest, doc.Descriptor.MediaType,
				doc.Descriptor.Size, printable(desc.MediaType), desc.Size, ErrVerify)
		}
		return err
	})
	return doc, r.pullError(err)
}

func (r *Repository) manifestRequest(e *endpoint, method, target string) request {
	return request{method: method, url: r.url(e, "manifests/"+target), header: http.Header{"Accept": {accepted}},
		scopes: r.scopes(pull), repo: r.ref.Path}
}

// get fetches by tag or digest, and checks the bytes against both digests: the
// one asked for and the one that the registry says.
func (r *Repository) get(ctx context.Context, e *endpoint, target string) (Document, error) {
	resp, data, err := e.read(ctx, r.manifestRequest(e, http.MethodGet, target), MaxManifest)
	if err != nil {
		return Document{}, err
	}
	digest, err := manifestDigest(data, target, resp.Header.Get("Docker-Content-Digest"))
	if err != nil {
		return Document{}, fmt.Errorf("fetch manifest %s: %w", target, err)
	}
	mediaType, err := documentType(data, contentType(resp))
	if err != nil {
		return Document{}, fmt.Errorf("fetch manifest %s: %w", target, err)
	}
	return Document{ocispec.Descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(data))}, data}, nil
}

// manifestDigest is the digest asked for, else the one told, else sha256.
func manifestDigest(data []byte, target, told string) (ocispec.Digest, error) {
	if told != "" {
		if err := checkBytes(data, ocispec.Digest(told)); err != nil {
			return "", fmt.Errorf("what the registry says of it: %w", err)
		}
	}
	if strings.Contains(target, ":") { // no tag has one
		return ocispec.Digest(target), checkBytes(data, ocispec.Digest(target))
	}
	if told != "" {
		return ocispec.Digest(told), nil
	}
	return sha256Digest(data), nil
}

func contentType(resp *http.Response) string {
	t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// documentType compares what the header says, what the document says of
// itself, and what it has: nobody shall read it as something else
// (CVE-2021-41190).
func documentType(data []byte, header string) (string, error) {
	var d struct {
		SchemaVersion             int
		MediaType                 string
		Manifests, Layers, Config json.RawMessage
		FSLayers                  json.RawMessage
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return "", fmt.Errorf("not a manifest: %w: %w", ErrVerify, err)
	}
	list, image := d.Manifests != nil, d.Layers != nil || d.Config != nil
	switch {
	case d.SchemaVersion == 1 || d.FSLayers != nil || strings.HasPrefix(header, "application/vnd.docker.distribution.manifest.v1"):
		return "", fmt.Errorf("manifest of schema 1: %w: push the image again with a tool of this decade", ErrUnsupported)
	case d.SchemaVersion != 2:
		return "", fmt.Errorf("not a manifest: schema version %d: %w", d.SchemaVersion, ErrVerify)
	case list == image:
		return "", fmt.Errorf("neither a manifest nor an index, or both: %w", ErrVerify)
	}
	mediaType := header
	if d.MediaType != "" {
		mediaType = d.MediaType
	}
	known := isIndex(header) || isManifest(header)
	if known && mediaType != header {
		return "", fmt.Errorf("sent as %s, but says that it is %s: %w", header, printable(mediaType), ErrVerify)
	}
	if !known && d.MediaType == "" { // a file server, or an old registry
		mediaType = map[bool]string{true: ocispec.MediaTypeIndex, false: ocispec.MediaTypeManifest}[list]
	}
	if isIndex(mediaType) != list || isManifest(mediaType) != image {
		return "", fmt.Errorf("%s does not have what a %s has: %w", map[bool]string{true: "a list", false: "an image"}[list], printable(mediaType), ErrVerify)
	}
	return mediaType, nil
}

// Image finds the image of the reference for a platform, through indexes.
// Where the reference is one image only, its platform is the caller's to look
// at: it is in the configuration.
func (r *Repository) Image(ctx context.Context, want ocispec.Platform) (Image, error) {
	desc, err := r.Resolve(ctx)
	if err != nil {
		return Image{}, err
	}
	return r.ImageAt(ctx, desc, want)
}

// ImageAt is Image for what Resolve returned.
func (r *Repository) ImageAt(ctx context.Context, desc ocispec.Descriptor, want ocispec.Platform) (Image, error) {
	var img Image
	for range maxNesting {
		doc, err := r.Fetch(ctx, desc)
		if err != nil {
			return img, err
		}
		if !isIndex(doc.Descriptor.MediaType) {
			img.Document = doc
			img.Manifest, err = ParseManifest(doc.Data)
			return img, err
		}
		img.Indexes = append(img.Indexes, doc)
		index, err := ParseIndex(doc.Data)
		if err != nil {
			return img, err
		}
		if desc, err = Choose(index, want); err != nil {
			return img, err
		}
	}
	return img, fmt.Errorf("%s: more than %d indexes in each other: %w", r.ref.Familiar(), maxNesting-1, ErrUnsupported)
}

// ParseIndex reads an index and checks its descriptors.
func ParseIndex(data []byte) (ocispec.Index, error) {
	var index ocispec.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return index, fmt.Errorf("read index: %w", err)
	}
	for _, d := range index.Manifests {
		if err := checkDescriptor(d); err != nil {
			return index, fmt.Errorf("read index: %w", err)
		}
	}
	return index, nil
}

// ParseManifest reads an image's manifest, and refuses what is none: artifacts
// have manifests, too.
func ParseManifest(data []byte) (ocispec.Manifest, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("read manifest: %w", err)
	}
	for _, d := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
		if err := checkDescriptor(d); err != nil {
			return m, fmt.Errorf("read manifest: %w", err)
		}
	}
	if kind := artifact(m); kind != "" {
		return m, fmt.Errorf("an artifact of type %s, not an image: %w", printable(kind), ErrUnsupported)
	}
	return m, nil
}

// artifact is the type of what is no image, or empty. Old pushers wrote odd
// types into docker's manifests, and docker takes them.
func artifact(m ocispec.Manifest) string {
	switch t := m.Config.MediaType; {
	case t == ocispec.MediaTypeConfig || t == ocispec.MediaTypeDockerConfig:
		return ""
	case m.MediaType == ocispec.MediaTypeDockerManifest && (t == "" || t == "application/octet-stream"):
		return ""
	case t == ocispec.MediaTypeEmpty && m.ArtifactType != "":
		return m.ArtifactType
	case t == "":
		return "(none)"
	default:
		return t
	}
}

// errNoMatch is docker's text.
func errNoMatch(want ocispec.Platform) error {
	return fmt.Errorf("no matching manifest for %s in the manifest list entries: %w", PlatformString(want), ErrPlatform)
}
