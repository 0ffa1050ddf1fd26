package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"mydocker/layer"
)

// Usage is what images take, in bytes on the disk as du(1) counts them.
type Usage struct {
	Total       int64 // of image/ and layers/, with what no image has
	Reclaimable int64 // of that, what goes with the images that no container uses
	Images      []ImageUsage
}

// ImageUsage is one image's part.
type ImageUsage struct {
	Image  Image
	Shared int64 // in layers that other images have, too
	Unique int64 // in layers of this image alone
	Users  int   // containers made from it
}

// Usage adds up the store by looking at it: nothing of this is kept anywhere.
// users is as for Remove.
func (s *Store) Usage(users func(imageID string) []string) (u Usage, err error) {
	for _, dir := range []string{s.path(""), s.LayerDir("")} {
		n, err := du(dir)
		if err != nil {
			return u, err
		}
		u.Total += n
	}
	all, err := s.List()
	if err != nil {
		return u, err
	}
	sizes, err := s.layerSizes(all)
	if err != nil {
		return u, err
	}
	owners, used := map[string]int{}, map[string]bool{}
	for _, img := range all {
		iu := ImageUsage{Image: img}
		if users != nil {
			iu.Users = len(users(img.ID))
		}
		for _, l := range img.Layers {
			owners[l.ChainID]++
			used[l.ChainID] = used[l.ChainID] || iu.Users > 0
		}
		if !img.Host {
			u.Images = append(u.Images, iu)
		}
	}
	for i := range u.Images {
		u.Images[i].divide(sizes, owners)
	}
	for id, n := range sizes {
		if !used[id] {
			u.Reclaimable += n
		}
	}
	return u, nil
}

// divide tells what an image has alone from what it shares.
func (iu *ImageUsage) divide(sizes map[string]int64, owners map[string]int) {
	for _, l := range iu.Image.Layers {
		if owners[l.ChainID] > 1 {
			iu.Shared += sizes[l.ChainID]
		} else {
			iu.Unique += sizes[l.ChainID]
		}
	}
}

// layerSizes measures every layer of images once, by chain ID.
func (s *Store) layerSizes(all []Image) (map[string]int64, error) {
	sizes := map[string]int64{}
	for _, img := range all {
		for _, l := range img.Layers {
			if _, ok := sizes[l.ChainID]; ok {
				continue
			}
			n, err := du(s.LayerDir(l.ChainID))
			if err != nil {
				return nil, err
			}
			sizes[l.ChainID] = n
		}
	}
	return sizes, nil
}

// du is a directory with all below it, 0 if it is not there.
func du(dir string) (int64, error) {
	dir = filepath.Clean(dir)
	fi, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("measure: %w", err)
	}
	below, err := layer.Measure(dir)
	if err != nil {
		return 0, fmt.Errorf("measure %s: %w", dir, err)
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("measure %s: it has no blocks", dir)
	}
	return below.Disk + st.Blocks*512, nil
}
