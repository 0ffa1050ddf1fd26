package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// results is everything that was measured.
type results struct {
	machine  string
	options  options
	entrants []*entrant
	spaced   map[*entrant]sample
	tight    map[*entrant]sample
	lists    []listing
}

// A budget is a promise about ratios of medians.
type budget struct {
	what    string
	entrant string  // none: nothing here measures it yet
	to      string  // whose median is 1
	spaced  float64 // at most
	tight   float64 // at most, back-to-back; 0: nothing is promised
	later   string  // why it is not measured
}

// budgets are the project's, met or not.
var budgets = []budget{
	{what: "run --rm --network none IMAGE true", entrant: "mydocker run --network none", to: yardstick, spaced: 0.8},
	{what: "run --rm --network none host true", entrant: "mydocker run --network none, image host", to: yardstick, spaced: 0.8},
	{what: "run --rm IMAGE true, on the bridge", entrant: "mydocker run", to: yardstick, spaced: 1.0},
	{what: "the same", entrant: "mydocker run", to: "docker run", spaced: 0.1, tight: 0.04},
	{what: "the same", entrant: "mydocker run", to: "podman run", spaced: 0.1, tight: 0.04},
	{what: "runtime alone, run of a bundle (0.5 spaced, 0.9 back-to-back)", later: "there is no command for it yet"},
	{what: "exec (0.4 spaced, 0.8 back-to-back)", later: "there is no exec yet"},
	{what: "run -d until the prompt returns (0.8)", later: "there are no detached containers yet"},
	{what: "1,000 containers in parallel, less than a tenth of podman", later: "there are no detached containers yet"},
	{what: "memory per running container, at most 1 MB", later: "there are no detached containers yet"},
	{what: "pull and unpack, at most half of docker and podman", later: "there are no registries yet"},
	{what: "traffic, at least 0.95 of a bare veth pair", later: "nothing here does it yet"},
}

func (r results) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results of `make bench`\n\n%s\n", r.machine)
	fmt.Fprintf(&b, "`true` of a static busybox from before the command is started until it has ended, in a new container\n")
	fmt.Fprintf(&b, "each time, with a limit of memory and of processes; times in milliseconds. Everybody runs once per round, in\n")
	fmt.Fprintf(&b, "random order (seed %d). The image `host` runs the machine's own `true`, which is linked dynamically.\n", r.options.seed)
	fmt.Fprintf(&b, "crun and runc run a bundle whose root is a plain directory, with Docker's seccomp profile, capabilities and masks;\n")
	fmt.Fprintf(&b, "they make no overlay, no log and no record of the container.\n\n")
	r.table(&b, "Spaced: 50 ms after the run before", r.spaced)
	r.table(&b, "Back-to-back: right after the run before", r.tight)
	r.listTable(&b)
	r.budgetTable(&b)
	r.versions(&b)
	return b.String()
}

// table prints one way of measuring, the fastest first.
func (r results) table(b *strings.Builder, title string, taken map[*entrant]sample) {
	fmt.Fprintf(b, "## %s\n\n| command | container | runs | median | p10 | p90 | ratio of medians to %s |\n|---|---|---|---|---|---|---|\n", title, yardstick)
	list := slices.Clone(r.entrants)
	slices.SortFunc(list, func(x, y *entrant) int {
		return cmp.Or(cmp.Compare(taken[x].wall(0.5), taken[y].wall(0.5)), cmp.Compare(x.name, y.name))
	})
	for _, e := range list {
		s := taken[e]
		if len(s) == 0 {
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %d | %.2f | %.2f | %.2f | %s |\n", e.name, e.what, len(s), s.wall(0.5), s.wall(0.1), s.wall(0.9),
			ratioText(ratio(r.entrants, taken, e.name, yardstick)))
	}
	b.WriteString("\n")
	for _, e := range list {
		if e.why != nil {
			fmt.Fprintf(b, "Not run: %s: %v\n\n", e.name, e.why)
		}
	}
}

// ratio of medians; 0 where one of both was not run.
func ratio(list []*entrant, taken map[*entrant]sample, name, to string) float64 {
	median := func(name string) float64 {
		for _, e := range list {
			if e.name == name {
				return taken[e].wall(0.5)
			}
		}
		return 0
	}
	if to := median(to); to > 0 {
		return median(name) / to
	}
	return 0
}

func ratioText(r float64) string {
	if r == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", r)
}

