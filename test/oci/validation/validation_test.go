// Package validation_test has the programs of github.com/opencontainers/runtime-tools
// judge the runtime, beside what they said about crun and runc.
package validation_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"mydocker/internal/testenv"
)

var (
	update = flag.Bool("update", false, "write scores.txt: runs crun and runc, too")
	only   = flag.String("programs", "", "run only the programs whose name matches this regular expression")
)

// columns of scores.txt, after the program's name.
var columns = []string{own, "crun", "runc"}

const own = "mydocker-runtime"

// excused are the programs that may like the runtime less than they like a peer.
var excused = map[string]string{
	"poststart_fail": "it is of specification 1.1, where a failed poststart hook was to be a warning; since 1.2 it ends the container",
}

// Most programs wait most of the time, so that they run beside each other.
// Those that give their container a control group give it the same one.
const (
	lanes  = 6
	shared = "_cgroups_|_resources|delete_only"
)

func TestValidation(t *testing.T) {
	testenv.Root(t)
	testenv.Leaks(t)
	b := newBed(t)
	all := map[string]map[string]score{}
	if *update {
		for name, path := range b.peers() {
			all[name] = b.judge(path)
		}
	}
	all[own] = b.judge(testenv.RuntimeBinary(t))
	if *update {
		writeScores(t, all)
	}
	for name, scores := range readScores(t) {
		if all[name] == nil {
			all[name] = scores
		}
	}
	t.Logf("passed/failed/skipped, and ! for a complaint beside them\n%s", table(b.programs, all))
	for _, p := range b.programs {
		ours, best := all[own][p], all["crun"][p]
		if !all["runc"][p].worse(best) {
			best = all["runc"][p]
		}
		why, ok := excused[p]
		switch worse := ours.worse(best); {
		case worse && !ok:
			t.Errorf("%s: %v, the best peer %v\n%s", p, ours, best, b.said(p))
		case worse:
			t.Logf("%s: %v, the best peer %v: %s", p, ours, best, why)
		case ok && *only == "":
			t.Errorf("%s: %v, the best peer %v: it needs no excuse", p, ours, best)
		}
	}
}

// A bed is where the programs run.
type bed struct {
	*testenv.Sandbox
	t        *testing.T
	dir      string // of the programs
	programs []string

	mu     sync.Mutex
	output map[string]string // of a program's last run
}

func newBed(t *testing.T) *bed {
	t.Helper()
	const module = "github.com/opencontainers/runtime-tools"
	dir := testenv.Programs(t, "runtime-tools", module+"/validation/...", module+"/cmd/runtimetest")
	sweep(t) // of a run that was killed
	t.Cleanup(func() { sweep(t) })
	b := &bed{t: t, Sandbox: testenv.NewSandbox(t), dir: dir, output: map[string]string{}}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if match, err := regexp.MatchString(*only, f.Name()); err != nil {
			t.Fatal(err)
		} else if match && f.Name() != "runtimetest" {
			b.programs = append(b.programs, f.Name())
		}
	}
	b.copyIn(filepath.Join(dir, "runtimetest"))
	b.copyIn(filepath.Join(source(t, module), "rootfs-"+runtime.GOARCH+".tar.gz"))
	return b
}

