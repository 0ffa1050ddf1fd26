package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// A list of paths is a flag that can be given again.
type paths []string

func (p *paths) String() string { return strings.Join(*p, " ") }

func (p *paths) Set(path string) error { *p = append(*p, path); return nil }

// A bundle is what `spec` of our runtime writes, its program `true`.
type bundle struct {
	name   string // for readers
	dir    string
	asleep string // the same, whose program sleeps
}

const (
	theBundle   = "runtime alone, run of a bundle"
	theCycle    = "runtime alone, create, start and delete"
	theJoin     = "runtime alone, exec"
	withProfile = "bundle of spec with Docker's seccomp profile"
	ownRuntime  = "mydocker-runtime"
)

// makeBundles makes them, without a seccomp profile and with Docker's. Debian's
// crun takes no newer version of the specification than they have.
func makeBundles(im image, runtime string) (all []bundle, err error) {
	for _, b := range []bundle{{name: "bundle of spec", dir: "plain"}, {name: withProfile, dir: "profile"}} {
		b.dir = filepath.Join(im.dir, b.dir)
		b.asleep = b.dir + "-asleep"
		for dir, args := range map[string][]string{b.dir: {"true"}, b.asleep: sleep} {
			if err := im.specBundle(dir, runtime, b.name == withProfile, args); err != nil {
				return nil, err
			}
		}
		all = append(all, b)
	}
	return all, nil
}

func (im image) specBundle(dir, runtime string, profile bool, args []string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if out, err := exec.Command(runtime, "spec", "--bundle", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%s spec: %w: %s", runtime, err, out)
	}
	file := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var spec specs.Spec
	if err := json.Unmarshal(data, &spec); err != nil {
		return err
	}
	spec.Version, spec.Root.Path = "1.0.2", im.rootfs
	spec.Process.Args, spec.Process.Terminal = args, false
	spec.Linux.CgroupsPath = "/mydocker-bench/" + filepath.Base(dir)
	if profile {
		if spec.Linux.Seccomp, err = seccomp.GetDefaultProfile(&spec); err != nil {
			return fmt.Errorf("docker's seccomp profile: %w", err)
		}
	}
	if data, err = json.Marshal(spec); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

// runtimes are ours, and everybody else's that runs bundles.
func (a arena) runtimes() []bare { return append([]bare{a.own}, a.bares...) }

// runtimeContests are of each bundle, and of each thing that is done with it.
func runtimeContests(a arena, bundles []bundle) (all []*contest) {
	for _, b := range bundles {
		title := func(what string) string { return what + ", " + b.name }
		run := &contest{title: title(theBundle), yardstick: "crun run"}
		cycle := &contest{title: title(theCycle), yardstick: "crun create+start+delete"}
		join := &contest{title: title(theJoin), yardstick: "crun exec"}
		for _, r := range a.runtimes() {
			run.enterBare(r, "run", "run", "--bundle", b.dir, name)
			cycle.enterCycle(r, b)
			join.enterExec(r, b)
		}
		all = append(all, run, cycle, join)
	}
	return all
}

// enterCycle times three commands, one after the other. Between start and
// delete the container ends, as it does in `delete --force`.
func (c *contest) enterCycle(r bare, b bundle) {
	e := c.enterBare(r, "create+start+delete")
	e.run = join(r.base, "create", "--bundle", b.asleep, name)
	e.more = [][]string{join(r.base, "start", name), join(r.base, "delete", "--force", name)}
	e.what = b.name
}

func (c *contest) enterExec(r bare, b bundle) {
	e := c.enterBare(r, "exec", "exec", "joined", "true")
	e.what = b.name
	e.setup = [][]string{join(r.base, "run", "--detach", "--bundle", b.asleep, "joined")}
	e.finish = [][]string{join(r.base, "delete", "--force", "joined")}
}

// A weight is what a runtime needs.
type weight struct {
	runtime string
	peak    int // kilobytes, the most of a command and those that it waited for
	created int // kilobytes of a container that was created and not started
	err     error
}

// weights looks at the memory of each runtime with the bundle.
func weights(a arena, b bundle) (all []weight) {
	for _, r := range a.runtimes() {
		w := weight{runtime: r.name, err: r.why}
		if w.err == nil {
			w.peak, w.err = r.place.peak(join(r.base, "run", "--bundle", b.dir, name))
		}
		if w.err == nil {
			w.created, w.err = r.created(b)
		}
		all = append(all, w)
	}
	return all
}

// created weighs the processes of a container that waits for its start.
func (r bare) created(b bundle) (kilobytes int, err error) {
	if _, err := r.place.time(join(r.base, "create", "--bundle", b.asleep, name)); err != nil {
		return 0, err
	}
	time.Sleep(spacing) // what ends by itself has ended
	for _, pid := range members("/mydocker-bench/" + filepath.Base(b.asleep)) {
		kilobytes += pss("/proc/" + pid)
	}
	_, err = r.place.output(join(r.base, "delete", "--force", name)...)
	if kilobytes == 0 {
		err = cmp.Or(err, errors.New("its control group has no process"))
	}
	return kilobytes, err
}

// members are the processes in a control group, whatever the version.
func members(path string) []string {
	for _, top := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup"} {
		if pids := strings.Fields(read(top + path + "/cgroup.procs")); len(pids) > 0 {
			return pids
		}
	}
	return nil
}

func (r results) weightTable(b *strings.Builder) {
	b.WriteString("## Memory of the runtimes alone\n\nThe most that a `run` had at a time (resident; the container's program is smaller), and the proportional set size of\n" +
		"a container that was created and not started, in MB.\n\n| runtime | run, peak | created |\n|---|---|---|\n")
	for _, w := range r.weights {
		if w.err != nil {
			fmt.Fprintf(b, "| %s | not run: %v |\n", w.runtime, w.err)
			continue
		}
		fmt.Fprintf(b, "| %s | %.2f | %.2f |\n", w.runtime, float64(w.peak)/1000, float64(w.created)/1000)
	}
	b.WriteString("\n")
}