func (r results) listTable(b *strings.Builder) {
	b.WriteString("## mydocker ps --all\n\n| containers | runs | median | p90 | processor time, median | budget |\n|---|---|---|---|---|---|\n")
	for _, l := range r.lists {
		if l.err != nil {
			fmt.Fprintf(b, "| %d | not run: %v |\n", l.containers, l.err)
			continue
		}
		promise := "-"
		switch l.containers {
		case 0:
			promise = "3 ms, " + verdict(l.sample.wall(0.5), 3)
		case 1000:
			promise = "50 ms of processor time, " + verdict(l.sample.cpu(0.5), 50)
		}
		fmt.Fprintf(b, "| %d | %d | %.2f | %.2f | %.2f | %s |\n", l.containers, len(l.sample),
			l.sample.wall(0.5), l.sample.wall(0.9), l.sample.cpu(0.5), promise)
	}
	b.WriteString("\n")
}

func (r results) budgetTable(b *strings.Builder) {
	b.WriteString("## Budgets\n\nRatios of medians. They were set against crun 1.27, which starts in about half the time of the 1.8 that\n" +
		"Debian 12 has; beside that one, half the ratio is asked for.\n\n" +
		"| what | beside | spaced, at most | back-to-back, at most |\n|---|---|---|---|\n")
	for _, p := range budgets {
		if p.later != "" {
			fmt.Fprintf(b, "| %s | | not measured: %s | |\n", p.what, p.later)
			continue
		}
		old := p.to == yardstick && r.oldCrun()
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", p.what, p.to,
			outcome(ratio(r.entrants, r.spaced, p.entrant, p.to), p.spaced, old),
			outcome(ratio(r.entrants, r.tight, p.entrant, p.to), p.tight, old))
	}
	b.WriteString("\n")
}

// oldCrun reports whether the crun that was run is one of those that start in
// twice the time of the one that the budgets mean.
func (r results) oldCrun() bool {
	for _, e := range r.entrants {
		if e.name == yardstick {
			return strings.HasPrefix(e.version, "crun version 1.8")
		}
	}
	return false
}

// outcome is a ratio with what was promised of it. Beside an old crun a promise
// is kept only at half the ratio.
func outcome(ratio, limit float64, old bool) string {
	if limit == 0 {
		return ratioText(ratio)
	}
	said := verdict(ratio, limit)
	if old && ratio > limit/2 && ratio <= limit {
		said = "met beside this old crun only"
	}
	return fmt.Sprintf("%s of %.2f, %s", ratioText(ratio), limit, said)
}

// verdict of a measured value, 0 for none, that should be at most limit.
func verdict(value, limit float64) string {
	switch {
	case value == 0:
		return "not measured"
	case value <= limit:
		return "met"
	}
	return "**not met**"
}

func (r results) versions(b *strings.Builder) {
	b.WriteString("## Versions\n\n")
	var seen []string
	for _, e := range r.entrants {
		if e.version != "" && !slices.Contains(seen, e.version) {
			seen = append(seen, e.version)
		}
	}
	slices.Sort(seen)
	for _, v := range seen {
		fmt.Fprintf(b, "- %s\n", v)
	}
}

// describe tells about the machine, in one paragraph.
func describe() string {
	load, _, _ := strings.Cut(read("/proc/loadavg"), " ")
	return fmt.Sprintf("%s. Linux %s, %s, %d processors (%s), control groups %s, load %s at the start.\n",
		time.Now().UTC().Format("2006-01-02 15:04 MST"), read("/proc/sys/kernel/osrelease"), runtime.GOARCH,
		runtime.NumCPU(), processor(), cgroups(), load)
}

func processor() string {
	for line := range strings.Lines(read("/proc/cpuinfo")) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func cgroups() string {
	const magic = 0x63677270 // CGROUP2_SUPER_MAGIC of statfs(2)
	is := func(path string) bool {
		var s syscall.Statfs_t
		return syscall.Statfs(path, &s) == nil && s.Type == magic
	}
	switch {
	case is("/sys/fs/cgroup"):
		return "v2"
	case is("/sys/fs/cgroup/unified"):
		return "v1 with an extra v2 hierarchy"
	}
	return "v1"
}

// read returns a small file without its line feed; "" where there is none.
func read(path string) string {
	data, _ := os.ReadFile(path)
	return strings.TrimSpace(string(data))
}
