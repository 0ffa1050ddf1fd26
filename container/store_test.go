package container

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
)

// made makes a container and lets go of it.
func made(t testing.TB, s *Store, r *Record) *Record {
	t.Helper()
	if r.ID == "" {
		r.ID = NewID()
	}
	h, err := s.Create(r, &specs.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
	return r
}

// entries lists a directory; one that is not there is empty.
func entries(t testing.TB, dir string) []string {
	t.Helper()
	names, err := readNames(dir)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// Everything is for root's eyes, whatever the umask is.
func TestModes(t *testing.T) {
	s := store(t)
	made(t, s, &Record{Name: "box", Status: Created})
	err := filepath.Walk(s.Root, func(path string, st os.FileInfo, err error) error {
		if err == nil && st.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v", path, st.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A name whose container is gone has one new owner. The directories are there
// already, without a record as while a container is made, so that a round is
// nothing but the race for the name.
func TestOneOwnerOfStaleName(t *testing.T) {
	s := store(t)
	var ids [8]string
	for i := range ids {
		ids[i] = made(t, s, &Record{Status: Created}).ID
		if err := os.Remove(filepath.Join(s.Dir(ids[i]), recordFile)); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 400 {
		if err := os.WriteFile(s.namePath("box"), []byte(NewID()), 0o600); err != nil {
			t.Fatal(err)
		}
		var won atomic.Int32
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for _, id := range ids {
			wg.Go(func() {
				<-begin
				if s.linkName("box", id) == nil {
					won.Add(1)
				}
			})
		}
		close(begin)
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("round %d: %d containers are called box", round, won.Load())
		}
		if err := os.Remove(s.namePath("box")); err != nil {
			t.Fatal(err)
		}
	}
}

// helper is set for the processes of TestOneOwnerAmongProcesses.
const helper = "CONTAINER_TEST_STORE"

func TestOneOwnerAmongProcesses(t *testing.T) {
	if dir := os.Getenv(helper); dir != "" {
		s := &Store{Root: dir + "/root", State: dir + "/state"}
		if _, err := s.Create(&Record{ID: NewID(), Name: "box", Status: Created}, &specs.Spec{}); err != nil {
			os.Stdout.WriteString(err.Error())
			os.Exit(3)
		}
		os.Exit(0)
	}
	dir := t.TempDir()
	var wg sync.WaitGroup
	codes := make([]int, 6)
	for i := range codes {
		wg.Go(func() {
			c := exec.Command(os.Args[0], "-test.run=^TestOneOwnerAmongProcesses$")
			c.Env = append(os.Environ(), helper+"="+dir)
			c.Run()
			codes[i] = c.ProcessState.ExitCode()
		})
	}
	wg.Wait()
	slices.Sort(codes)
	if !slices.Equal(codes, []int{0, 3, 3, 3, 3, 3}) {
		t.Errorf("exit codes %v", codes)
	}
}

// A failed Create leaves what was there before it.
func TestCreateSparesWhatIsThere(t *testing.T) {
	s := store(t)
	r := made(t, s, &Record{Name: "box", Status: Exited})
	again := &Record{ID: r.ID, Name: "other", Status: Created}
	if _, err := s.Create(again, &specs.Spec{}); err == nil {
		t.Fatal("created twice")
	}
	if got, err := s.Load(r.ID); err != nil || got.Name != "box" {
		t.Errorf("after a failed create: %v, %v", got, err)
	}
}

// Whoever was killed between the parts of Remove, the next one ends it, name
// included.
func TestRemoveGoesOn(t *testing.T) {
	s := store(t)
	r := made(t, s, &Record{Name: "box", Status: Exited})
	if err := os.Rename(s.Dir(r.ID), s.Dir(removingPrefix+r.ID)); err != nil {
		t.Fatal(err)
	}
	left, err := s.Leftovers()
	if err != nil || !slices.Equal(left, []string{r.ID}) {
		t.Fatal(left, err)
	}
	h, _, err := s.TryOpen(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Remove(); err != nil {
		t.Fatal(err)
	}
	h.Close()
	if n := entries(t, s.Root+"/names"); len(n) > 0 {
		t.Errorf("names left: %q", n)
	}
}

// The same for whoever was killed between the parts of Create.
func TestHalfMade(t *testing.T) {
	s := store(t)
	r := made(t, s, &Record{Name: "box", Status: Created})
	if err := os.Remove(filepath.Join(s.Dir(r.ID), "record.json")); err != nil {
		t.Fatal(err)
	}
	if all, err := s.List(); err != nil || len(all) > 0 {
		t.Error("listed:", all, err)
	}
	h, _, err := s.TryOpen(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Remove(); err != nil {
		t.Fatal(err)
	}
	h.Close()
	if n := entries(t, s.Root+"/names"); len(n) > 0 {
		t.Errorf("names left: %q", n)
	}
}

// A record that cannot be used is a dead container with a reason.
func TestUnreadableRecords(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "torn": `{"version":1,"id"`, "no fields": "{}", "null": "null",
		"newer": `{"version":2}`, "another's": `{"version":1,"id":"` + NewID() + `","status":"exited"}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := store(t)
			r := made(t, s, &Record{Name: "box", Status: Exited})
			if err := os.WriteFile(filepath.Join(s.Dir(r.ID), "record.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			all, err := s.List()
			if err != nil || len(all) != 1 || all[0].ID != r.ID || all[0].Status != Dead || all[0].Error == "" {
				t.Fatalf("%+v, %v", all, err)
			}
			var missing *NotFoundError
			if _, err := s.Find("box"); err == nil || errors.As(err, &missing) {
				t.Errorf("by name: %v", err)
			}
		})
	}
}

// Looking does not take: asking whether a container is alive never makes others
// believe so.
func TestAliveOnlyLooks(t *testing.T) {
	s := store(t)
	r := made(t, s, &Record{Name: "box", Status: Running})
	h, _, err := s.TryOpen(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Alive(r.ID) {
		t.Error("held, and not alive")
	}
	h.KeepActive() // what a killed keeper leaves
	h.Close()
	var wg sync.WaitGroup
	var mu sync.Mutex
	wrong := 0
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if s.Alive(r.ID) {
					mu.Lock()
					wrong++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if wrong > 0 {
		t.Errorf("%d of 1600 readers saw each other", wrong)
	}
}

// Remove stops at what is mounted below and touches nothing of it.
func TestRemoveStopsAtMounts(t *testing.T) {
	if dir := os.Getenv(helper); dir != "" { // in a mount namespace of its own
		removeMounted(t, dir)
		return
	}
	testenv.Root(t)
	c := exec.Command("unshare", "-m", "--propagation", "private", os.Args[0], "-test.run=^TestRemoveStopsAtMounts$", "-test.v")
	c.Env = append(os.Environ(), helper+"="+t.TempDir())
	out, err := c.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func removeMounted(t *testing.T, dir string) {
	s := &Store{Root: dir + "/root", State: dir + "/state"}
	r := made(t, s, &Record{Name: "box", Status: Exited})
	precious := filepath.Join(dir, "precious")
	for _, d := range []string{precious, s.Dir(r.ID) + "/merged", s.Dir(r.ID) + "/diff"} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(precious+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, s.Dir(r.ID)+"/diff/link"); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "--bind", precious, s.Dir(r.ID)+"/merged").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	h, _, err := s.TryOpen(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Remove(); err == nil {
		t.Error("removed with a mount below")
	}
	h.Close()
	if _, err := os.Stat(precious + "/file"); err != nil {
		t.Error("crossed the mount:", err)
	}
	if out, err := exec.Command("umount", s.Dir(removingPrefix+r.ID)+"/merged").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if h, _, err = s.TryOpen(r.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.Remove(); err != nil {
		t.Error(err)
	}
	h.Close()
	if _, err := os.Stat(precious + "/file"); err != nil {
		t.Error("followed the link:", err)
	}
	if n := entries(t, s.Root+"/containers"); len(n) > 0 {
		t.Errorf("left: %q", n)
	}
}

func BenchmarkList1000(b *testing.B) {
	dir := b.TempDir()
	s := &Store{Root: filepath.Join(dir, "root"), State: filepath.Join(dir, "state")}
	for range 1000 {
		made(b, s, &Record{Status: Exited})
	}
	for b.Loop() {
		if all, err := s.List(); err != nil || len(all) != 1000 {
			b.Fatal(len(all), err)
		}
	}
}
