package killing_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"

	"mydocker/linux"
)

// An operation is one command.
type operation struct {
	args  []string
	codes []int         // that it may end with, beside 0
	typed string        // it has a terminal, on which this is typed
	tty   bool          // it has a terminal
	lease time.Duration // until it is killed, because it waits for others; 0: it ends by itself
}

// names are those of all containers, so that workers meet.
var names = []string{"ant", "bee", "cat", "dog", "eel", "fox"}

// work runs one command after the other. Its thread is in the network namespace
// of the test, and is thrown away with it.
func (f *field) work(number int, r *rand.Rand) {
	runtime.LockOSThread()
	if err := linux.SetNS(f.net); err != nil {
		f.failed("worker %d: %v", number, err)
		return
	}
	for !f.ended() {
		f.do(number, f.choose(r))
	}
}

// choose makes an operation up.
func (f *field) choose(r *rand.Rand) operation {
	name := names[r.IntN(len(names))]
	lease := time.Duration(r.IntN(2000)) * time.Millisecond
	simple := func(args ...string) operation { return operation{args: append(args, name), codes: []int{1}} }
	switch r.IntN(24) {
	case 0, 1, 2:
		code, long := r.IntN(3), r.IntN(20)
		return operation{args: f.run(r, name, fmt.Sprintf("echo out; echo err >&2; sleep 0.%d; exit %d", long, code)), codes: []int{code, 125}}
	case 3, 4, 5, 6:
		words := f.run(r, name, sleeper(r))
		return operation{args: slices.Insert(words, 1, "-d"), codes: []int{125}}
	case 7:
		words := slices.Insert(f.run(r, name, "echo ready; read a; exit 3"), 1, "-it")
		return operation{args: words, codes: []int{1, 3, 125}, tty: true, typed: []string{"word\n", "\x10\x11", "\x03\x04", ""}[r.IntN(4)], lease: lease}
	case 8:
		words := f.run(r, name, sleeper(r))
		words[0] = "create"
		return operation{args: words, codes: []int{125}}
	case 9, 10:
		return simple("start")
	case 11:
		return simple("stop", "-t", fmt.Sprint(r.IntN(2)))
	case 12:
		return simple("kill", "-s", []string{"KILL", "TERM", "INT", "USR1"}[r.IntN(4)])
	case 13, 14:
		code := r.IntN(3)
		return operation{args: []string{"exec", name, "sh", "-c", fmt.Sprintf("echo out; sleep 0.0%d; exit %d", r.IntN(10), code)}, codes: []int{code, 1, 126}}
	case 15:
		return operation{args: []string{"exec", "-it", name, "sh"}, codes: []int{1, 4, 126}, tty: true, typed: "exit 4\n", lease: 2*time.Second + lease}
	case 16:
		return operation{args: []string{"attach", name}, codes: []int{1, 2, 3, 7}, lease: lease}
	case 17:
		return operation{args: []string{"logs", "-f", name}, codes: []int{1}, lease: lease}
	case 18:
		return simple("pause")
	case 19:
		return simple("unpause")
	case 20:
		return operation{args: []string{"rename", name, names[r.IntN(len(names))]}, codes: []int{1}}
	case 21:
		return simple("rm", "-f")
	case 22:
		return operation{args: [][]string{{"ps", "-a"}, {"ps"}, {"inspect", name}, {"top", name}}[r.IntN(4)], codes: []int{1}}
	default:
		return operation{args: []string{"wait", name}, codes: []int{1}, lease: lease}
	}
}

// run is the words of a container.
func (f *field) run(r *rand.Rand, name, script string) []string {
	words := []string{"run", "--name", name}
	if r.IntN(3) == 0 {
		words = append(words, "--rm")
	}
	if r.IntN(2) == 0 {
		words = append(words, "--network", "none")
	}
	if r.IntN(4) == 0 {
		words = append(words, "--pid", "host") // nothing ends with its first process
	}
	return append(words, "--rootfs", f.rootfs, "sh", "-c", script)
}

