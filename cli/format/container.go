package format

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"mydocker/container"
	"mydocker/internal/units"
)

// A ContainerRow is a container in a listing; the names are Docker's.
type ContainerRow struct {
	Command, CreatedAt, ID, Image, Labels, LocalVolumes, Mounts, Names, Networks, Ports, RunningFor, Size, State, Status string

	labels map[string]string
}

// Label returns one label, for templates.
func (r ContainerRow) Label(name string) string {
	if r.labels == nil { // the header: the last part of the name, as words
		return strings.NewReplacer("-", " ", "_", " ").Replace(name[strings.LastIndex(name, ".")+1:])
	}
	return r.labels[name]
}

// ContainerTable is the template of ps.
const ContainerTable = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"

// ContainerHeader titles the columns.
func ContainerHeader() ContainerRow {
	return ContainerRow{Command: "COMMAND", CreatedAt: "CREATED AT", ID: "CONTAINER ID", Image: "IMAGE", Labels: "LABELS", LocalVolumes: "LOCAL VOLUMES",
		Mounts: "MOUNTS", Names: "NAMES", Networks: "NETWORKS", Ports: "PORTS", RunningFor: "CREATED", Size: "SIZE", State: "STATE", Status: "STATUS"}
}

// Container returns the row of a container.
func Container(r container.Record, now time.Time, noTrunc bool) ContainerRow {
	command, id := commandLine(r), r.ID
	if !noTrunc {
		command, id = Ellipsis(command, 20), r.Short()
	}
	var mounts []string
	for _, m := range r.Request.Mounts {
		if m.Type == "bind" {
			source := m.Source
			if !noTrunc {
				source = Ellipsis(source, 15)
			}
			mounts = append(mounts, source)
		}
	}
	labels := r.Request.Labels
	if labels == nil {
		labels = map[string]string{}
	}
	return ContainerRow{
		Command: strconv.Quote(command), CreatedAt: r.Created.Local().Format("2006-01-02 15:04:05 -0700 MST"), ID: id, Image: r.Image,
		Labels: Labels(labels), LocalVolumes: "0", Mounts: strings.Join(mounts, ","), Names: r.Name, Networks: r.Network.Mode,
		RunningFor: units.HumanDuration(now.Sub(r.Created)) + " ago", Size: "0B", State: string(r.Status), Status: r.State(now), labels: labels,
	}
}

// Size shows what a container has written, and with its image where that is known.
func Size(rw, rootfs int64) string {
	s := units.HumanSizeWithPrecision(float64(rw), 3)
	if rootfs > 0 {
		s += " (virtual " + units.HumanSizeWithPrecision(float64(rootfs), 3) + ")"
	}
	return s
}

// commandLine joins the command for people: words with spaces are in quotes.
func commandLine(r container.Record) string {
	words := []string{r.Path}
	for _, a := range r.Args {
		if strings.Contains(a, " ") {
			a = "'" + a + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// Labels joins labels as listings show them.
func Labels(labels map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, k+"="+labels[k])
	}
	return strings.Join(out, ",")
}

// ContainerFilters are the keys that --filter of ps knows.
func ContainerFilters() []string {
	return []string{"ancestor", "before", "exited", "id", "label", "name", "network", "since", "status", "volume"}
}

// Matches tells whether a container passes the filters. find returns the
// container that before and since name.
func (f Filters) Matches(r container.Record, find func(string) (*container.Record, error)) (bool, error) {
	for _, key := range []string{"before", "since"} {
		for _, ref := range f[key] {
			other, err := find(ref)
			if err != nil {
				return false, err
			}
			if other.ID == r.ID || r.Created.Before(other.Created) != (key == "before") {
				return false, nil
			}
		}
	}
	return f.Labels(r.Request.Labels) &&
		f.Any("id", func(v string) bool { return strings.HasPrefix(r.ID, v) }) &&
		f.Any("name", func(v string) bool { return named(r.Name, v) }) &&
		f.Any("status", func(v string) bool { return string(r.Status) == v }) &&
		f.Any("exited", func(v string) bool { return r.Status == container.Exited && strconv.Itoa(r.ExitCode) == v }) &&
		f.Any("network", func(v string) bool { return r.Network.Mode == v }) &&
		f.Any("ancestor", func(v string) bool { return ancestor(r, v) }) &&
		f.Any("volume", func(v string) bool { return hasVolume(r, v) }), nil
}

// named tells whether a regular expression is found in a name, with or without
// the slash that Docker puts before it. One that is none matches nothing but
// itself.
func named(name, expr string) bool {
	if strings.Contains("/"+name, expr) {
		return true
	}
	re, err := regexp.Compile(expr)
	return err == nil && (re.MatchString(name) || re.MatchString("/"+name))
}

func ancestor(r container.Record, v string) bool {
	return r.Image == v || strings.TrimSuffix(v, ":latest") == strings.TrimSuffix(r.Image, ":latest") ||
		v != "" && strings.HasPrefix(strings.TrimPrefix(r.ImageID, "sha256:"), strings.TrimPrefix(v, "sha256:"))
}

func hasVolume(r container.Record, v string) bool {
	for _, m := range r.Request.Mounts {
		if m.Source == v || m.Target == v {
			return true
		}
	}
	return false
}
