package testenv

import (
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"mydocker/linux"
)

// NetNS runs the rest of the test, and the clean-ups registered after it, in a
// new network namespace whose loopback interface is down. It locks the
// goroutine to its thread: other goroutines, subtests among them, stay in the
// old namespace, while commands that this one starts are in the new one.
func NetNS(t testing.TB) {
	t.Helper()
	Root(t)
	runtime.LockOSThread()
	old, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if err := linux.UnshareNet(); err != nil {
		t.Fatal(err)
	}
	// The way back is taken rather than left to the end of the thread: the
	// main thread does not end, and would stay in the namespace.
	t.Cleanup(func() {
		defer old.Close()
		if err := linux.SetNS(old); err != nil {
			t.Errorf("leaving the test's network namespace: %v", err)
			return // the thread stays locked and is thrown away
		}
		runtime.UnlockOSThread()
	})
}

// Reaped waits until the kernel has taken the interfaces whose names begin so
// from the test's network namespace: it does that some time after the namespace
// of their other end is gone, and sends no event that says it is done.
func Reaped(t testing.TB, prefix string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(interval) {
		left, err := net.Interfaces()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(left, func(i net.Interface) bool { return strings.HasPrefix(i.Name, prefix) }) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("interfaces %s* are still there", prefix)
		}
	}
}
