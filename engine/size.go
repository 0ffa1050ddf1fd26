package engine

import (
	"path/filepath"

	"mydocker/container"
	"mydocker/internal/ocispec"
	"mydocker/layer"
)

// A Size is how much a container's files are, in bytes.
type Size struct {
	RW     int64 // in the files that it has written
	RootFS int64 // with those of its image, as far as that is known: not of the host
	Blocks int64 // on the disk, of what it has written
}

// Size adds up a container's files.
func (e *Engine) Size(rec *container.Record) (s Size, err error) {
	if rec.Request.RootfsRW {
		root, err := layer.Measure(rec.Request.Rootfs)
		return Size{RootFS: root.Bytes}, err
	}
	own, err := layer.Measure(filepath.Join(e.Containers.Dir(rec.ID), "diff"))
	if err != nil {
		return s, err
	}
	s = Size{RW: own.Bytes, RootFS: own.Bytes, Blocks: own.Disk}
	if rec.Request.Rootfs != "" {
		root, err := layer.Measure(rec.Request.Rootfs)
		s.RootFS += root.Bytes
		return s, err
	}
	if image, err := e.Images.Resolve(rec.ImageID); err == nil {
		s.RootFS += image.Size
	}
	return s, nil
}

// ImageConfig returns what the image says of its containers. Of an image that is
// gone, or where there is none, that is nothing.
func (e *Engine) ImageConfig(rec *container.Record) ocispec.ImageConfig {
	if rec.ImageID == "" {
		return ocispec.ImageConfig{}
	}
	c, err := e.Images.Config(rec.ImageID)
	if err != nil {
		return ocispec.ImageConfig{}
	}
	return c
}
