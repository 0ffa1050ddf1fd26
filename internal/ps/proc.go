package ps

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// hz is how many clock ticks of /proc are a second: USER_HZ, on every
// architecture of Linux that Go knows.
const hz = 100

// machine is what the values of all processes are measured against.
type machine struct {
	now    time.Time
	boot   time.Time
	uptime float64 // seconds
	memory int64   // bytes
	users  map[string]string
	groups map[string]string
}

func readMachine() (*machine, error) {
	m := &machine{now: time.Now(), users: names("/etc/passwd"), groups: names("/etc/group")}
	b, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Sscan(string(b), &m.uptime); err != nil {
		return nil, fmt.Errorf("/proc/uptime: %w", err)
	}
	m.boot = m.now.Add(-time.Duration(m.uptime * float64(time.Second)))
	if b, err = os.ReadFile("/proc/meminfo"); err != nil {
		return nil, err
	}
	m.memory = number(field(string(b), "MemTotal")) * 1024
	return m, nil
}

// names reads the names of numbers from a file like passwd(5).
func names(file string) map[string]string {
	out := map[string]string{}
	b, err := os.ReadFile(file)
	if err != nil {
		return out // numbers, then
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(line, ":"); len(f) > 2 && out[f[2]] == "" {
			out[f[2]] = f[0]
		}
	}
	return out
}

// process is what proc_pid_stat(5), proc_pid_status(5) and proc_pid_cmdline(5)
// tell of a process, or of one of its threads.
type process struct {
	*machine
	pid, tid int
	stat     []string // fields of stat from the third on
	status   string
	comm     string
	cmdline  []string // of words
	wchan    string
}

// read returns a process, or its threads; nothing where it is gone.
func (m *machine) read(pid int, threads bool) (out []process) {
	dir := "/proc/" + strconv.Itoa(pid)
	if !threads {
		if p, ok := m.readAt(dir, pid, pid); ok {
			return []process{p}
		}
		return nil
	}
	entries, err := os.ReadDir(dir + "/task")
	if err != nil {
		return nil
	}
	var tids []int
	for _, e := range entries {
		if tid, err := strconv.Atoi(e.Name()); err == nil {
			tids = append(tids, tid)
		}
	}
	slices.Sort(tids)
	for _, tid := range tids {
		if p, ok := m.readAt(dir+"/task/"+strconv.Itoa(tid), pid, tid); ok {
			out = append(out, p)
		}
	}
	return out
}

func (m *machine) readAt(dir string, pid, tid int) (p process, ok bool) {
	p = process{machine: m, pid: pid, tid: tid}
	stat, err := os.ReadFile(dir + "/stat")
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if err != nil || open < 0 || end < open {
		return p, false
	}
	// The name may hold anything, also a parenthesis.
	p.comm, p.stat = string(stat[open+1:end]), strings.Fields(string(stat[end+1:]))
	status, err := os.ReadFile(dir + "/status")
	if err != nil || len(p.stat) < 40 {
		return p, false
	}
	p.status = string(status)
	if words, err := os.ReadFile(dir + "/cmdline"); err == nil && len(words) > 0 {
		p.cmdline = strings.Split(strings.TrimRight(string(words), "\x00"), "\x00")
	}
	if w, err := os.ReadFile(dir + "/wchan"); err == nil {
		p.wchan = string(w)
	}
	return p, true
}

// text returns a field of stat by its number in the manual page.
func (p process) text(n int) string { return p.stat[n-3] }

func (p process) field(n int) int64 { return number(p.text(n)) }

// id returns one of the four numbers of Uid or Gid: 0 is the real, 1 the
// effective one.
func (p process) id(kind string, n int) string {
	if f := strings.Fields(field(p.status, kind)); len(f) > n {
		return f[n]
	}
	return "?"
}

// field returns the value of a line NAME:VALUE.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// number reads the number at the beginning of a text, 0 where there is none.
func number(text string) int64 {
	word, _, _ := strings.Cut(text, " ")
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
