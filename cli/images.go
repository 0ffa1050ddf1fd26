package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mydocker/cli/format"
	"mydocker/image"
	"mydocker/internal/ocispec"
)

func (a *app) imagesCommand() *cobra.Command {
	var o format.Options
	var all, digests bool
	var words []string
	c := &cobra.Command{Use: "images [OPTIONS] [REPOSITORY[:TAG]]", Short: "List images", Args: atMost(1)}
	f := c.Flags()
	f.BoolVarP(&all, "all", "a", false, "Show all images (there are no intermediate ones)")
	f.BoolVar(&digests, "digests", false, "Show digests")
	f.StringArrayVarP(&words, "filter", "f", nil, "Filter output based on conditions provided")
	f.StringVar(&o.Format, "format", "", "Format output using a Go template, 'table', 'table TEMPLATE' or 'json'")
	f.BoolVar(&o.NoTrunc, "no-trunc", false, "Don't truncate output")
	f.BoolVarP(&o.Quiet, "quiet", "q", false, "Only show image IDs")
	c.RunE = func(c *cobra.Command, args []string) error {
		for _, ref := range args {
			words = append(words, "reference="+ref)
		}
		filters, err := format.ParseFilters(words, format.ImageFilters())
		if err != nil {
			return err
		}
		table := format.ImageTable
		if digests {
			table = format.ImageDigestTable
		}
		return a.images(o, filters, table)
	}
	return c
}

func (a *app) images(o format.Options, filters format.Filters, table string) error {
	e, err := a.imageEngine()
	if err != nil {
		return err
	}
	all, err := e.Images.List()
	if err != nil {
		return err
	}
	now := time.Now()
	rows := []format.ImageRow{}
	for _, i := range all {
		for _, n := range listed(i) {
			row := format.Image{ID: i.ID, Name: n.name, Digest: n.digest, Created: i.Created, Size: i.Size, Labels: i.Config.Config.Labels}
			if filters.MatchesImage(row) {
				rows = append(rows, row.Row(now, o.NoTrunc))
			}
		}
	}
	return format.List(a.Out, o, rows, format.ImageHeader(), table, func(r format.ImageRow) string { return r.ID })
}

type listedName struct{ name, digest string }

// listed are the names of an image, each with the digest that it has in the
// repository, and the repositories of which it has a digest and no tag.
func listed(i image.Image) (all []listedName) {
	digests, tagged := map[string]string{}, map[string]bool{}
	for _, d := range i.Digests {
		repository, digest, _ := strings.Cut(d, "@")
		digests[repository] = digest
	}
	for _, n := range i.Names {
		repository := n[:max(strings.LastIndexByte(n, ':'), 0)]
		tagged[repository] = true
		all = append(all, listedName{n, digests[repository]})
	}
	for _, d := range i.Digests {
		if repository, digest, _ := strings.Cut(d, "@"); !tagged[repository] {
			all = append(all, listedName{d, digest})
		}
	}
	if len(all) == 0 {
		return []listedName{{}}
	}
	return all
}

// imageInspect is an image in the shape of Docker's GET /images/{name}/json.
type imageInspect struct {
	ID           string `json:"Id"`
	RepoTags     []string
	RepoDigests  []string
	Comment      string
	Created      string
	Author       string
	Config       ocispec.ImageConfig
	Architecture string
	Os           string
	Size         int64
	GraphDriver  format.GraphDriverJSON
	RootFS       ocispec.RootFS
}

func imageJSON(i image.Image) imageInspect {
	j := imageInspect{ID: i.ID, RepoTags: append([]string{}, i.Names...), RepoDigests: append([]string{}, i.Digests...), Author: i.Config.Author, Config: i.Config.Config,
		Created: i.Created.UTC().Format(time.RFC3339Nano), Architecture: i.Config.Architecture, Os: i.Config.OS, Size: i.Size, RootFS: i.Config.RootFS,
		GraphDriver: format.GraphDriverJSON{Name: "overlay", Data: map[string]string{}}}
	if len(i.Lowers) > 0 {
		j.GraphDriver.Data["UpperDir"] = i.Lowers[0]
	}
	if h := i.Config.History; len(h) > 0 {
		j.Comment = h[len(h)-1].Comment
	}
	return j
}

func (a *app) rmiCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{Use: "rmi [OPTIONS] IMAGE [IMAGE...]", Short: "Remove one or more images", Args: atLeast(1)}
	c.Flags().BoolVarP(&force, "force", "f", false, "Force removal of the image")
	c.RunE = func(c *cobra.Command, args []string) error {
		e, err := a.imageEngine()
		if err != nil {
			return err
		}
		return a.each(args, func(name string) (string, error) {
			removed, err := e.RemoveImage(name, force)
			if force && isNotFound(err) {
				a.warn([]string{err.Error()})
				err = nil
			}
			out := ""
			for _, r := range removed {
				if out != "" {
					out += "\n"
				}
				if r.Untagged != "" {
					out += "Untagged: " + r.Untagged
				} else {
					out += "Deleted: " + r.Deleted
				}
			}
			return out, err
		})
	}
	return c
}
