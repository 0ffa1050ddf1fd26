// Package crowd_test has many containers at once, many commands at once in one,
// and many readers of one output.
package crowd_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"mydocker/internal/testenv"
	"mydocker/linux"
)

// A crowd is an engine in a network namespace of its own, on a machine that
// must be after the test as it was before.
type crowd struct {
	t      *testing.T
	env    testenv.Engine
	rootfs string
	binary string
	net    *os.File // the network namespace
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	testenv.NetNS(t)
	c := &crowd{t: t, env: testenv.NewEngine(t), rootfs: testenv.Busybox(t), binary: testenv.Binary(t)}
	var err error
	if c.net, err = os.Open("/proc/thread-self/ns/net"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.net.Close() })
	c.want(0, c.run("--rm"), "true") // makes what stays for all
	testenv.Reaped(t, "veth")
	testenv.Leaks(t, c.env.Root, c.env.State)
	t.Cleanup(func() {
		if t.Failed() { // what is left would keep the directories
			c.command("rm", "-f").Run()
			ids, _ := c.command("ps", "-aq").Output()
			c.command(append([]string{"rm", "-f"}, strings.Fields(string(ids))...)...).Run()
		}
		testenv.Reaped(t, "veth")
	})
	return c
}

// run is the words with which a container is run.
func (c *crowd) run(flags ...string) []string {
	return append(append([]string{"run"}, flags...), "--rootfs", c.rootfs)
}

func (c *crowd) command(args ...string) *exec.Cmd {
	return exec.Command(c.binary, append(c.env.Flags(), args...)...)
}

// A result is how a command ended.
type result struct {
	out, err string
	code     int
}

func (c *crowd) do(args ...string) result {
	var out, errs bytes.Buffer
	cmd := c.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		return result{"", err.Error(), -1}
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// want runs a command that has to end with that exit code, and returns what it
// printed.
func (c *crowd) want(code int, args []string, more ...string) string {
	c.t.Helper()
	args = append(args, more...)
	r := c.do(args...)
	if r.code != code {
		c.t.Errorf("%v: exit code %d, want %d\n%s%s", args, r.code, code, r.out, r.err)
	}
	return r.out
}

// words makes a list of one's words.
func words(w ...string) []string { return w }

// together calls f with 0 to n-1, so many at a time, in the network namespace
// of the test. A thread that was there is thrown away.
func (c *crowd) together(n, at int, f func(i int)) {
	var all sync.WaitGroup
	next := make(chan int)
	for range at {
		all.Go(func() {
			runtime.LockOSThread()
			if err := linux.SetNS(c.net); err != nil {
				c.t.Error(err)
			}
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}

func TestAHundredContainers(t *testing.T) {
	c := newCrowd(t)
	const n, at = 100, 16
	var names []string
	for i := range n {
		names = append(names, "c"+strconv.Itoa(i))
	}
	c.together(n, at, func(i int) {
		c.want(0, c.run("-d", "--name", names[i], "--hostname", "host-"+names[i]), "sh", "-c", "echo this is "+names[i]+"; exec sleep 1000")
	})
	seen := c.set(words("ps", "--format", "{{.Names}}"), n)
	c.together(n, at, func(i int) {
		if !seen[names[i]] {
			t.Errorf("ps does not see %s", names[i])
		}
		if got := c.want(0, words("exec", names[i], "hostname")); got != "host-"+names[i]+"\n" {
			t.Errorf("exec in %s says %q", names[i], got)
		}
		if got := c.want(0, words("logs", names[i])); got != "this is "+names[i]+"\n" {
			t.Errorf("the log of %s is %q", names[i], got)
		}
	})
	c.set(words(append([]string{"inspect", "-f", "{{.NetworkSettings.IPAddress}}"}, names...)...), n)
	c.set(append(words("stop", "-t", "0"), names...), n)
	c.set(words("ps", "-q"), 0)
	for name, status := range c.lines(words("ps", "-a", "--format", "{{.Names}} {{.Status}}")) {
		if !strings.HasPrefix(status, "Exited (137)") {
			t.Errorf("%s is %s", name, status)
		}
	}
	c.set(append(words("rm"), names...), n)
	c.set(words("ps", "-aq"), 0)
}

// TestShortLives runs containers that may have ended before their start is
// written down: nothing has to be done for them from outside.
func TestShortLives(t *testing.T) {
	c := newCrowd(t)
	c.together(160, 8, func(i int) {
		c.want(0, c.run("--rm", "--network", "none", "--name", "c"+strconv.Itoa(i)), "true")
	})
}

// lines runs a command that prints a word and more on each line.
func (c *crowd) lines(args []string) map[string]string {
	c.t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(c.want(0, args)) {
		first, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[first] = rest
	}
	return all
}

// set runs a command that prints n different words.
func (c *crowd) set(args []string, n int) map[string]bool {
	c.t.Helper()
	out := c.want(0, args)
	all := map[string]bool{}
	for _, w := range strings.Fields(out) {
		all[w] = true
	}
	if len(all) != n || len(strings.Fields(out)) != n {
		c.t.Errorf("%s printed %d different words, want %d:\n%s", args[0], len(all), n, out)
	}
	return all
}

func TestManyCommandsInOneContainer(t *testing.T) {
	c := newCrowd(t)
	c.want(0, c.run("-d", "--name", "box"), "sleep", "1000")
	const n = 64
	c.together(n, n, func(i int) {
		script := fmt.Sprintf("echo out %d; echo err %d >&2; exit %d", i, i, i)
		want := result{fmt.Sprintf("out %d\n", i), fmt.Sprintf("err %d\n", i), i}
		if got := c.do("exec", "box", "sh", "-c", script); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
	c.want(0, words("rm", "-f", "box"))
}

// TestCommandsEndWithTheContainer has commands come to a container that ends
// with the exit code 0. None may take that for its own.
func TestCommandsEndWithTheContainer(t *testing.T) {
	c := newCrowd(t)
	const n = 48
	var ended sync.WaitGroup
	c.want(0, c.run("-di", "--name", "box"), "head", "-n", "1")
	ended.Go(func() {
		c.together(n, n/2, func(i int) {
			r := c.do("exec", "box", "sleep", "1000")
			switch {
			case r.code == 137, r.code == 1 && strings.Contains(r.err, "is not running"):
			default:
				t.Errorf("got %+v", r)
			}
		})
	})
	c.come()
	input := c.command("attach", "box")
	input.Stdin = strings.NewReader("go\n")
	if err := input.Run(); err != nil {
		t.Error(err)
	}
	c.want(0, words("wait", "box"))
	ended.Wait()
	c.want(0, words("rm", "box"))
}

// come waits until some of the commands are there.
func (c *crowd) come() {
	for {
		if out := c.want(0, words("top", "box")); strings.Count(out, "sleep") > 3 || c.t.Failed() {
			return
		}
	}
}
