package content

import (
	"bufio"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The second of two processes that want one blob waits for the first, and when
// that is killed goes on where it ended.
func TestTwoProcesses(t *testing.T) {
	s := Open(t.TempDir())
	first, in, said, _ := worker(t, s, "half", 0)
	defer in.Close() // it waits for that
	if line, err := bufio.NewReader(said).ReadString('\n'); line != "half\n" {
		t.Fatalf("%q, %v", line, err)
	}
	second, _, out, stderr := worker(t, s, "whole", 0)
	// It has its lease when it waits.
	for len(files(t, s, "leases")) < 2 {
		time.Sleep(time.Millisecond)
	}
	if all, err := s.Blobs(); err != nil || len(all) != 0 {
		t.Errorf("did not wait: %v, %v", all, err)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.Wait()
	line, _ := bufio.NewReader(out).ReadString('\n')
	if err := second.Wait(); err != nil || line != "from 1000\n" {
		t.Errorf("%q, %v, %s", line, err, stderr)
	}
	if b, err := s.ReadAll(describe("", large()), 1<<20); err != nil || len(b) != len(large()) {
		t.Error(err)
	}
	if gone := sweep(t, s); len(gone) != 1 || len(files(t, s, "leases")) != 0 {
		t.Errorf("swept %q, left %q", gone, files(t, s, "leases"))
	}
}

// Two workers fetch, name, remove and sweep, and are killed whenever it happens:
// after every death the store is whole, and nothing is left that nobody needs.
func TestKilledAnywhere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("MYDOCKER_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("MYDOCKER_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	s := Open(t.TempDir())
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		killTwo(t, s, r)
		if err := s.Repair(); err != nil {
			t.Fatal(err)
		}
		if got := findings(t, s); got != "" {
			t.Fatal(got)
		}
	}
	if names(t, s) == "" {
		store(t, s, "image0", "image0")
	}
	sweep(t, s)
	if got := findings(t, s); got != "" {
		t.Error(got)
	}
	checkWhole(t, s)
}

// killTwo lets two workers run, and kills one after the other.
func killTwo(t *testing.T, s *Store, r *rand.Rand) {
	t.Helper()
	type running struct {
		cmd    *exec.Cmd
		stderr *strings.Builder
	}
	var both []running
	for range 2 {
		cmd, _, _, stderr := worker(t, s, "random", r.Uint64())
		both = append(both, running{cmd, stderr})
	}
	for _, w := range both {
		time.Sleep(time.Duration(r.IntN(40)) * time.Millisecond)
		w.cmd.Process.Kill()
		w.cmd.Wait()
		if text := w.stderr.String(); text != "" {
			t.Errorf("a worker failed: %s", text)
		}
	}
}

// checkWhole checks that all that is there belongs to an image, after a sweep, and
// that nothing else is left but parts that may be of use.
func checkWhole(t *testing.T, s *Store) {
	t.Helper()
	x, err := s.Index()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range x.Entries {
		if _, err := s.Manifest(e.Descriptor); err != nil {
			t.Error(err)
		}
	}
	if all, err := s.Blobs(); err != nil || len(all) != 4*len(x.digests()) {
		t.Errorf("%d blobs of %d entries, %v", len(all), len(x.Entries), err)
	}
	for _, f := range files(t, s, "ingest") {
		if strings.HasPrefix(f, s.path("ingest/"+newPrefix)) {
			t.Errorf("left %s", f)
		}
	}
	if left := files(t, s, "leases"); len(left) != 0 {
		t.Errorf("left %q", left)
	}
	if left, err := filepath.Glob(s.path(".atomic-*")); err != nil || len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

// Goroutines that do the same side by side, without an end before they are
// done: nothing that one holds goes by the sweep of another.
func TestTogether(t *testing.T) {
	s := Open(t.TempDir())
	times := 120
	if testing.Short() {
		times = 20
	}
	var wg sync.WaitGroup
	for range 6 {
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, 2))
		wg.Go(func() {
			for range times {
				if err := one(s, r); err != nil {
					t.Errorf("seed %d: %v", seed, err)
					return
				}
			}
		})
	}
	wg.Wait()
	sweep(t, s)
	if got := findings(t, s); got != "" {
		t.Error(got)
	}
	checkWhole(t, s)
}
