package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An entrant is one command line that is timed, with what has to be done around.
type entrant struct {
	name  string
	what  string // of the container
	place *place

	setup, before [][]string // once; and each time, outside of the measured time
	run           []string
	more          [][]string // timed with run, after it
	after, finish [][]string // each time; and once
	why           error      // it is not run
}

// A client is the command line of an engine; all take Docker's flags.
type client struct {
	name, version string
	place         *place
	base          []string // the program, and its own flags
	flags         []string // of run
	remove        []string // a container that runs
	why           error    // it is not there, or does not work here
}

// A bare runtime runs bundles.
type bare struct {
	name, version string
	place         *place
	base          []string
	why           error
}

// The limits as flags, for those that have Docker's.
var limits = []string{
	"--memory", strconv.Itoa(memoryLimit), "--pids-limit", strconv.Itoa(pidsLimit), "--cgroup-parent", "/mydocker-bench",
}

// with returns a command line.
func (c client) with(words ...string) []string { return join(c.base, words...) }

// runs returns the command line of run.
func (c client) runs(words ...string) []string {
	return c.with(slices.Concat([]string{"run"}, c.flags, words)...)
}

// An arena is everybody who is there, or would be.
type arena struct {
	mydocker client
	others   []client // podman, docker
	own      bare     // our runtime, for bundles
	bares    []bare   // crun, runc, and whom the flags name
}

func (a arena) clients() []client { return append([]client{a.mydocker}, a.others...) }

// enter sets everybody up. stop ends what it started, also after an error.
func enter(o options, im image) (a arena, stop func(), err error) {
	stop = func() {}
	own, err := newPlace(func() error { return nil })
	if err != nil {
		return a, stop, err
	}
	others, err := newPlace(func() error { return errors.Join(hideControllers(im.dir)(), hideState()) })
	if err != nil {
		return a, stop, err
	}
	a.mydocker = mydocker(own, o.binary, im)
	a.own = bareRuntime(others, im, o.runtime)
	for _, command := range append([]string{o.crun, "runc"}, o.runtimes...) {
		a.bares = append(a.bares, bareRuntime(others, im, command))
	}
	engine, stop := docker(im)
	a.others = []client{podman(others, im), engine}
	return a, stop, nil
}

func mydocker(p *place, binary string, im image) client {
	c := client{name: "mydocker", place: p, flags: limits, remove: []string{"rm", "-f"},
		base: []string{binary, "--root", filepath.Join(im.dir, "mydocker"), "--state", filepath.Join(im.dir, "mydocker-run")}}
	c.version, c.why = p.output(binary, "--version")
	return c.imported(im)
}

// imported gives the engine the image.
func (c client) imported(im image) client {
	c.version = firstLine(c.version)
	if c.why == nil {
		_, c.why = c.place.output(c.with("import", im.tar, "bench")...)
	}
	return c
}

func bareRuntime(p *place, im image, command string) bare {
	name := filepath.Base(command)
	b := bare{name: name, place: p}
	path, err := exec.LookPath(command)
	b.why, b.base = err, []string{path, "--root", filepath.Join(im.dir, name)}
	if err == nil {
		version, _ := p.output(path, "--version")
		b.version = firstLine(version)
	}
	return b
}

func podman(p *place, im image) client {
	path, err := exec.LookPath("podman")
	dir := filepath.Join(im.dir, "podman")
	c := client{name: "podman", place: p, why: err, remove: []string{"rm", "-f", "-t", "0"},
		base: []string{path, "--root", dir + "/root", "--runroot", dir + "/run", "--tmpdir", dir + "/tmp",
			"--cgroup-manager", "cgroupfs", "--events-backend", "none"},
		// Its default limits of files and processes are above what this root may set.
		flags: join([]string{"--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"}, limits...)}
	if err == nil {
		c.version, c.why = p.output(path, "--version")
	}
	return c.imported(im)
}

// docker starts a daemon of its own, with its files, sockets, bridge and rules
// apart from any other's.
func docker(im image) (client, func()) {
	dir := filepath.Join(im.dir, "docker")
	host := "unix://" + dir + "/sock"
	path, err := exec.LookPath("docker")
	c := client{name: "docker", base: []string{path, "-H", host}, flags: limits, remove: []string{"rm", "-f"}, why: err}
	stop := func() {}
	if c.why == nil {
		c.place, c.why = newPlace(func() error { return nil })
	}
	if c.why == nil {
		stop, c.why = startDockerd(c.place, dir, host)
	}
	if c.why == nil {
		c.version, c.why = c.place.output(c.with("version", "--format", "docker {{.Client.Version}}, dockerd {{.Server.Version}}")...)
	}
	return c.imported(im), stop
}

// startDockerd returns when the daemon answers.
func startDockerd(p *place, dir, host string) (stop func(), err error) {
	stop = func() {}
	path, err := exec.LookPath("dockerd")
	if err != nil {
		return stop, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return stop, err
	}
	log, err := os.Create(dir + "/log")
	if err != nil {
		return stop, err
	}
	defer log.Close()
	cmd := exec.Command(path, "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid", "--host", host)
	cmd.Stdout, cmd.Stderr = log, log
	p.do(func() { err = cmd.Start() })
	if err != nil {
		return stop, err
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	stop = func() { cmd.Process.Signal(os.Interrupt); <-ended }
	return stop, waitForDockerd(p, host, ended)
}

func waitForDockerd(p *place, host string, ended <-chan struct{}) error {
	timeout := time.After(30 * time.Second)
	for {
		if _, err := p.output("docker", "-H", host, "info"); err == nil {
			return nil
		}
		select {
		case <-ended:
			return errors.New("dockerd ended at once")
		case <-timeout:
			return errors.New("dockerd did not answer in 30 s")
		case <-time.After(100 * time.Millisecond): // it says nothing when it is ready
		}
	}
}

// join returns a new list, so that lists can share a beginning.
func join(a []string, b ...string) []string { return append(append([]string(nil), a...), b...) }

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
