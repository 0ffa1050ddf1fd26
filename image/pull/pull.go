// Package pull brings images from registries into the store: blobs are fetched
// side by side, and layers unpacked while others are still on their way.
//
// Nothing is unpacked before its digest is known to be right. What was interrupted
// is gone on with by the next pull of the same, or removed by image.Store.Repair,
// whichever is first; what a registry lied about is removed at once.
package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"

	"mydocker/content"
	"mydocker/image"
	"mydocker/internal/ocispec"
	"mydocker/layer/chain"
	"mydocker/reference"
	"mydocker/registry"
)

// A Puller has what a pull needs; the stores are of one root.
type Puller struct {
	Images   *image.Store
	Content  *content.Store
	Chain    *chain.Store
	Registry *registry.Client
}

// Options say what to pull.
type Options struct {
	Ref       reference.Ref
	Platform  *ocispec.Platform // nil: that of this machine
	Downloads int               // at a time; 0 are three
	Report    func(Event)       // nil: to nobody. It is called by one goroutine at a time
}

// A State is how far a layer is.
type State int

// In this order, but a layer that exists has no other state.
const (
	Resolved    State = iota // of the image, not of a layer: there is one
	Waiting                  // it will be fetched
	Exists                   // it is there, and unpacked
	Downloading              // Done of Total bytes are here
	Downloaded               // all of them, and they are the right ones
	Extracting               // Done of Total bytes are unpacked
	Complete                 // it is there
)

// An Event is what happens to a layer, which is named by the digest of its blob.
type Event struct {
	Layer       ocispec.Digest
	State       State
	Done, Total int64
}

// Result is what there is now.
type Result struct {
	Image    image.Image
	Digest   ocispec.Digest // of what the reference led to
	New      bool           // the reference did not stand for this image before
	Warnings []string
}

// A PlatformError says that an image is there, for another machine.
type PlatformError struct{ Ref, Want, Got string }

// Error is in docker's words.
func (e *PlatformError) Error() string {
	return fmt.Sprintf("image with reference %s was found but does not match the specified platform: wanted %s, actual: %s", e.Ref, e.Want, e.Got)
}

// Is makes it one of the registry's.
func (e *PlatformError) Is(kind error) bool { return kind == registry.ErrPlatform }

// Pull brings an image here, with its name, and returns it.
func (p *Puller) Pull(ctx context.Context, o Options) (Result, error) {
	lease, err := p.Content.Lease()
	if err != nil {
		return Result{}, err
	}
	if o.Downloads < 1 {
		o.Downloads = 3
	}
	j := &job{Puller: p, o: o, lease: lease, repo: p.Registry.Repository(o.Ref)}
	r, err := j.run(ctx)
	if err != nil {
		return r, errors.Join(err, j.giveUp(ctx, err))
	}
	return r, lease.Close()
}

// job is one call of Pull.
type job struct {
	*Puller
	o     Options
	lease *content.Lease
	repo  *registry.Repository
	mu    sync.Mutex // of reports
}

func (j *job) report(e Event) {
	if j.o.Report == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.o.Report(e)
}

// giveUp removes what there is of an image that cannot be had. What the next
// attempt can go on with stays, as if this process had died.
func (j *job) giveUp(ctx context.Context, err error) error {
	lerr := j.lease.Leave() // Repair sees it
	if ctx.Err() != nil || passing(err) {
		return lerr
	}
	return errors.Join(lerr, j.Images.Repair())
}

// passing says whether another attempt may go better.
func passing(err error) bool {
	var answer *registry.Error
	if errors.As(err, &answer) {
		return answer.Status >= 500 || errors.Is(err, registry.ErrTooMany)
	}
	var transport net.Error
	return errors.As(err, &transport) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ENOSPC)
}

// run is the hallway: what leads to the image, then its layers, then its name.
func (j *job) run(ctx context.Context) (r Result, err error) {
	target, err := j.repo.Resolve(ctx)
	if err != nil {
		return r, err
	}
	// From here on nobody removes what it leads to, once that is here.
	if err := j.lease.Hold(target); err != nil {
		return r, err
	}
	j.report(Event{State: Resolved})
	manifest, err := j.manifest(ctx, target)
	if err != nil {
		return r, err
	}
	raw, config, err := j.config(ctx, manifest)
	if err != nil {
		return r, err
	}
	if r.Warnings, err = j.platform(config.Platform); err != nil {
		return r, err
	}
	held, err := j.layers(ctx, manifest.Layers, config.RootFS.DiffIDs)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, held.Close()) }() // no sooner: nobody else says that layers are needed
	r.Digest = target.Digest
	err = j.put(&r, target, raw, held)
	return r, err
}

// put stores the image under the names that it was pulled by.
func (j *job) put(r *Result, target ocispec.Descriptor, raw []byte, held *chain.Held) error {
	n := image.New{Config: raw, Target: target, Digest: j.o.Ref.Name() + "@" + string(target.Digest)}
	if j.o.Ref.Digest == "" {
		n.Name = j.o.Ref.Familiar()
	}
	for _, l := range held.Layers {
		n.Layers = append(n.Layers, image.Layer{DiffID: l.DiffID, Bytes: l.Size, Disk: l.Disk, Opaque: l.Opaque})
	}
	before, _ := j.Images.Resolve(j.o.Ref.Familiar()) // what cannot be read is replaced
	var err error
	r.Image, err = j.Images.Put(n)
	r.New = before.ID != r.Image.ID || !slices.Contains(before.Digests, n.Digest)
	return err
}
