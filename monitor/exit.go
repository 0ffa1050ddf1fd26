package monitor

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"mydocker/event"
	"mydocker/initprog"
	"mydocker/monitor/wire"
)

// exitFile is container.ExitFile; that package is too heavy for this process.
const exitFile = "exit.json"

// drain waits until everything that the container wrote was passed on. Nobody
// who reads slowly is waited for any more. Processes that outlive the first
// one, in a PID namespace that is not the container's own, may hold the
// streams: they are ended.
func (m *monitor) drain() {
	for _, c := range m.all() {
		c.hurry()
	}
	done := make(chan struct{})
	go func() { m.copies.Wait(); close(done) }()
	for m.start.Cgroup != "" {
		killGroup(m.start.Cgroup)
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond): // for those who were just born
		}
	}
	<-done
}

// killGroup kills the processes of a control group and those below.
func killGroup(dir string) {
	if os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0) == nil { // version 2, Linux 5.14
		return
	}
	filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return nil
		}
		b, _ := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		for _, f := range strings.Fields(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		return nil
	})
}

// how finds out how the container ended.
func (m *monitor) how(ws syscall.WaitStatus) wire.Exit {
	x := wire.Exit{Code: code(ws), OOMKilled: m.oomKilled()}
	if m.start.Status == nil {
		return x
	}
	info := make([]byte, 128) // siginfo_t of waitid(2), from a reaper
	if _, err := io.ReadFull(m.start.Status, info); err == nil {
		const cldExited = 1
		x.Code = int(binary.NativeEndian.Uint32(info[24:]))
		if binary.NativeEndian.Uint32(info[8:]) != cldExited {
			x.Code += 128
		}
	}
	return x
}

func (m *monitor) oomKilled() bool {
	b, err := os.ReadFile(m.start.OOM)
	if err != nil {
		return false
	}
	for l := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(l, "oom_kill "); ok {
			return strings.TrimSpace(v) != "0"
		}
	}
	return false
}

// record writes how the container ended; see container.Exit.
func (m *monitor) record(x wire.Exit) {
	text := `{"pid":` + strconv.Itoa(m.first.pid) + `,"start_ticks":` + strconv.Itoa(m.first.ticks) +
		`,"exit_code":` + strconv.Itoa(x.Code) + `,"oom_killed":` + strconv.FormatBool(x.OOMKilled) +
		`,"finished_at":"` + time.Now().UTC().Format(time.RFC3339Nano) + "\"}\n"
	next := m.exitPath() + nextSuffix
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	if _, err := f.WriteString(text); err == nil && f.Truncate(int64(len(text))) == nil {
		os.Rename(next, m.exitPath())
	}
}

func (m *monitor) exitPath() string { return filepath.Join(m.start.Dir, exitFile) }

// nextSuffix is that of the file that becomes the exit file.
const nextSuffix = ".next"

// reserve takes the room for the exit file, so that a disk which is full by then
// does not matter.
func (m *monitor) reserve() {
	os.WriteFile(m.exitPath()+nextSuffix, make([]byte, 512), 0o600)
}

// journal writes down that the container has ended. Without the journal it has
// all the same.
func (m *monitor) journal(x wire.Exit) {
	at := append([]string{"exitCode", strconv.Itoa(x.Code)}, m.start.Names...)
	if x.OOMKilled {
		event.Append(m.start.Root, event.Event{Action: "oom", ID: m.start.ID, Attributes: m.start.Names, Command: Name})
	}
	event.Append(m.start.Root, event.Event{Action: "die", ID: m.start.ID, Attributes: at, Command: Name})
}

// tell tells everybody that the container has ended, but those who wait for
// another process: they would take its exit code for that one's.
func (m *monitor) tell(x wire.Exit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.exit = &x
	for c := range m.clients {
		if c.exec {
			continue
		}
		told := x
		told.Offer = c.want.Clean
		c.write(wire.Exited, told.Append(nil))
	}
}

// slow is how long a client may take to accept that it takes the container
// back. Those that are stopped never do.
const slow = 250 * time.Millisecond

// handOver gives the responsibility to a client that can take the container
// back, which has all that is needed at hand, or else starts the engine's
// program for it.
func (m *monitor) handOver(l *wire.Listener) {
	l.Close()
	able := false
	for _, c := range m.all() {
		able = able || c.want.Clean && c.prompt()
	}
	if able {
		select {
		case <-m.given:
			return
		case <-time.After(slow):
		}
	}
	m.mu.Lock()
	lock := m.start.Lock
	m.mu.Unlock()
	if lock != nil {
		m.finish()
	}
}

// give hands the lock to a client that accepts, if it is the first.
func (m *monitor) give(c *client) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.start.Lock == nil || m.exit == nil {
		c.conn.Send(wire.Lock, nil)
		return
	}
	if c.conn.Send(wire.Lock, nil, m.start.Lock) != nil {
		return
	}
	m.start.Lock.Close()
	m.start.Lock = nil
	m.given <- struct{}{}
}

// finish starts the engine's program, which takes the container back.
func (m *monitor) finish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.start.Lock == nil {
		return
	}
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return // the next command does it
	}
	defer null.Close()
	initprog.Fork(initprog.Start{
		Image: m.start.Program, Files: []*os.File{null, null, null, m.start.Lock},
		Sys: &syscall.SysProcAttr{Setsid: true}, Args: m.start.Finish, Env: []string{},
	})
	m.start.Lock.Close()
	m.start.Lock = nil
}

// flush waits for readers that are slow.
func (m *monitor) flush() {
	for _, c := range m.all() {
		c.flush()
	}
}
