package image

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// findings is what Check reports, in order.
func findings(t *testing.T, s *Store) []string {
	t.Helper()
	var all []string
	err := s.Check(t.Context(), nil, func(f Finding) { all = append(all, f.Subject+": "+f.Problem.Error()) })
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func TestCheck(t *testing.T) {
	s := Open(t.TempDir())
	a, b, c := stack(t, s, "a", 1, 2), stack(t, s, "b", 1, 3), stack(t, s, "c", 4)
	if got := findings(t, s); len(got) != 0 {
		t.Errorf("of a whole store: %q", got)
	}
	var looked []string
	bad := errors.New("its files are not those of its archive")
	verify := func(_ context.Context, l Layer) error {
		looked = append(looked, l.ChainID)
		return map[string]error{layerID(1): bad}[l.ChainID]
	}
	var found []Finding
	err := s.Check(t.Context(), verify, func(f Finding) { found = append(found, f) })
	if err != nil || len(looked) != 4 || len(found) != 1 || found[0] != (Finding{layerID(1), bad}) {
		t.Errorf("looked at %q, found %v, %v", looked, found, err)
	}
	err = errors.Join(os.RemoveAll(s.LayerDir(layerID(1))), os.WriteFile(s.recordPath(c.ID), []byte("{"), 0o600), os.Remove(s.recordPath(b.ID)))
	if err != nil {
		t.Fatal(err)
	}
	got := findings(t, s)
	want := []string{"b:latest: it stands for " + short(b.ID), layerID(1) + ": the layer " + short(a.Layers[0].ChainID) + " is not unpacked", c.ID + ": read "}
	slices.Sort(want)
	if len(got) != 3 {
		t.Fatalf("found %q", got)
	}
	for i, w := range want {
		if !strings.HasPrefix(got[i], w) {
			t.Errorf("found %q, want %q", got[i], w)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Check(ended, nil, func(Finding) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
}

// TestHelperStore is the program that TestKilled kills: it makes images of shared
// layers and takes them away for ever.
func TestHelperStore(t *testing.T) {
	root := os.Getenv("STORE_ROOT")
	if root == "" {
		t.Skip("is run by TestKilled")
	}
	s := Open(root)
	for i := 0; ; i++ {
		stack(t, s, "x", 1, 2+i%3)
		stack(t, s, "y", 1, 2+i%3, 7)
		add(t, s, "z", 20+i%2, "")
		if _, err := s.Remove([]string{"x", "y", "z"}[i%3], false, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Prune(false, nil, nil); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			fmt.Println("begun")
		}
	}
}

// Wherever a change of the store is killed, the store is whole after a Repair:
// every name stands for an image, every image has its layers, and there are no others.
func TestKilled(t *testing.T) {
	root, seed := t.TempDir(), uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	s := Open(root)
	stack(t, s, "keep", 1, 9)
	for round := range 30 {
		killStore(t, root, time.Duration(random.IntN(20_000))*time.Microsecond)
		if err := s.Repair(); err != nil {
			t.Fatal(err)
		}
		if got := findings(t, s); len(got) != 0 {
			t.Fatalf("round %d: %q", round, got)
		}
		all, err := s.List()
		if err != nil {
			t.Fatal(err)
		}
		wanted := map[string]bool{}
		for _, img := range all {
			for _, l := range img.Layers {
				wanted[s.LayerDir(l.ChainID)] = true
			}
		}
		if left := layers(t, s); len(left) != len(wanted) {
			t.Fatalf("round %d: %q, images have %d", round, left, len(wanted))
		}
	}
	if _, err := s.Resolve("keep"); err != nil {
		t.Error(err)
	}
}

// killStore lets TestHelperStore begin, and kills it a while later.
func killStore(t *testing.T, root string, after time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperStore$")
	cmd.Env = append(os.Environ(), "STORE_ROOT="+root)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	time.Sleep(after)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || line != "begun\n" || cmd.ProcessState.Exited() {
		t.Errorf("it was not killed: %v, %q", err, line)
	}
}

// A start reads the names and a record, and nothing else of the store.
func TestResolveReadsTwoFiles(t *testing.T) {
	s := Open(t.TempDir())
	many := make([]int, 130)
	for i := range many {
		many[i] = i + 1
	}
	img := stack(t, s, "many", many...)
	other := stack(t, s, "other", 500)
	if err := errors.Join(os.RemoveAll(s.LayerDir("")), os.Remove(s.recordPath(other.ID))); err != nil {
		t.Fatal(err)
	}
	got, err := s.Resolve("many")
	if err != nil || len(got.Lowers) != 130 || !slices.Equal(got.Lowers, img.Lowers) {
		t.Errorf("%d layers, %v", len(got.Lowers), err)
	}
}

func BenchmarkResolve(b *testing.B) {
	for _, n := range []int{1, 130} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := Open(b.TempDir())
			var raw []string
			var list []Layer
			for i := range n {
				raw, list = append(raw, fmt.Sprintf("%q", layerID(i))), append(list, Layer{DiffID: layerID(i)})
			}
			chained, err := parse([]byte(`{"rootfs":{"type":"layers","diff_ids":[`+strings.Join(raw, ",")+`]}}`), list)
			if err != nil {
				b.Fatal(err)
			}
			err = s.locked(func() error {
				_, err := s.record([]byte(`{"rootfs":{"type":"layers","diff_ids":[`+strings.Join(raw, ",")+`]}}`), chained, "a:latest")
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := s.Resolve("a"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
