package content

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"mydocker/internal/ocispec"
)

// The test binary is also the program that the tests kill: with its root in the
// environment it works on a store until it is told to stop or dies.
const (
	workerRoot = "MYDOCKER_CONTENT_WORKER"
	workerSeed = "MYDOCKER_CONTENT_SEED"
	workerTask = "MYDOCKER_CONTENT_TASK"
)

func TestMain(m *testing.M) {
	root := os.Getenv(workerRoot)
	if root == "" {
		os.Exit(m.Run())
	}
	seed, err := strconv.ParseUint(os.Getenv(workerSeed), 10, 64)
	if err == nil {
		err = work(Open(root), os.Getenv(workerTask), rand.New(rand.NewPCG(seed, 0)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// worker starts a process that does the task; its standard output is out.
func worker(t *testing.T, s *Store, task string, seed uint64) (cmd *exec.Cmd, in io.WriteCloser, out io.Reader, stderr *strings.Builder) {
	t.Helper()
	cmd, stderr = exec.Command("/proc/self/exe"), &strings.Builder{}
	cmd.Env = append(os.Environ(), workerRoot+"="+s.Dir()+"/..", workerSeed+"="+fmt.Sprint(seed), workerTask+"="+task)
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err == nil {
		out, err = cmd.StdoutPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd, in, out, stderr
}

func work(s *Store, task string, r *rand.Rand) error {
	switch task {
	case "half":
		return half(s)
	case "whole":
		return complete(s)
	}
	for {
		if err := one(s, r); err != nil {
			return err
		}
	}
}

// large is the blob that half and complete bring in.
func large() []byte { return []byte(strings.Repeat("0123456789abcdef", 1<<14)) }

// half writes the first part of a blob, says so, and waits to be killed.
func half(s *Store) error {
	l, err := s.Lease()
	if err != nil {
		return err
	}
	w, err := l.Ingest(context.Background(), describe("text/plain", large()))
	if err != nil {
		return err
	}
	if _, err := w.Write(large()[:1000]); err != nil {
		return err
	}
	fmt.Println("half")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// complete writes the blob, and says from where it did.
func complete(s *Store) error {
	l, err := s.Lease()
	if err != nil {
		return err
	}
	defer l.Close()
	w, err := l.Ingest(context.Background(), describe("text/plain", large()))
	if err != nil {
		return err
	}
	defer w.Close()
	from := w.Offset()
	if _, err := w.Write(large()[from:]); err != nil {
		return err
	}
	if _, err := w.Commit(); err != nil {
		return err
	}
	fmt.Println("from", from)
	return nil
}

// one does something at random that keeps the store whole. There are few images,
// so that workers want the same.
func one(s *Store, r *rand.Rand) error {
	n := fmt.Sprint("image", r.IntN(4))
	switch r.IntN(6) {
	case 0:
		_, err := s.Sweep()
		return err
	case 1:
		return s.Change(func(x *Index) error { x.Untag(n); return nil })
	case 2:
		return s.Change(func(x *Index) error {
			if d, ok := x.Find(n); ok {
				x.Delete(d.Digest)
			}
			return nil
		})
	case 3:
		return s.Repair()
	}
	return fetch(s, n, r)
}

// fetch is what a pull does, in small pieces.
func fetch(s *Store, name string, r *rand.Rand) error {
	l, err := s.Lease()
	if err != nil {
		return err
	}
	defer l.Close()
	p := compose(failing{}, name)
	for i, d := range p.all {
		if err := pieces(l, d, p.texts[i], r); err != nil {
			return err
		}
	}
	return s.Change(func(x *Index) error { x.Set(name, p.manifest); return nil })
}

func pieces(l *Lease, d ocispec.Descriptor, b []byte, r *rand.Rand) error {
	var w *Writer
	var err error
	if r.IntN(3) == 0 {
		w, err = l.Create(d.MediaType)
	} else {
		w, err = l.Ingest(context.Background(), d)
	}
	if err == ErrExists {
		return nil
	}
	if err != nil {
		return err
	}
	defer w.Close()
	for rest := b[w.Offset():]; len(rest) > 0; {
		n, err := w.Write(rest[:min(len(rest), 1+r.IntN(600))])
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	_, err = w.Commit()
	return err
}

// failing is the part of a test that compose needs.
type failing struct{ testing.TB }

func (failing) Helper()           {}
func (failing) Fatal(args ...any) { panic(fmt.Sprint(args...)) }
