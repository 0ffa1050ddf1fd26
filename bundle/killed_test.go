package bundle_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// seed returns the test's random numbers, and says how to have them again.
func seed(t *testing.T) *rand.Rand {
	n, err := strconv.ParseUint(os.Getenv("MYDOCKER_SEED"), 10, 64)
	if err != nil {
		n = rand.Uint64()
	}
	t.Logf("MYDOCKER_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 0))
}

// TestKilled kills commands at random moments; the next takes back what they
// left, and the ID is free again.
func TestKilled(t *testing.T) {
	p := newPlace(t, "exec sleep 1000")
	random := seed(t)
	for i := range 60 {
		command := []string{"create", "run", "start", "delete", "kill"}[random.IntN(5)]
		switch command {
		case "start", "delete", "kill":
			p.create("c")
		}
		args := []string{command, "c"}
		if command == "delete" {
			args = []string{command, "--force", "c"}
		}
		c := p.cmd(args...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
		c.Process.Kill()
		c.Wait()
		p.ok("delete", "--force", "c")
		if list := p.ok("list", "-q"); list != "" {
			t.Fatalf("round %d, %s: %s", i, command, list)
		}
		p.fails(1, "container does not exist", "start", "c")
	}
}

// TestAtOnce has many ask for one ID: one gets it. Nothing is left when they all
// take it back at once.
func TestAtOnce(t *testing.T) {
	p := newPlace(t, "exec sleep 1000")
	p.write()
	p.spec = nil // nobody writes it any more
	for range 5 {
		if got := together(8, func() bool { return p.cmd("run", "--detach", "c").Run() == nil }); got != 1 {
			t.Errorf("%d of 8 made container c", got)
		}
		together(4, func() bool {
			_, errs, code := p.run("delete", "--force", "c")
			if code != 0 && !strings.Contains(errs, "does not exist") {
				t.Error(errs)
			}
			return true
		})
		p.fails(1, "container does not exist", "state", "c")
	}
}

// together calls f at once, and counts how often it was true.
func together(n int, f func() bool) (yes int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range n {
		wg.Go(func() {
			if f() {
				mu.Lock()
				defer mu.Unlock()
				yes++
			}
		})
	}
	wg.Wait()
	return yes
}

// TestStrangeState: what is no container's is said, and harms no other.
func TestStrangeState(t *testing.T) {
	p := newPlace(t, "exec sleep 1000")
	p.create("c")
	file := p.root + "/c/state.json"
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "{", "null", `{"version":99}`, `{"version":1,"id":7}`} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, errs, code := p.run("state", "c"); code != 1 || !strings.Contains(errs, "state.json") {
			t.Errorf("%q: %d %s", bad, code, errs)
		}
		if _, errs, code := p.run("list"); code != 0 || !strings.Contains(errs, "warning") {
			t.Errorf("list with %q: %d %s", bad, code, errs)
		}
	}
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	pid := p.state("c").Pid
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.await("c", "stopped")
	p.ok("delete", "c")
}
