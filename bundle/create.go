package bundle

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/initprog"
	"mydocker/internal/filelock"
	"mydocker/internal/proc"
	"mydocker/linux"
	"mydocker/plan"
	"mydocker/runtime"
	"mydocker/runtime/namespace"
)

// CreateOptions say how a container is made.
type CreateOptions struct {
	Bundle string // directory; empty is the working directory
	IO

	PidFile string // gets the process ID of the container's first process
	NoPivot bool   // chroot(2) instead of pivot_root(2)
	// NoNewKeyring leaves the container in the caller's session keyring.
	NoNewKeyring bool
	// Subreaper makes the caller the parent of the container's orphans.
	Subreaper bool
}

// IO are the streams of a container's process.
type IO struct {
	// Stdio are its standard input, output and error where it has no terminal.
	Stdio [3]*os.File
	// Preserve are what it inherits besides, as 3 and up.
	Preserve []*os.File
	// ConsoleSocket is the path of a Unix socket that gets the terminal's master.
	ConsoleSocket string
	// TakeConsole gets the master where there is no socket; without both a
	// terminal is an error.
	TakeConsole func(*os.File)
	// ConsoleSize is the terminal's where the process does not say one.
	ConsoleSize *specs.Box
	// Born, where it is not nil, is told the number of the process as soon as it
	// is there, long before it executes its program.
	Born func(pid int)
}

// making is a container between its bundle and its process.
type making struct {
	*Runtime
	CreateOptions
	*config
	id   string
	dir  dir
	hold bool
	lock *filelock.Held

	rec      Record
	plan     *plan.Plan
	listener *runtime.Listener
	journal  *plan.Journal
	fifos    fifos
	running  *runtime.Running
}

// Create makes a container whose process waits for Start. When it fails nothing
// is left.
func (r *Runtime) Create(id string, o CreateOptions) (*Container, error) {
	m, err := r.load(id, o)
	if err != nil {
		return nil, err
	}
	defer m.close()
	if err := m.make(true); err != nil {
		return nil, err
	}
	return &Container{Record: m.rec, Status: specs.StateCreated, dir: m.dir}, nil
}

// load reads what a container is to be made of. The caller closes what it returns.
func (r *Runtime) load(id string, o CreateOptions) (*making, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	began := initprog.Now()
	c, err := load(o.Bundle)
	if err != nil {
		return nil, err
	}
	r.traced("read config.json", began)
	return &making{Runtime: r, CreateOptions: o, config: c, id: id, dir: r.dir(id)}, nil
}

// make makes a container up to where its process waits; or runs its program
// already, if it is not to hold.
func (m *making) make(hold bool) error {
	m.hold = hold
	if err := m.planned(); err != nil {
		return err
	}
	began := initprog.Now()
	if err := m.claim(); err != nil {
		return err
	}
	m.traced("make the container's directory", began)
	if err := m.start(); err != nil {
		return errors.Join(diagnose(err, m.spec), m.abort())
	}
	return m.finish()
}

// planned does all that comes before anything is changed on the host: it checks
// the specification whole, looks at what it names, and makes the plan.
func (m *making) planned() error {
	warnings, err := runtime.Validate(m.spec)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		m.warn("%s", w)
	}
	if err := m.checkTerminal(); err != nil {
		return err
	}
	if err := m.absolute(); err != nil {
		return err
	}
	if _, err := os.Lstat(string(m.dir)); err == nil && !m.abandoned(m.dir) {
		return ErrExist // its control group would be told as in use, else
	}
	return m.compile()
}

func (m *making) compile() error {
	m.rec = Record{
		Version: recordVersion, OCIVersion: m.spec.Version, ID: m.id, Bundle: m.config.dir, Rootfs: m.spec.Root.Path,
		Created: time.Now().UTC(), Owner: os.Getuid(), Annotations: m.spec.Annotations, OwnPIDs: hasNew(m.spec, specs.PIDNamespace),
	}
	if !m.NoNewKeyring {
		m.rec.Keyring = "_ses." + m.id
	}
	c := runtime.Container{Spec: m.spec, Hold: m.hold, Preserve: len(m.Preserve), NoPivot: m.NoPivot, Keyring: m.rec.Keyring}
	if hasNew(m.spec, specs.NetworkNamespace) {
		c.Early = []plan.InitStep{namespace.LoUp{}}
	}
	if h := m.spec.Hooks; h != nil {
		c.Ready = m.readyHooks(h)
	}
	began := initprog.Now()
	f, err := m.facts(c, m.seccomp)
	if err != nil {
		return err
	}
	if m.spec.Linux.MountLabel != "" && !f.LSM.SELinux {
		m.warn("mountLabel is without effect: SELinux is not on")
	}
	if c.Caller, err = runtime.ProbeCaller(); err != nil {
		return err
	}
	p := m.spec.Process
	if p.Env, err = runtime.Environment(p.Env, m.home); err != nil {
		return err
	}
	if err := m.place(&c, &f); err != nil {
		return err
	}
	m.traced("look at the host and the bundle", began)
	began = initprog.Now()
	if m.listener, err = listener(f.Filter, m.seccomp, m.state); err != nil {
		return err
	}
	m.plan, err = runtime.Compile(c, f)
	m.traced("compile the plan", began)
	return err
}

