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
	arena    arena
	contests []*contest
	runtimes []*contest // of the runtimes alone
	weights  []weight
	lists    []listing
	memories []memory
	crowds   []crowd
}

func (r results) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results of `make bench`\n\n%s\n", r.machine)
	fmt.Fprintf(&b, "From before a command is started until it has ended, in containers of a static busybox with a limit of memory and of\n")
	fmt.Fprintf(&b, "processes; times in milliseconds. Everybody is timed once per round, in random order (seed %d): 50 ms after the\n", r.options.seed)
	fmt.Fprintf(&b, "one before, which is what a person leaves, and then back-to-back. crun and runc run a bundle whose root is a plain\n")
	fmt.Fprintf(&b, "directory, with Docker's seccomp profile, capabilities and masks; they make no overlay, no log and no record.\n\n")
	for _, c := range r.contests {
		c.report(&b)
	}
	for _, c := range r.runtimes {
		c.report(&b)
	}
	r.weightTable(&b)
	r.listTable(&b)
	r.memoryTable(&b)
	r.crowdTable(&b)
	r.budgetTable(&b)
	r.versions(&b)
	return b.String()
}

// report prints a contest, the fastest first.
func (c *contest) report(b *strings.Builder) {
	fmt.Fprintf(b, "## %s\n\n", c.title)
	if c.note != "" {
		fmt.Fprintf(b, "%s\n\n", c.note)
	}
	fmt.Fprintf(b, "| command | container | runs | median | p10 | p90 | to %s | back-to-back | p10 | p90 | to %[1]s |\n|---|---|---|---|---|---|---|---|---|---|---|\n", c.yardstick)
	list := slices.Clone(c.entrants)
	slices.SortFunc(list, func(x, y *entrant) int {
		return cmp.Or(cmp.Compare(c.spaced[x].wall(0.5), c.spaced[y].wall(0.5)), cmp.Compare(x.name, y.name))
	})
	for _, e := range list {
		if s := c.spaced[e]; len(s) > 0 {
			fmt.Fprintf(b, "| %s | %s | %d | %s | %s |\n", e.name, e.what, len(s), c.cells(c.spaced, e), c.cells(c.tight, e))
		}
	}
	b.WriteString("\n")
	for _, e := range list {
		if e.why != nil {
			fmt.Fprintf(b, "Not run: %s: %v\n\n", e.name, e.why)
		}
	}
}

// cells are median, quantiles and ratio, or dashes.
func (c *contest) cells(taken map[*entrant]sample, e *entrant) string {
	s := taken[e]
	if len(s) == 0 {
		return "- | - | - | -"
	}
	return fmt.Sprintf("%.2f | %.2f | %.2f | %s", s.wall(0.5), s.wall(0.1), s.wall(0.9), ratioText(c.ratio(taken, e.name, c.yardstick)))
}

// ratio of medians; 0 where one of both was not run.
func (c *contest) ratio(taken map[*entrant]sample, name, to string) float64 {
	if to := c.median(taken, to); to > 0 {
		return c.median(taken, name) / to
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
	b.WriteString("## ps\n\n| command | containers | runs | median | p90 | processor time, median |\n|---|---|---|---|---|---|\n")
	for _, l := range r.lists {
		if l.err != nil {
			fmt.Fprintf(b, "| %s | %s | not run: %v |\n", l.command, l.containers, l.err)
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %d | %.2f | %.2f | %.2f |\n", l.command, l.containers, len(l.sample),
			l.sample.wall(0.5), l.sample.wall(0.9), l.sample.cpu(0.5))
	}
	b.WriteString("\nThe processor time of docker is its client's alone.\n\n")
}

func (r results) memoryTable(b *strings.Builder) {
	b.WriteString("## Memory of containers that do nothing\n\nProportional set size (PSS) of the processes that keep them.\n\n" +
		"| engine | containers | processes | MB for each | and for all |\n|---|---|---|---|---|\n")
	for _, m := range r.memories {
		what := map[bool]string{false: "with a log", true: "with a log and a terminal"}[m.terminal]
		if m.err != nil {
			fmt.Fprintf(b, "| %s | not run: %v |\n", m.client, m.err)
			continue
		}
		fmt.Fprintf(b, "| %s | %d %s | %d | %.2f | %.0f |\n", m.client, m.containers, what, m.processes, m.each(), float64(m.daemons)/1000)
	}
	b.WriteString("\n")
}

func (r results) crowdTable(b *strings.Builder) {
	fmt.Fprintf(b, "## Many containers, %d commands at the same time\n\nWithout a network; seconds until all run, and until all are removed again.\n\n"+
		"| engine | containers | started | removed |\n|---|---|---|---|\n", lanes)
	for _, k := range r.crowds {
		if k.err != nil {
			fmt.Fprintf(b, "| %s | %d | not run: %v |\n", k.client, k.count, k.err)
			continue
		}
		fmt.Fprintf(b, "| %s | %d | %.2f | %.2f |\n", k.client, k.count, k.started.Seconds(), k.removed.Seconds())
	}
	b.WriteString("\n")
}

func (r results) versions(b *strings.Builder) {
	b.WriteString("## Versions\n\n")
	var seen []string
	for _, c := range r.arena.clients() {
		seen = append(seen, c.version)
	}
	for _, c := range r.arena.runtimes() {
		seen = append(seen, c.version)
	}
	slices.Sort(seen)
	for _, v := range slices.Compact(seen) {
		if v != "" {
			fmt.Fprintf(b, "- %s\n", v)
		}
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
