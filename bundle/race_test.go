package bundle_test

import (
	"math/rand/v2"
	"regexp"
	"sync"
	"testing"
	"time"
)

// TestExecAtTheEnd runs commands in a container that ends, or is deleted, at any
// moment of it: what is said is what other runtimes say of a container that has
// stopped, or is gone, and no inside view of how far it came.
func TestExecAtTheEnd(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	p := newPlace(t, "exec sleep 1000")
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)) // the moment cannot be repeated, whatever the seed
	fine := regexp.MustCompile(`^$|^mydocker-runtime: error: exec failed: (container does not exist|cannot exec in a stopped container)\n$`)
	for i := range rounds {
		p.create("c")
		p.ok("start", "c")
		var wg sync.WaitGroup
		after := time.Duration(r.IntN(8000)) * time.Microsecond
		end := []string{"delete", "--force", "c"}
		if i%2 == 1 {
			end = []string{"kill", "c", "KILL"}
		}
		ender := p.cmd(end...)
		wg.Add(1)
		go func() {
			defer wg.Done()
			time.Sleep(after)
			if out, err := ender.CombinedOutput(); err != nil {
				t.Errorf("%v: %v\n%s", end, err, out)
			}
		}()
		_, errs, code := p.run("exec", "c", "true")
		wg.Wait()
		if !fine.MatchString(errs) || (errs == "") != (code == 0 || code == 137) || errs != "" && code != 255 {
			t.Errorf("after %v, %v: exit code %d\n%s", after, end, code, errs)
		}
		p.ok("delete", "--force", "c")
	}
}

// TestDeleteAfterKill: that a container was killed is enough for its deletion; the
// signal may not have had its effect yet.
func TestDeleteAfterKill(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	// The first process ends when all others have.
	p := newPlace(t, "for i in $(seq 100); do sleep 1000 & done; echo up; exec sleep 1000")
	for i := range rounds {
		out := p.create("c")
		p.ok("start", "c")
		p.content(out)
		p.ok([][]string{{"kill", "c", "KILL"}, {"kill", "--all", "c", "KILL"}}[i%2]...)
		p.ok("delete", "c")
	}
	// One that was not killed is still not deleted.
	p.create("c")
	p.ok("start", "c")
	p.fails(1, "cannot delete container c that is not stopped: running", "delete", "c")
	p.ok("kill", "c", "KILL")
	p.ok("delete", "c")
}
