package format

import (
	"path"
	"strconv"
	"strings"
	"time"

	"mydocker/internal/units"
)

// An ImageRow is an image in a listing; the names are Docker's.
type ImageRow struct {
	Containers, CreatedAt, CreatedSince, Digest, ID, Repository, SharedSize, Size, Tag, UniqueSize, VirtualSize string
}

// ImageTable is the template of images.
const ImageTable = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"

// ImageDigestTable is that of images --digests.
const ImageDigestTable = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"

// ImageHeader titles the columns.
func ImageHeader() ImageRow {
	return ImageRow{Containers: "CONTAINERS", CreatedAt: "CREATED AT", CreatedSince: "CREATED", Digest: "DIGEST", ID: "IMAGE ID", Repository: "REPOSITORY",
		SharedSize: "SHARED SIZE", Size: "SIZE", Tag: "TAG", UniqueSize: "UNIQUE SIZE", VirtualSize: "VIRTUAL SIZE"}
}

// An Image is what a listing needs of one.
type Image struct {
	ID      string // sha256:...
	Name    string // repository:tag, repository@digest where it has no tag there, or empty
	Digest  string // sha256:... of its manifest or index in the registry, or empty
	Created time.Time
	Size    int64 // bytes
	Labels  map[string]string
}

// Row returns the row of an image.
func (i Image) Row(now time.Time, noTrunc bool) ImageRow {
	id := i.ID
	if !noTrunc {
		id = strings.TrimPrefix(id, "sha256:")
		id = id[:min(12, len(id))]
	}
	repo, tag := "<none>", "<none>"
	if name, _, ok := strings.Cut(i.Name, "@"); ok {
		repo = name
	} else if at := strings.LastIndex(i.Name, ":"); at > 0 {
		repo, tag = i.Name[:at], i.Name[at+1:]
	}
	digest := "<none>"
	if i.Digest != "" {
		digest = i.Digest
	}
	created, since := "N/A", "N/A"
	if !i.Created.IsZero() {
		created = i.Created.Local().Format("2006-01-02 15:04:05 -0700 MST")
		since = units.HumanDuration(now.Sub(i.Created)) + " ago"
	}
	size := units.HumanSizeWithPrecision(float64(i.Size), 3)
	return ImageRow{Containers: "N/A", CreatedAt: created, CreatedSince: since, Digest: digest, ID: id, Repository: repo,
		SharedSize: "N/A", Size: size, Tag: tag, UniqueSize: "N/A", VirtualSize: size}
}

// ImageFilters are the keys that --filter of images knows.
func ImageFilters() []string { return []string{"dangling", "label", "reference"} }

// MatchesImage tells whether an image passes the filters.
func (f Filters) MatchesImage(i Image) bool {
	return f.Labels(i.Labels) &&
		f.Any("dangling", func(v string) bool { return truth(v) == (i.Name == "" || strings.Contains(i.Name, "@")) }) &&
		f.Any("reference", func(v string) bool { return reference(v, i.Name) })
}

// truth reads what [ParseFilters] has found to be true or false.
func truth(v string) bool {
	b, _ := strconv.ParseBool(v)
	return b
}

func reference(pattern, name string) bool {
	repo, _, pinned := strings.Cut(name, "@")
	if at := strings.LastIndex(name, ":"); at > 0 && !pinned {
		repo = name[:at]
	}
	for _, n := range []string{name, repo} {
		if ok, err := path.Match(pattern, n); ok && err == nil {
			return true
		}
	}
	return false
}