// source is where the go command keeps the module.
func source(t *testing.T, module string) string {
	t.Helper()
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	cmd.Dir = "runtime-tools"
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// copyIn puts a file of the machine into the directory that the programs run
// in; it can be executed.
func (b *bed) copyIn(file string) {
	b.t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(b.Path(filepath.Join(b.Dir, filepath.Base(file))), data, 0o755)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// judge has every program judge a runtime.
func (b *bed) judge(path string) map[string]score {
	scores := map[string]score{}
	var alone, beside []string
	one := regexp.MustCompile(shared)
	for _, p := range b.programs {
		if one.MatchString(p) {
			alone = append(alone, p)
		} else {
			beside = append(beside, p)
		}
	}
	var all sync.WaitGroup
	queue := make(chan []string)
	for range lanes {
		all.Go(func() {
			for list := range queue {
				for _, p := range list {
					s := b.run(p, path)
					b.mu.Lock()
					scores[p] = s
					b.mu.Unlock()
				}
			}
		})
	}
	queue <- alone
	for _, p := range beside {
		queue <- []string{p}
	}
	close(queue)
	all.Wait()
	return scores
}

// run runs one program. What it left behind ends with the sandbox.
func (b *bed) run(program, path string) score {
	cmd := b.Command("env", "-C", b.Dir, "RUNTIME="+path, "timeout", "-k", "5", "60", filepath.Join(b.dir, program))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second // a container that goes on may hold them
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	b.mu.Lock()
	b.output[program] = out.String() + errs.String()
	b.mu.Unlock()
	return readTAP(out.String(), err)
}

// said is what is of interest of a program's output: its points that failed, with
// the lines after them, or all where there are none.
func (b *bed) said(program string) string {
	var failed, all []string
	near := 0
	for line := range strings.Lines(b.output[program]) {
		line = strings.TrimRight(line, "\n")
		line = line[:min(len(line), 400)]
		if near--; strings.HasPrefix(line, "not ok ") {
			near = 8
		}
		if near > 0 {
			failed = append(failed, line)
		}
		all = append(all, line)
	}
	if failed == nil {
		failed = all
	}
	return strings.Join(failed[:min(len(failed), 40)], "\n")
}

// peers are who to compare with. The configurations are of version 1.1 of the
// specification, which changed nothing of what the programs look at; Debian's
// crun takes 1.0 only.
func (b *bed) peers() map[string]string {
	b.t.Helper()
	crun, err1 := exec.LookPath("crun")
	runc, err2 := exec.LookPath("runc")
	const wrap = "#!/bin/sh\n[ \"$1\" = create ] && " + `sed -i 's/"ociVersion": *"[^"]*"/"ociVersion": "1.0.2"/'` + " \"$3/config.json\"\nexec %s \"$@\"\n"
	wrapper := filepath.Join(b.Dir, "crun")
	err := os.WriteFile(b.Path(wrapper), fmt.Appendf(nil, wrap, crun), 0o755)
	if err := errors.Join(err1, err2, err); err != nil {
		b.t.Fatal(err)
	}
	return map[string]string{"crun": wrapper, "runc": runc}
}

// sweep removes the control groups that programs leave behind when a container
// of theirs is not what they want. They are empty once the sandbox has ended.
func sweep(t *testing.T) {
	t.Helper()
	theirs := regexp.MustCompile(`/(testdir|cgrouptest|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)
	var found []string
	filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && theirs.MatchString(path) {
			found = append(found, path)
		}
		return nil
	})
	slices.Reverse(found) // the inner before the outer
	for _, path := range found {
		for end := time.Now().Add(10 * time.Second); syscall.Rmdir(path) == syscall.EBUSY; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("%s is not empty", path)
				break
			}
		}
	}
}

func table(programs []string, all map[string]map[string]score) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "program\t%s\n", strings.Join(columns, "\t"))
	sums := make([]score, len(columns))
	for _, p := range programs {
		fmt.Fprint(w, p)
		for i, c := range columns {
			s := all[c][p]
			sums[i].passed, sums[i].failed, sums[i].skipped = sums[i].passed+s.passed, sums[i].failed+s.failed, sums[i].skipped+s.skipped
			sums[i].complaints += s.complaints
			fmt.Fprintf(w, "\t%v", s)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "all")
	for _, s := range sums {
		fmt.Fprintf(w, "\t%v", s)
	}
	fmt.Fprintln(w)
	w.Flush()
	return b.String()
}

// writeScores keeps the lines of programs that did not run.
func writeScores(t *testing.T, all map[string]map[string]score) {
	t.Helper()
	kept := readScores(t)
	names := map[string]bool{}
	for _, c := range columns {
		if kept[c] == nil {
			kept[c] = map[string]score{}
		}
		maps.Copy(kept[c], all[c])
		for p := range kept[c] {
			names[p] = true
		}
	}
	text := table(slices.Sorted(maps.Keys(names)), kept)
	if err := os.WriteFile("scores.txt", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// readScores returns what programs once said, by runtime and program.
func readScores(t *testing.T) map[string]map[string]score {
	t.Helper()
	data, err := os.ReadFile("scores.txt")
	if errors.Is(err, fs.ErrNotExist) && *update {
		return map[string]map[string]score{}
	}
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]score{}
	for _, c := range columns {
		all[c] = map[string]score{}
	}
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		f := strings.Fields(line)
		if i == 0 || f[0] == "all" {
			continue
		}
		for c := range columns {
			if all[columns[c]][f[0]], err = parseScore(f[c+1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}
