package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Finding is something in the store that is not as it should be.
type Finding struct {
	Subject string // a name, an image or a layer ("sha256:<hex>", its chain ID)
	Problem error
}

// Check looks at every name, record and layer, each layer once, and reports what
// it finds; it changes nothing. verify, unless nil, looks into a layer whose
// directory is there. Images that go meanwhile are no finding.
//
// The error is that of the look itself, or of ctx.
func (s *Store) Check(ctx context.Context, verify func(ctx context.Context, l Layer) error, report func(Finding)) error {
	names, err := s.readNames()
	if err != nil {
		return err
	}
	ids, err := s.ids()
	if err != nil {
		return err
	}
	if err := s.checkNames(names, ids, report); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, id := range ids {
		img, err := s.load(id, nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			report(Finding{id, err})
			continue
		}
		for _, l := range img.Layers {
			if seen[l.ChainID] {
				continue
			}
			seen[l.ChainID] = true
			if err := s.checkLayer(ctx, img, l, verify, report); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkNames reports names of images that are not there, also when looked at again.
func (s *Store) checkNames(names map[string]string, ids []string, report func(Finding)) error {
	again, err := s.readNames()
	if err != nil {
		return err
	}
	for name, id := range names {
		if !slices.Contains(ids, id) && again[name] == id {
			report(Finding{name, fmt.Errorf("it stands for %s, which is not there", short(id))})
		}
	}
	return nil
}

func (s *Store) checkLayer(ctx context.Context, img Image, l Layer, verify func(context.Context, Layer) error, report func(Finding)) error {
	gone, err := s.missing([]Layer{l})
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case gone != "":
		if _, err := s.load(img.ID, nil); err == nil {
			report(Finding{l.ChainID, &MissingLayerError{gone}})
		}
		return nil
	case verify == nil:
		return nil
	}
	if err := verify(ctx, l); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		report(Finding{l.ChainID, err})
	}
	return nil
}