// sleeper is what a container does that waits to be ended.
func sleeper(r *rand.Rand) string {
	return []string{
		"sleep 1000",
		"sleep 1000 & sleep 1000 & wait",
		"trap 'exit 7' TERM; while :; do echo turn; sleep 0.1; done",
	}[r.IntN(3)]
}

// do runs the command to its end and judges that.
func (f *field) do(worker int, o operation) {
	cmd := exec.Command(f.binary, append(f.env.Flags(), o.args...)...)
	cmd.WaitDelay = 10 * time.Second // somebody else has its output
	var out bytes.Buffer
	short := strings.Join(o.args, " ")
	short = strings.ReplaceAll(short, "--rootfs "+f.rootfs+" ", "")
	begun := time.Now()
	shown, err := start(cmd, o, &out)
	if err != nil {
		f.failed("%s: %v", short, err)
		return
	}
	f.note(o.args[0], "worker %d: %d %s", worker, cmd.Process.Pid, short)
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		<-shown
		ended <- err
	}()
	var lease <-chan time.Time
	if o.lease > 0 {
		lease = time.After(o.lease)
	}
	leased := false
	limit := time.After(patience)
	for {
		select {
		case err := <-ended:
			f.judge(worker, o, cmd, err, out.String(), short, time.Since(begun))
			return
		case <-lease:
			leased = true
			cmd.Process.Kill()
		case <-limit:
			f.failed("it hangs (killed: %v): %s\n%s\n%s", leased, short, f.stuck(cmd.Process.Pid), &out)
			cmd.Process.Kill()
			<-ended
			return
		}
	}
}

// start starts the command, on a terminal where it has one. The channel is
// closed when all that the terminal showed is in out.
func start(cmd *exec.Cmd, o operation, out *bytes.Buffer) (shown chan struct{}, err error) {
	shown = make(chan struct{})
	if !o.tty {
		close(shown)
		cmd.Stdout, cmd.Stderr = out, out
		return shown, cmd.Start()
	}
	master, err := pty.Start(cmd)
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(shown)
		defer master.Close()
		io.WriteString(master, o.typed)
		io.Copy(out, master)
	}()
	return shown, nil
}

// signalled are the exit codes of a container that was sent a signal which it
// does not handle: in a PID namespace of its own that is SIGKILL.
var signalled = []int{128 + int(syscall.SIGKILL), 128 + int(syscall.SIGTERM), 128 + int(syscall.SIGINT), 128 + int(syscall.SIGUSR1)}

// judge looks at how a command ended.
func (f *field) judge(worker int, o operation, cmd *exec.Cmd, err error, out, short string, took time.Duration) {
	if errors.Is(err, exec.ErrWaitDelay) {
		f.failed("somebody holds the output of: %s", short)
		return
	}
	code := cmd.ProcessState.ExitCode()
	f.note("ended", "worker %d: %d %s: %d after %v", worker, cmd.Process.Pid, o.args[0], code, took.Round(time.Millisecond))
	ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case strings.Contains(out, "goroutine ") || strings.Contains(out, "panic"):
		f.failed("%s crashed:\n%s", short, out)
	case ws.Signaled() && ws.Signal() != syscall.SIGKILL && !(ws.Signal() == syscall.SIGINT && strings.Contains(o.typed, "\x03")):
		f.failed("%s was ended by %v:\n%s", short, ws.Signal(), out)
	case !ws.Signaled() && code != 0 && !slices.Contains(append(o.codes, signalled...), code):
		f.failed("%s has the exit code %d:\n%q", short, code, out)
	case code > 0:
		f.hear(o.args[0], code, out)
	}
}

var particular = regexp.MustCompile(`[0-9a-f]{12,64}|/tmp/mydocker-test-[0-9]+|\b(ant|bee|cat|dog|eel|fox)\b|[0-9]{2,}`)

// hear counts what commands say.
func (f *field) hear(verb string, code int, out string) {
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "mydocker: ") || strings.HasPrefix(line, "Error") {
			text := fmt.Sprintf("%s (%d): %s", verb, code, particular.ReplaceAllString(strings.TrimSpace(line), "…"))
			f.mu.Lock()
			f.said[text]++
			f.mu.Unlock()
		}
	}
}
