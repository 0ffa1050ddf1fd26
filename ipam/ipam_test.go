package ipam

import (
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"mydocker/internal/atomicfile"
	"mydocker/plan"
)

var (
	subnet  = netip.MustParsePrefix("10.9.8.0/28") // 14 addresses
	gateway = []netip.Addr{netip.MustParseAddr("10.9.8.1")}
)

func TestEveryAddressOnce(t *testing.T) {
	p := Open(t.TempDir())
	var mu sync.Mutex
	got := map[netip.Addr]int{}
	failed := 0
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			a, err := p.Claim(subnet, gateway, strconv.Itoa(i))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed++
				return
			}
			got[a]++
		})
	}
	wg.Wait()
	for a, n := range got {
		if n != 1 || a == gateway[0] || a == subnet.Addr() || !subnet.Contains(a.Next()) {
			t.Errorf("%s was given %d times", a, n)
		}
	}
	if len(got) != 13 || failed != 64-13 {
		t.Errorf("%d addresses given, %d refused", len(got), failed)
	}
}

func TestAddressesAreNotGivenAgainAtOnce(t *testing.T) {
	p := Open(t.TempDir())
	first, err := p.Claim(subnet, gateway, "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Release(first, "a"); err != nil {
		t.Fatal(err)
	}
	if second, err := p.Claim(subnet, gateway, "b"); err != nil || second == first {
		t.Errorf("got %s again, %v", second, err)
	}
}

func TestHintsOutsideAreIgnored(t *testing.T) {
	for _, last := range []string{"10.9.7.255", "10.9.8.15", "10.9.8.14", "rubbish", ""} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, hint), []byte(last), 0o600); err != nil {
			t.Fatal(err)
		}
		p := Open(dir)
		for range 13 {
			if a, err := p.Claim(subnet, gateway, "x"); err != nil || a == subnet.Addr() || !subnet.Contains(a.Next()) {
				t.Fatalf("after %q: %s, %v", last, a, err)
			}
		}
		if a, err := p.Claim(subnet, gateway, "x"); err == nil {
			t.Errorf("after %q a fourteenth: %s", last, a)
		}
	}
}

func TestOnlyTheOwnerReleases(t *testing.T) {
	p := Open(t.TempDir())
	a, err := p.Claim(subnet, gateway, "me")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Release(a, "you"); err != nil {
		t.Fatal(err)
	}
	if owner, err := p.Owner(a); err != nil || owner != "me" {
		t.Errorf("owner %q, %v", owner, err)
	}
	half := filepath.Join(p.dir, atomicfile.TempPrefix+"last-1")
	if err := os.WriteFile(half, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Repair(func(owner string) bool { return owner != "me" }); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Owner(a); err == nil {
		t.Error("repair kept the address of somebody who is gone")
	}
	if _, err := os.Lstat(half); err == nil {
		t.Error("repair kept what a killed writer left")
	}
}

func TestStep(t *testing.T) {
	c := Claim{Dir: filepath.Join(t.TempDir(), "pool"), Address: "10.9.8.2", Owner: "me"}
	for range 2 { // the second time it is ours already
		if err := c.Do(&plan.Env{}); err != nil || !c.Present() {
			t.Fatal(err)
		}
	}
	other := c
	other.Owner = "you"
	if err := other.Do(&plan.Env{}); err == nil {
		t.Error("the address was given twice")
	}
	for range 2 {
		if err := c.Undo().Do(&plan.Env{}); err != nil || c.Present() {
			t.Error(err)
		}
	}
}
