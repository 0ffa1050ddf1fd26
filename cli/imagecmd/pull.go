package imagecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"mydocker/cli"
	"mydocker/content"
	"mydocker/engine"
	"mydocker/image"
	"mydocker/image/pull"
	"mydocker/internal/ocispec"
	"mydocker/layer/chain"
	"mydocker/reference"
	"mydocker/registry"
)

type pullFlags struct {
	all, quiet bool
	platform   string
	downloads  int
}

const pullLong = `Download an image from a registry, with all layers that are not here yet, and unpack
them. A name without a registry is docker.io's; without a tag or a digest it is that
of the tag "latest". What a broken or killed pull left is gone on with.`

func pullCommand(d *cli.Door) *cobra.Command {
	var p pullFlags
	c := &cobra.Command{Use: "pull [OPTIONS] NAME[:TAG|@DIGEST]", Args: d.Between(1, 1), Long: pullLong,
		Example: "  mydocker pull alpine\n  mydocker pull --platform linux/arm64 registry.example:5000/team/app:1.2"}
	f := c.Flags()
	f.BoolVarP(&p.all, "all-tags", "a", false, "Download all tagged images in the repository")
	f.BoolVarP(&p.quiet, "quiet", "q", false, "Suppress verbose output")
	platform, _ := d.Env("DOCKER_DEFAULT_PLATFORM")
	f.StringVar(&p.platform, "platform", platform, "Platform of the image, as os/architecture[/variant] (DOCKER_DEFAULT_PLATFORM); else this machine's")
	f.IntVar(&p.downloads, "max-concurrent-downloads", 3, "Number of layers to download at the same time")
	c.RunE = run(func(ctx context.Context, args []string) error { return p.run(ctx, d, args[0]) })
	return c
}

func (p *pullFlags) run(ctx context.Context, d *cli.Door, name string) (err error) {
	ref, platform, err := p.read(d, name)
	if err != nil {
		return err
	}
	e, err := d.Puller()
	if err != nil {
		return err
	}
	c, err := client(d)
	if err != nil {
		return err
	}
	defer c.Close()
	puller := &pull.Puller{Images: e.Images, Content: content.Open(e.Root), Chain: chain.Open(e.Root), Registry: c}
	o := pull.Options{Ref: ref, Platform: platform, Downloads: p.downloads}
	if p.all {
		err = p.allTags(ctx, d, puller, o)
	} else {
		err = p.one(ctx, d, puller, o)
	}
	if ctx.Err() != nil { // the next one goes on with it
		return d.Exit(130, errors.New("interrupted"))
	}
	return firstOf(err, p.clear(e))
}

// clear removes what others left, now that it was not needed.
func (p *pullFlags) clear(e *engine.Engine) error { return e.Images.Repair() }

// read looks at the flags and the name.
func (p *pullFlags) read(d *cli.Door, name string) (ref reference.Ref, platform *ocispec.Platform, err error) {
	if ref, err = reference.Parse(name); err != nil {
		return ref, nil, err
	}
	untagged := ref.Digest == "" && !strings.HasSuffix(name, ":"+ref.Tag)
	switch {
	case p.all && !untagged:
		return ref, nil, errors.New("tag can't be used with --all-tags/-a")
	case p.downloads < 1:
		return ref, nil, fmt.Errorf("--max-concurrent-downloads is %d, and at least 1", p.downloads)
	case ref.Digest == "":
		if err := image.CheckName(ref.Familiar()); err != nil {
			return ref, nil, err
		}
	default:
		ref.Tag = "" // a digest tells all
	}
	if p.platform != "" {
		want, err := registry.ParsePlatform(p.platform)
		if err != nil {
			return ref, nil, err
		}
		platform = &want
	}
	if untagged && !p.all && !p.quiet {
		fmt.Fprintln(d.Out, "Using default tag: latest")
	}
	return ref, platform, nil
}

// one pulls one image, and tells of it in Docker's words.
func (p *pullFlags) one(ctx context.Context, d *cli.Door, puller *pull.Puller, o pull.Options) error {
	isNew, err := p.pull(ctx, d, puller, o)
	if err != nil {
		return err
	}
	p.status(d, o.Ref.Familiar(), isNew)
	_, err = fmt.Fprintln(d.Out, o.Ref)
	return err
}

func (p *pullFlags) allTags(ctx context.Context, d *cli.Door, puller *pull.Puller, o pull.Options) error {
	tags, err := puller.Registry.Repository(o.Ref).Tags(ctx)
	if err != nil {
		return err
	}
	some := false
	for _, tag := range tags {
		o.Ref.Tag = tag
		isNew, err := p.pull(ctx, d, puller, o)
		if err != nil {
			return fmt.Errorf("pull %s: %w", o.Ref.Familiar(), err)
		}
		some = some || isNew
	}
	p.status(d, o.Ref.Name(), some)
	_, err = fmt.Fprintln(d.Out, o.Ref.Domain+"/"+o.Ref.Path)
	return err
}

func (p *pullFlags) pull(ctx context.Context, d *cli.Door, puller *pull.Puller, o pull.Options) (isNew bool, err error) {
	out := d.Out
	if p.quiet {
		out = io.Discard
	}
	s := newScreen(out, d.Env)
	what := o.Ref.Tag
	if o.Ref.Digest != "" {
		what = o.Ref.String()
	}
	o.Report = func(e pull.Event) {
		if e.State == pull.Resolved {
			fmt.Fprintf(out, "%s: Pulling from %s\n", what, o.Ref.Path)
			return
		}
		s.show(e)
	}
	r, err := puller.Pull(ctx, o)
	s.end(err == nil)
	if err != nil {
		return false, err
	}
	for _, w := range r.Warnings {
		d.Warn(w)
	}
	fmt.Fprintf(out, "Digest: %s\n", r.Digest)
	return r.New, nil
}

func (p *pullFlags) status(d *cli.Door, name string, isNew bool) {
	switch {
	case p.quiet:
	case isNew:
		fmt.Fprintf(d.Out, "Status: Downloaded newer image for %s\n", name)
	default:
		fmt.Fprintf(d.Out, "Status: Image is up to date for %s\n", name)
	}
}

func firstOf(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
