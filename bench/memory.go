package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A memory is what an engine's own processes need for containers that run and
// do nothing: those that name a container in their command line.
type memory struct {
	client     string
	terminal   bool
	containers int
	processes  int
	kilobytes  int // proportional set size, see proc_pid_smaps(5), of all
	daemons    int // kilobytes of those that are there for all containers
	err        error
}

// weigh looks at the processes that keep these containers.
func weigh(client string, flags, ids []string) memory {
	time.Sleep(time.Second) // what starts has started
	m := memory{client: client, terminal: len(flags) > 0, containers: len(ids)}
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return m
	}
	for _, file := range all {
		text, _ := os.ReadFile(file)
		words := strings.Split(string(text), "\x00")
		switch {
		case slices.ContainsFunc(ids, func(id string) bool { return id != "" && slices.Contains(words, id) }):
			m.processes++
			m.kilobytes += pss(filepath.Dir(file))
		case client == "docker" && daemon(words):
			m.daemons += pss(filepath.Dir(file))
		}
	}
	return m
}

// daemon tells the benchmark's own dockerd and its containerd.
func daemon(words []string) bool {
	program := filepath.Base(words[0])
	return (program == "dockerd" || program == "containerd") && strings.Contains(strings.Join(words, " "), "mydocker-bench-")
}

// pss returns the proportional set size of a process, in kilobytes; 0 of one
// that is gone.
func pss(proc string) int {
	for line := range strings.Lines(read(filepath.Join(proc, "smaps_rollup"))) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Pss:" {
			n, _ := strconv.Atoi(f[1])
			return n
		}
	}
	return 0
}

// each is the share of one container, in megabytes; 0 where nothing was weighed.
func (m memory) each() float64 {
	if m.err != nil || m.containers == 0 {
		return 0
	}
	return float64(m.kilobytes) / 1000 / float64(m.containers)
}
