package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// An entrant is one command line that runs `true` in a container.
type entrant struct {
	name    string
	what    string // of the container
	version string
	place   *place
	run     []string
	ps      []string // the command that lists containers, of mydocker
	create  []string
	why     error // it is not run
}

// The limits as flags, for those that have Docker's.
var limits = []string{
	"--memory", strconv.Itoa(memoryLimit), "--pids-limit", strconv.Itoa(pidsLimit), "--cgroup-parent", "/mydocker-bench",
}

const yardstick = "crun run" // what the ratios are to

// enter sets everybody up. stop ends what it started, also after an error.
func enter(o options, im image) (list []*entrant, stop func(), err error) {
	stop = func() {}
	own, err := newPlace(func() error { return nil })
	if err != nil {
		return nil, stop, err
	}
	others, err := newPlace(func() error { return errors.Join(hideControllers(im.dir)(), hideState()) })
	if err != nil {
		return nil, stop, err
	}
	list = append(list, mydocker(own, o.binary, im)...)
	list = append(list, bundles(others, im, o.crun)...)
	list = append(list, podman(others, im)...)
	var dockers []*entrant
	dockers, stop = docker(im)
	list = append(list, dockers...)
	return choose(list, o.only), stop, nil
}

// choose leaves out those whose name does not match; the yardstick stays.
func choose(list []*entrant, only string) []*entrant {
	var chosen []*entrant
	for _, e := range list {
		if ok, _ := regexp.MatchString(only, e.name); ok || e.name == yardstick {
			chosen = append(chosen, e)
		}
	}
	return chosen
}

func mydocker(p *place, binary string, im image) []*entrant {
	base := []string{binary, "--root", filepath.Join(im.dir, "mydocker"), "--state", filepath.Join(im.dir, "mydocker-run")}
	version, err := p.output(binary, "--version")
	imported := err
	if err == nil {
		_, imported = p.output(join(base, "import", im.tar, "bench")...)
	}
	one := func(name, what string, why error, words ...string) *entrant {
		return &entrant{name: name, what: what, version: firstLine(version), place: p, why: why,
			run: join(base, join(join([]string{"run", "--rm"}, limits...), words...)...)}
	}
	list := []*entrant{
		one("mydocker run --network none, image host", "no network", err, "--network", "none", "host", "true"),
		one("mydocker run --network none", "no network", imported, "--network", "none", "bench", "true"),
		one("mydocker run", "bridge", imported, "bench", "true"),
	}
	list[1].ps = join(base, "ps", "--all")
	list[1].create = join(base, "create", "--network", "none", "bench", "true")
	return list
}

func bundles(p *place, im image, crun string) []*entrant {
	var list []*entrant
	for _, command := range []string{crun, "runc"} {
		name := filepath.Base(command)
		e := &entrant{name: name + " run", what: "bare bundle, no network", place: p}
		path, err := exec.LookPath(command)
		e.why = err
		e.run = []string{path, "--root", filepath.Join(im.dir, name), "run", "--bundle", im.bundle, "bench"}
		if err == nil {
			version, _ := p.output(path, "--version")
			e.version = firstLine(version)
		}
		list = append(list, e)
	}
	return list
}

func podman(p *place, im image) []*entrant {
	path, err := exec.LookPath("podman")
	dir := filepath.Join(im.dir, "podman")
	base := []string{path, "--root", dir + "/root", "--runroot", dir + "/run", "--tmpdir", dir + "/tmp",
		"--cgroup-manager", "cgroupfs", "--events-backend", "none"}
	var version string
	if err == nil {
		version, err = p.output(path, "--version")
	}
	if err == nil {
		_, err = p.output(join(base, "import", im.tar, "bench")...)
	}
	// Its default limits of files and processes are above what this root may set.
	run := join(join(base, "run", "--rm", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"), limits...)
	return engines("podman", firstLine(version), p, run, err)
}

// docker starts a daemon of its own, with its files, sockets, bridge and rules
// apart from any other's.
func docker(im image) ([]*entrant, func()) {
	dir := filepath.Join(im.dir, "docker")
	host := "unix://" + dir + "/sock"
	client, err := exec.LookPath("docker")
	stop := func() {}
	var p *place
	if err == nil {
		p, err = newPlace(func() error { return nil })
	}
	if err == nil {
		stop, err = startDockerd(p, dir, host)
	}
	var version string
	if err == nil {
		version, err = p.output(client, "-H", host, "version", "--format", "docker {{.Client.Version}}, dockerd {{.Server.Version}}")
	}
	if err == nil {
		_, err = p.output(client, "-H", host, "import", im.tar, "bench")
	}
	run := join([]string{client, "-H", host, "run", "--rm"}, limits...)
	return engines("docker", firstLine(version), p, run, err), stop
}

// engines is one engine without and with a network.
func engines(name, version string, p *place, run []string, err error) []*entrant {
	return []*entrant{
		{name: name + " run --network none", what: "no network", version: version, place: p, why: err,
			run: join(run, "--network", "none", "bench", "true")},
		{name: name + " run", what: "bridge", version: version, place: p, why: err, run: join(run, "bench", "true")},
	}
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

// warmUp runs everybody twice. Who fails is not measured.
func warmUp(list []*entrant, progress func(string)) {
	for _, e := range list {
		for range 2 {
			if e.why == nil {
				_, e.why = e.place.output(e.run...)
			}
		}
		if e.why != nil {
			progress(fmt.Sprintf("%s is not run: %v", e.name, e.why))
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
