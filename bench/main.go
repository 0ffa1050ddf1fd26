// Command bench measures what mydocker's commands cost beside other engines and
// bare runtimes, in alternation on the same machine, and says which of the
// project's budgets are met.
//
// Everybody runs the same static busybox with the same limits, in directories,
// control groups and network namespaces of the benchmark's own. Who is not
// installed, or does not work here, is reported as not run, with the reason.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
)

// options are the command's flags.
type options struct {
	binary     string
	crun       string
	runtime    string
	runtimes   paths
	out        string
	dir        string
	rounds     int
	runs       int
	alone      bool
	containers int
	crowd      int
	only       string
	seed       uint64
}

func main() {
	var o options
	flag.StringVar(&o.binary, "mydocker", "bin/mydocker", "the command to measure")
	flag.StringVar(&o.crun, "crun", "crun", "the crun to compare with")
	flag.StringVar(&o.runtime, "mydocker-runtime", "bin/mydocker-runtime", "the runtime to measure")
	flag.Var(&o.runtimes, "runtime", "a further runtime to compare with; may be given again")
	flag.StringVar(&o.out, "out", "", "write the results to this file, too")
	flag.StringVar(&o.dir, "dir", os.TempDir(), "where to keep images and containers while measuring")
	flag.IntVar(&o.rounds, "n", 20, "runs of each, spaced; and as many back-to-back")
	flag.IntVar(&o.runs, "runs", 200, "the same, of the runtimes alone")
	flag.BoolVar(&o.alone, "alone", false, "measure the runtimes alone, and nothing else")
	flag.IntVar(&o.crowd, "crowd", 100, "containers started in parallel; 0 leaves that out")
	flag.IntVar(&o.containers, "containers", 1000, "containers made for ps; 0 leaves that out")
	flag.StringVar(&o.only, "only", "", "hold only the contests, with those whose name matches this regular expression, and crun")
	flag.Uint64Var(&o.seed, "seed", 1, "of the order of runs")
	flag.Parse()
	if err := bench(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench: error:", err)
		os.Exit(1)
	}
}

// bench is the hallway: image, arena, contests, lists, crowds, report.
func bench(o options) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("containers are made by root")
	}
	for _, path := range []*string{&o.binary, &o.runtime} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp(o.dir, "mydocker-bench-")
	if err != nil {
		return err
	}
	defer cleanUp(dir)
	image, err := makeImage(dir)
	if err != nil {
		return err
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	arena, stop, err := enter(o, image)
	defer stop()
	if err != nil {
		return err
	}
	progress := func(what string) { fmt.Fprintln(os.Stderr, "bench:", what) }
	bundles, err := makeBundles(image, o.runtime)
	if err != nil {
		return err
	}
	r := results{machine: describe(), options: o, arena: arena}
	if !o.alone {
		r.contests = contests(arena, image)
		r.hold(r.contests, o, only, progress)
	}
	r.runtimes = runtimeContests(arena, bundles)
	alone := o
	alone.rounds = o.runs
	r.hold(r.runtimes, alone, only, progress)
	r.weights = weights(arena, bundles[0])
	if o.only == "" && !o.alone {
		r.lists, r.memories = listings(arena, o, progress)
		r.crowds = crowds(arena, o.crowd, progress)
	}
	return r.write(o.out, os.Stdout)
}

func (r results) hold(list []*contest, o options, only *regexp.Regexp, progress func(string)) {
	for _, c := range list {
		c.choose(only)
		c.hold(o, progress)
	}
}

// write prints the report, and stores it in a file where one is named.
func (r results) write(file string, w io.Writer) error {
	text := r.report()
	if _, err := io.WriteString(w, text); err != nil || file == "" {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// cleanUp removes the benchmark's directory and control groups. Mounts were
// made in namespaces that only the benchmark's threads are in: here, outside of
// them, the directory holds files alone.
func cleanUp(dir string) {
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	groups, _ := filepath.Glob("/sys/fs/cgroup/*/mydocker-bench")
	for _, g := range append(groups, "/sys/fs/cgroup/mydocker-bench") {
		below, _ := filepath.Glob(g + "/*")
		for _, b := range append(below, g) {
			os.Remove(b) // a directory that is empty, or a file of the kernel's, which stays
		}
	}
}
