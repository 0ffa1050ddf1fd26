// Package monitor is the process that stays with one container: parent of its
// first process and of those that exec starts, holder of its streams and
// terminal, writer of its log and of how it ended, and the end of a socket for
// whoever wants to be attached, to wait, or to start another process in it.
//
// It knows nothing of images, networks or records. What is to be done is
// decided by the engine, which sends it a [wire.Start]; what was made on the
// host is taken back by the engine again, when the container has ended.
package monitor

import (
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	"mydocker/jsonlog"
	"mydocker/monitor/wire"
)

// Name is what the process is called.
const Name = "mydocker-monitor"

// Group is the control group in which monitors are.
const Group = "mydocker-monitors"

// FirstClient is the descriptor of the connection to the engine that starts
// the container.
const FirstClient = 3

// Environment is what the process needs of one. Its heap is small, so garbage
// is collected early. What it copies a second processor would not copy faster,
// and each has its share of free memory: 0.17 MB.
func Environment() []string { return []string{"GOGC=20", "GOMAXPROCS=1"} }

// Main runs the monitor; the arguments are the protocol's version and, for
// those who list processes, the container's ID. It returns the exit code.
func Main(args []string) int {
	if len(args) < 1 || args[0] != strconv.Itoa(wire.Version) {
		return exitVersion
	}
	conn, err := wire.NewConn(FirstClient)
	if err != nil {
		return 1
	}
	ignoreSignals()
	m := &monitor{kids: newChildren(), clients: map[*client]bool{}, begun: make(chan struct{}), given: make(chan struct{}, 1)}
	return m.live(newClient(conn))
}

// When so many clients are gone, the memory that they needed is given back as
// soon as nobody leaves for a while: the runtime does that only when it collects
// garbage, and a monitor may have nothing to do for months. To do it for a few
// costs more memory than it gives back.
const (
	many  = 16
	quiet = 500 * time.Millisecond
)

// exitVersion says that the engine speaks another version of the protocol.
const exitVersion = 64

type monitor struct {
	kids  *children
	start *wire.Start // of the first process
	first *child
	begun chan struct{} // closed when the first process runs its program

	log      *jsonlog.Writer
	terminal *os.File // its master
	copies   sync.WaitGroup

	engine *client // who started the container

	mu       sync.Mutex
	clients  map[*client]bool
	sessions sync.WaitGroup // processes that exec started
	ending   bool           // no more of them
	exit     *wire.Exit     // once it is known
	left     int            // clients that are gone, since memory was given back
	tidy     *time.Timer    // gives it back
	given    chan struct{}  // somebody took the container over
}

// live is a container's life, as its monitor sees it.
func (m *monitor) live(engine *client) int {
	if !m.made(engine) {
		return 0 // the engine changed its mind
	}
	listener, err := wire.Listen(m.start.Socket)
	if err != nil {
		engine.conn.Send(wire.Failed, []byte(err.Error()))
		return 1
	}
	go m.accept(listener)
	if !m.starts(engine) {
		return 1
	}
	status := <-m.first.ended
	m.drain()             // all that it wrote is in the log and on its way
	exit := m.how(status) // before its control group goes
	m.record(exit)        // from here on it has ended for everybody
	m.journal(exit)
	m.endSessions()      // what exec started has ended with it, and is told
	m.tell(exit)         // before it is taken back, so that nobody waits for that
	m.handOver(listener) // or have it taken back
	m.flush()            // readers that are slow get the rest
	return 0
}

// ignoreSignals keeps signals from ending the monitor: those who want the
// container to end tell the container. They are handled, not ignored, since
// what it starts would inherit that, as it would inherit what the engine's
// caller ignores.
func ignoreSignals() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGPIPE,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGVTALRM, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU,
		syscall.SIGXCPU, syscall.SIGXFSZ, syscall.SIGWINCH)
}

// made waits for what the engine wants to be started.
func (m *monitor) made(engine *client) bool {
	p, err := engine.conn.Recv()
	if err != nil || p.Kind != wire.Launch {
		return false
	}
	m.start, err = wire.ReadStart(p)
	return err == nil
}

// starts starts the first process and stays with the engine until that says
// that it runs its program. When it does not come to that, nothing of it is
// left.
func (m *monitor) starts(engine *client) bool {
	if err := m.openLog(); err != nil {
		engine.conn.Send(wire.Failed, []byte("the container's log: "+err.Error()))
		return false
	}
	engine.want = m.start.Want
	m.engine = engine
	m.enter(engine)
	s := &session{client: engine, start: m.start, kids: m.kids}
	how := s.begin()
	m.first, m.terminal = s.child, s.terminal
	if how != running && s.child != nil && m.start.Cgroup != "" {
		killGroup(m.start.Cgroup)
	}
	if how == orphaned {
		m.finish() // the engine is gone: somebody has to take back what it made
	}
	if how != running {
		return false
	}
	engine.conn.Send(wire.Ready, nil) // before the first output
	m.reserve()
	close(m.begun)
	m.open()
	go m.serve(engine)
	return true
}

// accept serves everybody who comes.
func (m *monitor) accept(l *wire.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		c := newClient(conn)
		m.enter(c)
		go m.serve(c)
	}
}

func (m *monitor) enter(c *client) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clients[c] = true
}

// leave forgets a client.
func (m *monitor) leave(c *client) {
	c.leave()
	c.conn.Close()
	if c == m.engine {
		m.endInput()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.clients, c)
	switch m.left++; {
	case m.left < many:
	case m.tidy == nil:
		m.tidy = time.AfterFunc(quiet, m.giveBack)
	default:
		m.tidy.Reset(quiet)
	}
}

func (m *monitor) giveBack() {
	m.mu.Lock()
	m.left = 0
	m.mu.Unlock()
	debug.FreeOSMemory()
}

// all returns the clients of now.
func (m *monitor) all() (list []*client) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for c := range m.clients {
		list = append(list, c)
	}
	return list
}
