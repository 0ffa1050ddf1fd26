package ps

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// sleeper starts a process that waits for us, and returns its number.
func sleeper(t *testing.T) int {
	t.Helper()
	c := exec.Command("cat")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); c.Wait() })
	// What it echoes says that it is what it will be.
	if _, err := in.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return c.Process.Pid
}

func show(t *testing.T, pids []int, options ...string) (titles []string, rows [][]string) {
	t.Helper()
	f, err := Parse(options)
	if err != nil {
		t.Fatal(err)
	}
	rows, err = f.Rows(pids)
	if err != nil {
		t.Fatal(err)
	}
	return f.Titles(), rows
}

// What does not change while a process waits is as the host's ps shows it.
func TestAsTheHostsPS(t *testing.T) {
	host, err := exec.LookPath("ps")
	if err != nil {
		t.Skip("there is no ps to compare with")
	}
	pid := sleeper(t)
	const list = "pid,ppid,pgid,sid,lwp,nlwp,user,uid,gid,group,comm,ucmd,s,ni,pri,tty,tname,vsz,sz,f,time,cmd,args"
	out, err := exec.Command(host, "-p", strconv.Itoa(pid), "-ww", "-o", list).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	titles, rows := show(t, []int{pid}, "-o", list)
	for i, ours := range [][]string{titles, rows[0]} {
		got := strings.Join(strings.Fields(strings.Join(ours, " ")), " ")
		if want := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestSets(t *testing.T) {
	for options, want := range map[string]string{
		"-ef":                   "UID PID PPID C STIME TTY TIME CMD",
		"-e":                    "PID TTY TIME CMD",
		"ax":                    "PID TTY STAT TIME COMMAND",
		"aux":                   "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND",
		"-aux":                  "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND",
		"-eLf":                  "UID PID PPID LWP C NLWP STIME TTY TIME CMD",
		"-el":                   "F S UID PID PPID C PRI NI ADDR SZ WCHAN TTY TIME CMD",
		"-ej":                   "PID PGID SID TTY TIME CMD",
		"-o pid,comm":           "PID COMMAND",
		"-eo pid -o user":       "PID USER",
		"-opid,ppid":            "PID PPID",
		"axo pid,args":          "PID COMMAND",
		"o pid,pcpu,%mem":       "PID %CPU %MEM",
		"--format=pid,rss":      "PID RSS",
		"--format pid":          "PID",
		"-o pid,comm=WHAT -eww": "PID WHAT",
	} {
		f, err := Parse(strings.Fields(options))
		if err != nil {
			t.Errorf("%s: %v", options, err)
			continue
		}
		if got := strings.Join(f.Titles(), " "); got != want {
			t.Errorf("%s: %q, want %q", options, got, want)
		}
	}
}

// What is not known is refused by its name.
func TestRefused(t *testing.T) {
	for options, want := range map[string]string{
		"--forest": `"--forest"`, "-H": `"-H"`, "f": `"f"`, "-p 1": `"-p"`, "--sort=rss": `"--sort=rss"`, "-o pid,nix": `"nix"`, "-o": "format specification",
		"-o comm": ErrNoPID.Error(), "-o ,": "no column", "-o pid=ID": ErrNoPID.Error(),
	} {
		if _, err := Parse(strings.Fields(options)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", options, err, want)
		}
	}
}

// Every column has a value for a process, and a row for each of its threads.
func TestThreads(t *testing.T) {
	var all []string
	for name := range columns() {
		all = append(all, name)
	}
	_, rows := show(t, []int{os.Getpid()}, "-o", strings.Join(all, ","))
	if len(rows) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, v := range rows[0] {
		if v == "" {
			t.Errorf("%s is empty", all[i])
		}
	}
	_, threads := show(t, []int{os.Getpid()}, "-eL", "-o", "pid,lwp,nlwp")
	if len(threads) < 2 || threads[0][0] != threads[1][0] || threads[0][1] == threads[1][1] {
		t.Errorf("threads %v", threads)
	}
}

func TestGoneHasNoRow(t *testing.T) {
	c := exec.Command("true")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	if _, rows := show(t, []int{c.Process.Pid}, "-ef"); len(rows) > 0 {
		t.Errorf("rows %v", rows)
	}
}

// The dead are marked, and what a process calls itself is harmless to a terminal.
func TestDefunctAndPrintable(t *testing.T) {
	p := process{comm: "evil\x1b[2J\n\xff", stat: []string{"Z"}}
	if got := p.arguments(); got != "[evil?[2J??] <defunct>" {
		t.Errorf("%q", got)
	}
	p = process{cmdline: []string{"a\tb", "c\u009bd", "ü"}, stat: []string{"S"}}
	if got := p.arguments(); got != "a?b c?d ü" {
		t.Errorf("%q", got)
	}
}

func TestClock(t *testing.T) {
	for s, want := range map[int64][2]string{
		0: {"00:00:00", "00:00"}, 61: {"00:01:01", "01:01"}, 3600: {"01:00:00", "01:00:00"}, 90061: {"1-01:01:01", "1-01:01:01"},
	} {
		if got := [2]string{clock(s, false), clock(s, true)}; got != want {
			t.Errorf("%d: %q, want %q", s, got, want)
		}
	}
}