// home is that of the process's user.
func (m *making) home() string {
	root, err := linux.OpenDir(m.spec.Root.Path)
	if err != nil {
		return "/"
	}
	defer root.Close()
	home, _ := runtime.Home(root, m.spec.Process.User.UID)
	return home
}

// state is the container's while it is made.
func (m *making) state() specs.State {
	return specs.State{Version: m.spec.Version, ID: m.id, Status: specs.StateCreating, Bundle: m.config.dir, Annotations: m.spec.Annotations}
}

// hasNew tells whether a container has a new namespace of a kind.
func hasNew(s *specs.Spec, kind specs.LinuxNamespaceType) bool {
	for _, n := range s.Linux.Namespaces {
		if n.Type == kind {
			return n.Path == ""
		}
	}
	return false
}

// claim makes the container's directory, which is its ID's, and locks it.
func (m *making) claim() error {
	if err := os.MkdirAll(m.Root, 0o711); err != nil {
		return err
	}
	for {
		err := os.Mkdir(string(m.dir), 0o700)
		if errors.Is(err, fs.ErrExist) {
			if m.abandoned(m.dir) {
				continue
			}
			return ErrExist
		}
		if err != nil {
			return err
		}
		held, got, err := filelock.TryDir(string(m.dir))
		if errors.Is(err, fs.ErrNotExist) || err == nil && !got {
			continue // taken for one that was left
		}
		if err != nil {
			return err
		}
		if m.lock = held; held.Current(string(m.dir)) {
			return m.prepare()
		}
		held.Close()
	}
}

// prepare writes what the container's directory holds before anything is made.
func (m *making) prepare() (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, m.abort())
		}
	}()
	if err := os.WriteFile(m.dir.path(creatingFile), nil, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(m.dir.path(configFile), m.text, 0o600); err != nil {
		return err
	}
	if m.hold {
		if m.fifos, err = m.dir.makeFIFOs(); err != nil {
			return err
		}
	}
	m.journal, err = plan.OpenJournal(m.dir.path(journalFile), true)
	return err
}

// start runs the plan.
func (m *making) start() (err error) {
	runner := &plan.Runner{Journal: m.journal, Trace: m.Trace}
	m.running, err = runtime.Start(runtime.Launch{
		Plan: m.plan, Runner: runner, Stdio: m.Stdio, Preserved: m.Preserve, Hold: [2]*os.File{m.fifos.start, m.fifos.result},
		Listener: m.listener, Terminal: m.spec.Process.Terminal, Traced: m.Trace != nil, Begin: m.begin,
	})
	if err != nil {
		return err
	}
	if err := m.console(m.running.Console); err != nil {
		m.kill()
		return err
	}
	return nil
}

// begin writes down the process, before it does anything.
func (m *making) begin(pid int) error {
	p, err := proc.Read(pid)
	if err != nil {
		return err
	}
	m.rec.Pid, m.rec.Ticks = pid, p.Ticks
	if m.Born != nil {
		m.Born(pid)
	}
	return m.dir.writeRecord(&m.rec)
}

// finish makes the container one that others may use.
func (m *making) finish() error {
	err := writePid(m.PidFile, m.rec.Pid)
	if err == nil {
		err = os.Remove(m.dir.path(creatingFile))
	}
	if err != nil {
		m.kill()
		return errors.Join(err, m.abort())
	}
	return nil
}

// kill ends a process that is not to become a container's.
func (m *making) kill() {
	syscall.Kill(m.running.Pid, syscall.SIGKILL)
	syscall.Wait4(m.running.Pid, nil, 0, nil)
	m.running.Close()
}

// abort takes back what was made. The hooks that follow a container's end are
// run where others were before, as the specification has it.
func (m *making) abort() error {
	if m.rec.Pid != 0 {
		m.poststop(m.spec, m.rec)
	}
	return m.remove(m.dir)
}

func (m *making) close() {
	m.fifos.close()
	m.journal.Close()
	if m.lock != nil {
		m.lock.Close()
		m.lock = nil
	}
}
