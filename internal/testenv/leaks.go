package testenv

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// Leaks notes what is on the machine now and fails the test if it is not the
// same after it: mounts, network interfaces, nftables, control groups,
// processes, open descriptors of the test process, and the files below dirs.
// Call it first, so that its comparison comes after every other clean-up; in a
// test that calls [NetNS], call it right after that.
func Leaks(t testing.TB, dirs ...string) {
	t.Helper()
	Watch{Dirs: dirs}.Leaks(t)
}

// Watch says what of the machine is compared beyond what always is.
type Watch struct {
	Dirs    []string // whose files are listed, not crossing into other mounts
	Cgroups []string // parts of names of control groups, beside "mydocker"

	patience time.Duration // see there; 0 is the constant
}

// patience is how long the kernel may take for what it undoes by itself after
// the last holder is gone: the interfaces of a network namespace, the members
// of a pid namespace, orphans. It sends no event for them to a stranger, so
// they are looked at again and again. What a program undoes by a system call of
// its own must be gone at once.
const (
	patience = 10 * time.Second
	interval = 10 * time.Millisecond
)

// Leaks is [Leaks] for what w names.
func (w Watch) Leaks(t testing.TB) {
	t.Helper()
	before := w.look(t)
	t.Cleanup(func() {
		var diffs []string
		after := w.look(t)
		for _, kind := range slices.Sorted(maps.Keys(before)) {
			now := after[kind]
			if late(kind) {
				now = w.settle(t, kind, before[kind])
			}
			diffs = append(diffs, difference(kind, unreaped(before[kind], now), now)...)
		}
		if len(diffs) > 0 {
			t.Errorf("the machine is not as it was before the test:\n%s", strings.Join(diffs, "\n"))
		}
	})
}

// settle looks again until the kind is as it was, or patience is over.
func (w Watch) settle(t testing.TB, kind string, before []string) []string {
	t.Helper()
	for deadline := time.Now().Add(cmp.Or(w.patience, patience)); ; time.Sleep(interval) {
		now := w.lookAt(t, kind)
		if slices.Equal(unreaped(before, now), now) || time.Now().After(deadline) {
			return now
		}
	}
}

// unreaped returns what was there before, without the dead that their parent has
// waited for meanwhile: they were an earlier test's, and going.
func unreaped(before, now []string) []string {
	return slices.DeleteFunc(slices.Clone(before), func(p string) bool {
		return strings.Contains(p, deadMark) && !slices.Contains(now, p)
	})
}

// look returns what is there by kind, each thing one sorted line.
func (w Watch) look(t testing.TB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for kind := range w.kinds() {
		all[kind] = w.lookAt(t, kind)
	}
	return all
}

func (w Watch) lookAt(t testing.TB, kind string) []string {
	t.Helper()
	things, err := w.kinds()[kind]()
	if err != nil {
		t.Fatalf("listing every %s: %v", kind, err)
	}
	slices.Sort(things)
	return things
}

func (w Watch) kinds() map[string]func() ([]string, error) {
	return map[string]func() ([]string, error){
		"mount":      mounts,
		"interface":  interfaces,
		"nftables":   nftables,
		"cgroup":     func() ([]string, error) { return cgroups(append(w.Cgroups, "mydocker")) },
		"process":    processes,
		"descriptor": descriptors,
		"file":       func() ([]string, error) { return files(w.Dirs) },
	}
}

// late reports whether the kernel undoes things of that kind in its own time.
func late(kind string) bool { return kind == "interface" || kind == "process" }

// difference compares two sorted lists.
func difference(kind string, before, after []string) []string {
	var diff []string
	for _, x := range minus(after, before) {
		diff = append(diff, fmt.Sprintf("  new %s: %s", kind, x))
	}
	for _, x := range minus(before, after) {
		diff = append(diff, fmt.Sprintf("  missing %s: %s", kind, x))
	}
	return diff
}

// minus returns the lines of a that are not in b, each as often as it is there
// more than in b.
func minus(a, b []string) []string {
	count := map[string]int{}
	for _, x := range b {
		count[x]++
	}
	var only []string
	for _, x := range a {
		if count[x]--; count[x] < 0 {
			only = append(only, x)
		}
	}
	return only
}
