// Package importer makes an image of the root file system in an archive. It is
// apart from package image because of the decompressors, which every command
// would pay for.
package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"mydocker/image"
	"mydocker/internal/ocispec"
	"mydocker/layer"
	"mydocker/linux"
)

// Options say what an image gets besides its files.
type Options struct {
	Ref      string   // its name, or "" for none
	Changes  []string // lines of a Dockerfile: "CMD [\"/bin/sh\"]", see Apply
	Message  string   // the comment in its history; "" is docker's "Imported from -"
	Platform string   // "linux/arm64/v8"; "" is this machine's
}

// Import reads a tar archive, plain or compressed (see package layer), and
// stores it as an image of one layer. All that options can be wrong in is found
// before the first byte is read. The image is there for others, its files on
// the disk, when Import returns; a failure or a kill leaves no image. The
// reader may still be read from after the end of ctx.
func Import(ctx context.Context, s *image.Store, r io.Reader, o Options) (_ image.Image, err error) {
	config, err := configure(o, time.Now().UTC())
	if err != nil {
		return image.Image{}, err
	}
	staging, err := s.Stage()
	if err != nil {
		return image.Image{}, err
	}
	defer func() { err = errors.Join(err, staging.Close()) }()
	result, err := layer.Unpack(ctx, r, staging.Dir(), layer.Options{})
	if err != nil {
		return image.Image{}, err
	}
	// A small archive may be read to its end before anybody looks.
	if err := ctx.Err(); err != nil {
		return image.Image{}, err
	}
	if err := linux.SyncFS(staging.Dir()); err != nil {
		return image.Image{}, fmt.Errorf("write the layer to the disk: %w", err)
	}
	config.RootFS.Type = "layers"
	config.RootFS.DiffIDs = appendString(config.RootFS.DiffIDs, result.DiffID)
	return s.Commit(staging, config, result.Size, o.Ref)
}

// appendString saves naming the type of digests, and importing its package.
func appendString[S ~string](list []S, s string) []S { return append(list, S(s)) }

// configure makes the image's configuration, all but its layer.
func configure(o Options, now time.Time) (ocispec.Image, error) {
	c := ocispec.Image{Created: &now}
	if o.Ref != "" {
		if err := image.CheckName(o.Ref); err != nil {
			return c, err
		}
	}
	var err error
	if c.Platform, err = parsePlatform(o.Platform); err != nil {
		return c, err
	}
	for _, line := range o.Changes {
		if err := Apply(&c.Config, line); err != nil {
			return c, err
		}
	}
	comment := o.Message
	if comment == "" {
		comment = "Imported from -"
	}
	c.History = []ocispec.History{{Created: &now, Comment: comment}}
	return c, nil
}

// parsePlatform reads os[/architecture[/variant]]; what is missing is this machine's.
func parsePlatform(s string) (ocispec.Platform, error) {
	p := ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH}
	if s == "" {
		return p, nil
	}
	parts := strings.Split(s, "/")
	for _, part := range parts {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789_.-") != "" {
			return p, fmt.Errorf("platform %q is not os[/architecture[/variant]]", s)
		}
	}
	if len(parts) > 3 || parts[0] != "linux" {
		return p, fmt.Errorf("platform %q: only images for linux can be used here", s)
	}
	if len(parts) > 1 {
		p.Architecture = parts[1]
	}
	if len(parts) > 2 {
		p.Variant = parts[2]
	}
	return p, nil
}
