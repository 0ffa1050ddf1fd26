// Package killing_test lets commands run at random on a few containers while
// every process of theirs is killed at random, and checks that nothing hangs,
// that what is said of containers is true, and that nothing is left.
package killing_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mydocker/container"
	"mydocker/internal/testenv"
)

// Set in the environment: the seed, and how long the killing goes on.
const (
	envSeed = "MYDOCKER_SEED"
	envTime = "MYDOCKER_CHAOS"
)

const workers = 8

// patience is how long a command may take that waits for nobody.
const patience = 60 * time.Second

// A field is what workers and killer share.
type field struct {
	t      *testing.T
	env    testenv.Engine
	store  *container.Store
	rootfs string
	binary string
	net    *os.File // network namespace of the commands
	begun  time.Time
	seed   uint64

	over chan struct{} // closed when no more commands are to be started
	once sync.Once

	mu     sync.Mutex
	past   []string       // what happened
	counts map[string]int // of what happened
	said   map[string]int // messages of commands that failed
}

func TestRandomKilling(t *testing.T) {
	testenv.NetNS(t)
	f := newField(t)
	testenv.Leaks(t, f.env.Root, f.env.State)
	t.Logf("seed %d (%s)", f.seed, envSeed)
	time.AfterFunc(duration(t), f.end)

	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() { f.work(i, rand.New(rand.NewPCG(f.seed, uint64(i)))) })
	}
	f.kill(rand.New(rand.NewPCG(f.seed, workers)))
	f.thaw(&all)
	f.settle()
	f.check()
	f.clear()
	f.report()
}

func newField(t *testing.T) *field {
	t.Helper()
	f := &field{
		t: t, env: testenv.NewEngine(t), rootfs: testenv.Busybox(t), binary: testenv.Binary(t), seed: seed(t),
		begun: time.Now(), over: make(chan struct{}), counts: map[string]int{}, said: map[string]int{},
	}
	f.store = &container.Store{Root: f.env.Root, State: f.env.State}
	var err error
	if f.net, err = os.Open("/proc/thread-self/ns/net"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.net.Close() })
	// The first containers make what stays for all.
	for _, flags := range [][]string{{"--name", "first"}, {"--name", "second", "--network", "none"}} {
		words := append(append([]string{"run"}, flags...), "--rootfs", f.rootfs, "true")
		for _, args := range [][]string{words, {"rename", flags[1], "another"}, {"rm", "another"}} {
			if out, err := f.env.Command(t, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %v\n%s", args, err, out)
			}
		}
	}
	testenv.Reaped(t, "veth")
	return f
}

func seed(t *testing.T) uint64 {
	t.Helper()
	given := os.Getenv(envSeed)
	if given == "" {
		return rand.Uint64()
	}
	n, err := strconv.ParseUint(given, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func duration(t *testing.T) time.Duration {
	t.Helper()
	if given := os.Getenv(envTime); given != "" {
		d, err := time.ParseDuration(given)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if testing.Short() {
		return 10 * time.Second
	}
	return 60 * time.Second
}

// end lets nobody start anything any more.
func (f *field) end() { f.once.Do(func() { close(f.over) }) }

func (f *field) ended() bool {
	select {
	case <-f.over:
		return true
	default:
		return false
	}
}

// kept is how many operations a failure shows.
const kept = 60

// note remembers what happened.
func (f *field) note(kind, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[kind]++
	line := fmt.Sprintf("%8.3f ", time.Since(f.begun).Seconds()) + fmt.Sprintf(format, args...)
	f.past = append(f.past, line)
}

// about returns what happened last to any of these.
func (f *field) about(words ...string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, line := range f.past {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(line, w) }) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-kept):], "\n")
}

// failed reports a failure with what led to it, and ends the whole.
func (f *field) failed(format string, args ...any) {
	f.end()
	f.mu.Lock()
	past := strings.Join(f.past[max(0, len(f.past)-kept):], "\n")
	f.mu.Unlock()
	f.t.Errorf("%s\nseed %d; the last operations:\n%s", fmt.Sprintf(format, args...), f.seed, past)
}

// report tells what was done, so that a reader sees whether it was much.
func (f *field) report() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.t.Logf("%v", f.counts)
	for text, n := range f.said {
		f.t.Logf("%5d times: %s", n, text)
	}
}
