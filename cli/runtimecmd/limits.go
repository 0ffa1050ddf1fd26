package runtimecmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/bundle"
	"mydocker/runtime/cgroup/stat"
)

// limits are the flags of update.
type limits struct {
	file   string
	r      specs.LinuxResources
	memory specs.LinuxMemory
	cpu    specs.LinuxCPU
	io     specs.LinuxBlockIO
	pids   specs.LinuxPids
	l3, mb string
}

func (u *limits) flags(f *flags) {
	f.string(&u.file, "file with the limits as JSON, - for standard input, instead of flags", "resources", "r")
	optional(f, &u.io.Weight, parseUint16, "weight of block I/O, 10 to 1000", "blkio-weight")
	optional(f, &u.cpu.Period, parseUint, "period of the CPU quota, in microseconds", "cpu-period")
	optional(f, &u.cpu.Quota, parseInt, "CPU time in a period, in microseconds", "cpu-quota")
	optional(f, &u.cpu.Burst, parseUint, "CPU time that may be saved up, in microseconds", "cpu-burst")
	optional(f, &u.cpu.Shares, parseUint, "CPU shares, beside other containers", "cpu-share", "cpu-shares")
	optional(f, &u.cpu.RealtimePeriod, parseUint, "period of real-time scheduling, in microseconds", "cpu-rt-period")
	optional(f, &u.cpu.RealtimeRuntime, parseInt, "CPU time of real-time scheduling, in microseconds", "cpu-rt-runtime")
	optional(f, &u.cpu.Idle, parseInt, "1: run only when nobody else does", "cpu-idle")
	f.string(&u.cpu.Cpus, "CPUs that may be used: 0-3,7", "cpuset-cpus")
	f.string(&u.cpu.Mems, "memory nodes that may be used", "cpuset-mems")
	//lint:ignore SA1019 accepted, and warned of
	optional(f, &u.memory.Kernel, parseBytes, "no kernel has this limit any more; ignored with a warning", "kernel-memory")
	optional(f, &u.memory.KernelTCP, parseBytes, "limit of memory for TCP (version 1), in bytes or with a unit", "kernel-memory-tcp")
	optional(f, &u.memory.Limit, parseBytes, "memory limit, in bytes or with a unit: 100m", "memory")
	optional(f, &u.memory.Reservation, parseBytes, "memory that is left last, in bytes or with a unit", "memory-reservation")
	optional(f, &u.memory.Swap, parseBytes, "memory and swap together, in bytes or with a unit; -1: any", "memory-swap")
	optional(f, &u.pids.Limit, parseInt, "most processes; -1: any", "pids-limit")
	f.string(&u.l3, "not supported: Intel RDT", "l3-cache-schema")
	f.string(&u.mb, "not supported: Intel RDT", "mem-bw-schema")
}

func parseUint16(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err
}

// parseBytes reads a size: a number with one of b, k, m, g, t for powers of 1024.
func parseBytes(s string) (int64, error) {
	units := map[byte]int64{'b': 1, 'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30, 't': 1 << 40}
	factor, digits := int64(1), s
	if len(s) > 1 {
		if u, ok := units[s[len(s)-1]|0x20]; ok {
			factor, digits = u, s[:len(s)-1]
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < -1 || n == -1 && factor > 1 || n > (1<<63-1)/factor {
		return 0, fmt.Errorf("invalid size %q", s)
	}
	return n * factor, nil
}

// resources are the limits that were given.
func (u *limits) resources(in io.Reader) (*specs.LinuxResources, error) {
	if u.l3 != "" || u.mb != "" {
		return nil, errors.New("--l3-cache-schema and --mem-bw-schema are not supported: this runtime does not speak to Intel RDT")
	}
	if u.file == "" {
		u.r.Memory, u.r.CPU, u.r.BlockIO = &u.memory, &u.cpu, &u.io
		if u.pids.Limit != nil {
			u.r.Pids = &u.pids
		}
		return &u.r, nil
	}
	if u.file != "-" {
		f, err := os.Open(u.file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	d := json.NewDecoder(in)
	if err := d.Decode(&u.r); err != nil {
		return nil, fmt.Errorf("limits of %s: %w", u.file, err)
	}
	return &u.r, nil
}

func updateCommand() *command {
	u := &limits{}
	return &command{name: "update", args: "CONTAINER", about: "change limits of a container", min: 1, max: 1, flags: u.flags,
		run: func(a *app, args []string) error {
			r, err := u.resources(a.in)
			if err != nil {
				return a.orMissing(args[0], err)
			}
			return a.runtime().Update(args[0], r)
		}}
}

func eventsCommand() *command {
	once, every := false, 5*time.Second
	return &command{name: "events", args: "CONTAINER", about: "show what a container uses, and when memory ends, as lines of JSON", min: 1, max: 1,
		flags: func(f *flags) {
			f.bool(&once, "show what it uses once", "stats")
			f.duration(&every, "time between two of the lines: 5s", "interval")
		},
		run: func(a *app, args []string) error {
			if every <= 0 {
				return errUsage{fmt.Errorf("--interval %v: it is longer than 0", every), "events"}
			}
			if once {
				return a.stats(args[0])
			}
			return a.events(args[0], every)
		}}
}

func (a *app) stats(id string) error {
	s, err := a.runtime().Stats(id)
	if err != nil {
		return err
	}
	return json.NewEncoder(a.out).Encode(stat.Event{Type: "stats", ID: id, Data: s})
}

// events goes on until the container has ended, or an interrupt.
func (a *app) events(id string, every time.Duration) error {
	oom, err := a.runtime().WatchOOM(id)
	if err != nil {
		return err
	}
	defer oom.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	killed := make(chan bool)
	go func() {
		defer close(killed)
		for {
			if yes, err := oom.Wait(ctx); err != nil || !yes {
				return
			}
			killed <- true
		}
	}()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case _, ok := <-killed:
			if !ok {
				return nil
			}
			if err := a.outOfMemory(id); err != nil {
				return err
			}
		case <-tick.C:
			if err := a.stats(id); err != nil {
				stop()
				return errors.Join(a.last(id, killed), running(err))
			}
		}
	}
}

func (a *app) outOfMemory(id string) error {
	return json.NewEncoder(a.out).Encode(stat.Event{Type: "oom", ID: id})
}

// last tells what happened before the container ended.
func (a *app) last(id string, killed <-chan bool) (err error) {
	for range killed {
		err = errors.Join(err, a.outOfMemory(id))
	}
	return err
}

// running is an error, but that the container has ended is none.
func running(err error) error {
	if errors.Is(err, bundle.ErrNotRunning) || errors.Is(err, bundle.ErrNotExist) {
		return nil
	}
	return err
}
