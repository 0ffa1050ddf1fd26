package pull

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"mydocker/content"
	"mydocker/internal/ocispec"
	"mydocker/registry"
)

// errImage says that the documents of an image contradict each other.
var errImage = errors.New("not an image that can be run")

// maxNesting bounds indexes in indexes, as package registry does.
const maxNesting = 3

// manifest finds the image for the platform, through indexes.
func (j *job) manifest(ctx context.Context, d ocispec.Descriptor) (ocispec.Manifest, error) {
	want := registry.HostPlatform()
	if j.o.Platform != nil {
		want = *j.o.Platform
	}
	for range maxNesting {
		b, err := j.document(ctx, d)
		if err != nil {
			return ocispec.Manifest{}, err
		}
		if content.IsManifest(d) {
			return registry.ParseManifest(b)
		}
		index, err := registry.ParseIndex(b)
		if err != nil {
			return ocispec.Manifest{}, err
		}
		if d, err = registry.Choose(index, want); err != nil {
			return ocispec.Manifest{}, err
		}
	}
	return ocispec.Manifest{}, fmt.Errorf("%s: more than %d indexes in each other: %w", j.o.Ref.Familiar(), maxNesting-1, registry.ErrUnsupported)
}

// document reads a manifest or an index that is here, else it is fetched.
func (j *job) document(ctx context.Context, d ocispec.Descriptor) ([]byte, error) {
	if err := j.lease.Hold(d); err != nil {
		return nil, err
	}
	b, err := j.whole(ctx, d, content.MaxManifest)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	doc, err := j.repo.Fetch(ctx, d)
	if err != nil {
		return nil, err
	}
	if d.MediaType != doc.Descriptor.MediaType {
		return nil, fmt.Errorf("%s is called %q and is %s: %w", d.Digest, d.MediaType, doc.Descriptor.MediaType, registry.ErrVerify)
	}
	// Others read it more strictly, and must be able to.
	if content.IsManifest(d) {
		_, err = content.ParseManifest(doc.Data, d.MediaType)
	} else {
		_, err = content.ParseIndex(doc.Data, d.MediaType)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", d.Digest, errImage, err)
	}
	return doc.Data, j.ingest(ctx, d, doc.Data)
}

// whole reads a small blob that is here, and removes it where it is damaged.
func (j *job) whole(ctx context.Context, d ocispec.Descriptor, max int64) ([]byte, error) {
	b, err := j.Content.ReadAll(d, max)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	bad, derr := j.Content.Discard(ctx, d.Digest)
	if derr != nil || !bad {
		return nil, errors.Join(err, derr)
	}
	return nil, fs.ErrNotExist
}

func (j *job) ingest(ctx context.Context, d ocispec.Descriptor, b []byte) error {
	w, err := j.lease.Ingest(ctx, d)
	if errors.Is(err, content.ErrExists) {
		return nil
	}
	if err != nil {
		return err
	}
	defer w.Close()
	if w.Offset() > int64(len(b)) {
		return fmt.Errorf("blob %s: more is here than there is", d.Digest)
	}
	if _, err := w.Write(b[w.Offset():]); err != nil {
		return err
	}
	if _, err := w.Commit(); err != nil {
		return err
	}
	return w.Close()
}

// config reads the configuration, which has to go with the manifest.
func (j *job) config(ctx context.Context, m ocispec.Manifest) ([]byte, ocispec.Image, error) {
	var c ocispec.Image
	raw, err := j.whole(ctx, m.Config, content.MaxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		raw, err = j.small(ctx, m.Config, content.MaxConfig)
	}
	if err != nil {
		return nil, c, err
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, c, fmt.Errorf("its configuration: %w: %w", errImage, err)
	}
	if c.RootFS.Type != "layers" {
		return nil, c, fmt.Errorf("its root file system is of type %q, not layers: %w", c.RootFS.Type, errImage)
	}
	if len(c.RootFS.DiffIDs) != len(m.Layers) {
		return nil, c, fmt.Errorf("its manifest has %d layers, its configuration tells of %d: %w", len(m.Layers), len(c.RootFS.DiffIDs), errImage)
	}
	for _, l := range m.Layers {
		if !isLayer(l.MediaType) {
			return nil, c, fmt.Errorf("a layer of type %q: %w", l.MediaType, errImage)
		}
	}
	return raw, c, nil
}

// small fetches a blob to read it.
func (j *job) small(ctx context.Context, d ocispec.Descriptor, max int64) ([]byte, error) {
	if d.Size > max {
		return nil, fmt.Errorf("blob %s of %d bytes, more than %d: %w", d.Digest, d.Size, max, registry.ErrVerify)
	}
	if err := j.fetch(ctx, d, func(int64) {}); err != nil {
		return nil, err
	}
	return j.Content.ReadAll(d, max)
}

// isLayer tells from the media type whether it is an archive of files; how that is
// compressed its first bytes tell.
func isLayer(mediaType string) bool {
	for _, known := range []string{"application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."} {
		if strings.HasPrefix(mediaType, known) {
			return !strings.Contains(mediaType, "encrypted")
		}
	}
	return false
}

// platform compares the configuration's with the one that was asked for; that a
// machine is another than this is a warning where nobody asked.
func (j *job) platform(is ocispec.Platform) (warnings []string, err error) {
	if is.OS == "" && is.Architecture == "" {
		return nil, nil
	}
	want := registry.HostPlatform()
	if j.o.Platform != nil {
		want = *j.o.Platform
	}
	if _, err := registry.Choose(ocispec.Index{Manifests: []ocispec.Descriptor{{Platform: &is}}}, want); err == nil {
		return nil, nil
	}
	if j.o.Platform != nil {
		return nil, &PlatformError{j.o.Ref.Familiar(), registry.PlatformString(want), registry.PlatformString(is)}
	}
	return []string{fmt.Sprintf("the requested image's platform (%s) does not match the detected host platform (%s) and no specific platform was requested",
		registry.PlatformString(is), registry.PlatformString(want))}, nil
}
