package faults_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"mydocker/cli/runflags"
	"mydocker/engine"
	"mydocker/internal/testenv"
	"mydocker/plan"
)

// TestExecWaitsForTheStart runs a command in a container that is being made: its
// first process is there, and has the host's root yet. The command must not see
// that.
func TestExecWaitsForTheStart(t *testing.T) {
	env, e := bed(t)
	fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
	f := runflags.Add(fs, true)
	if err := fs.Parse([]string{"--rootfs", testenv.Busybox(t), "sleep", "1000"}); err != nil {
		t.Fatal(err)
	}
	r, err := f.Request(runflags.OS(), fs.Args())
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.Create(r, engine.CreateOptions{Name: "box", Start: true})
	if err != nil {
		t.Fatal(err)
	}
	cmd := env.Command(t, "exec", "box", "readlink", "/bin/sh")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ended := make(chan error, 1)
	e.Around = func(part string, n int, after bool) error {
		if part != plan.PartAttach || after || cmd.Process != nil {
			return nil
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		done := make(chan struct{})
		go func() { ended <- cmd.Wait(); close(done) }()
		select {
		case <-done:
			t.Error("it did not wait")
		case <-time.After(300 * time.Millisecond): // longer than it takes, most often
		}
		return nil
	}
	a, err := e.Start(c, engine.StartOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	c.Close()
	if err := <-ended; err != nil || strings.TrimSpace(out.String()) != "busybox" {
		t.Errorf("%v: %s", err, &out)
	}
	if out, err := env.Command(t, "rm", "-f", "box").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
