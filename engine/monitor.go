package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"mydocker/container"
	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/monitor"
	"mydocker/monitor/wire"
)

// A keeper is a monitor that was started for one container, as the engine
// that starts the container sees it. It is the container's runtime.Parent.
type keeper struct {
	conn    *wire.Conn
	err     error      // why there is none
	start   wire.Start // what it will be told with the first process
	process *os.File   // pidfd of the process
	ticks   uint64     // when it started, see [container.StartTicks]
	sent    bool       // the monitor was asked for it
}

// hire starts a monitor. It takes as long as a program takes to start, in
// parallel with what else is to be done for the container. It ends by itself
// when it is not needed.
func (e *Engine) hire(id string) *keeper {
	k := &keeper{}
	other := (*os.File)(nil)
	if k.conn, other, k.err = wire.Pair(); k.err != nil {
		return k
	}
	defer other.Close()
	if k.err = e.spawn(id, other); k.err != nil {
		k.err = fmt.Errorf("start the container's monitor: %w", k.err)
		k.conn.Close()
	}
	return k
}

// spawn starts the program. Nothing that the caller has open reaches it, nor
// the environment, nor signals of the terminal.
func (e *Engine) spawn(id string, client *os.File) error {
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	if err := linux.CloseOnExec(3); err != nil {
		return err
	}
	start := initprog.Start{
		Files: []*os.File{null, null, null, monitor.FirstClient: client}, Sys: &syscall.SysProcAttr{Setsid: true},
	}
	groups, unified := e.monitorGroups()
	if dir, err := os.Open(unified); err == nil {
		defer dir.Close()
		start.Sys.UseCgroupFD, start.Sys.CgroupFD = true, int(dir.Fd())
	}
	if start.Image, err = launcher(e.monitorProgram(), id, groups); err != nil {
		return err
	}
	defer start.Image.Close()
	pid, err := initprog.Fork(start)
	if err == nil {
		go syscall.Wait4(pid, nil, 0, nil) // for a caller that outlives it
	}
	return err
}

// launcher is a program that goes out of its caller's control groups of version 1
// and becomes the monitor: a process with one thread can do that without waiting.
// What ends everything in the caller's groups, or stops it, or limits it, leaves
// the monitor alone.
func launcher(program, id string, groups []string) (*os.File, error) {
	b := initprog.NewBuilder()
	for _, dir := range groups {
		fd := b.Slot()
		b.Sys("openat", linux.AT_FDCWD, dir+"/tasks", linux.O_WRONLY|linux.O_CLOEXEC, 0).Into(fd).AllowAny()
		b.Sys("write", fd, "0", 1).AllowAny()
		b.Sys("close", fd).AllowAny()
	}
	b.Sys("chdir", "/")
	argv := []string{monitor.Name, strconv.Itoa(wire.Version), id}
	b.Sys("execve", program, b.Strings(argv), b.Strings(monitor.Environment()))
	p, err := b.Finish(false)
	if err != nil {
		return nil, err
	}
	return p.Sealed()
}

// monitorGroups are the control groups of monitors, of all engines: those of
// version 1, and that of version 2. They stay. Where they cannot be made monitors
// stay in their caller's.
func (e *Engine) monitorGroups() (v1 []string, unified string) {
	layout, err := e.layout()
	if err != nil {
		return nil, ""
	}
	for _, h := range layout.Hierarchies {
		if !slices.Contains(h.Controllers, "cpuset") { // a new one has no processors
			v1 = append(v1, filepath.Join(h.Mount, monitor.Group))
		}
	}
	if layout.Unified != "" {
		unified = filepath.Join(layout.Unified, monitor.Group)
	}
	for _, dir := range append(v1, unified) {
		if dir != "" {
			os.Mkdir(dir, 0o755)
		}
	}
	return v1, unified
}

// monitorProgram is the small program beside this one, or else this one, which
// is the same under that name.
func (e *Engine) monitorProgram() string {
	self := e.Program
	if self == "" {
		exe, err := os.Readlink(ownProgram)
		if err != nil {
			return caller()
		}
		self = exe
	}
	beside := filepath.Join(filepath.Dir(self), monitor.Name)
	if st, err := os.Stat(beside); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
		return beside
	}
	if e.Program != "" {
		return e.Program
	}
	return caller()
}

// caller leads another process to the program that runs here.
func caller() string { return fmt.Sprintf("/proc/%d/exe", os.Getpid()) }

// ownProgram leads to the program that runs, also when it was replaced.
const ownProgram = "/proc/self/exe"

// program opens the program that takes a container back when its monitor does
// not find anybody else who does.
func (e *Engine) program() (*os.File, error) {
	path := e.Program
	if path == "" {
		path = ownProgram
	}
	return os.OpenFile(path, linux.O_PATH|syscall.O_CLOEXEC, 0)
}

// Fork has the monitor start the first process.
func (k *keeper) Fork(p initprog.Start, status *os.File) (pid int, err error) {
	k.start.Process, k.start.Status = p, status
	defer status.Close() // of nil it is an error and no harm
	k.sent = true
	if err := k.conn.SendStart(k.start); err != nil {
		return 0, k.lost(err)
	}
	return k.told()
}

// told waits for the monitor's word on which process it is.
func (k *keeper) told() (int, error) {
	p, err := k.conn.Recv()
	if err != nil {
		return 0, k.lost(err)
	}
	if p.Kind == wire.Failed {
		return 0, errors.New(string(p.Payload))
	}
	if p.Kind != wire.Forked {
		return 0, k.lost(fmt.Errorf("an answer of kind %c", p.Kind))
	}
	closeAll([]*os.File{k.process}) // of one that cloned another
	k.process = p.File()
	who, err := wire.ReadProcess(p)
	k.ticks = uint64(who.Ticks)
	return who.Pid, err
}

// lost explains a connection that broke.
func (k *keeper) lost(err error) error {
	return fmt.Errorf("%w (of another version? it lies beside the program as %s): %w", errLost, monitor.Name, err)
}

var errLost = errors.New("the container's monitor is gone")

// Reborn tells the monitor that another process took over.
func (k *keeper) Reborn(_, now int) error {
	if err := k.conn.Send(wire.Reborn, wire.Number(now)); err != nil {
		return k.lost(err)
	}
	_, err := k.told()
	return err
}

// Kill has the monitor kill the process, and waits until it is dead.
func (k *keeper) Kill(int) { k.dismiss() }

// dismiss ends a monitor that is not needed.
func (k *keeper) dismiss() {
	if k.err != nil {
		return
	}
	for k.sent {
		k.conn.Send(wire.Abort, nil)
		p, err := k.conn.Recv()
		if err != nil {
			break
		}
		p.Close()
	}
	k.conn.Close()
	closeAll([]*os.File{k.process})
}

// begun tells the monitor that the first process runs its program. When it
// returns nil the monitor is responsible for the container.
func (k *keeper) begun(terminal *os.File) error {
	var files []*os.File
	if terminal != nil {
		files = append(files, terminal)
	}
	if err := k.conn.Send(wire.Begun, nil, files...); err != nil {
		return k.lost(err)
	}
	p, err := k.conn.Recv()
	if err == nil && p.Kind != wire.Ready {
		err = fmt.Errorf("an answer of kind %c", p.Kind)
	}
	if err != nil {
		return k.lost(err)
	}
	return nil
}

// dial connects to a container's monitor.
func (e *Engine) dial(r *container.Record) (*wire.Conn, error) {
	return wire.Dial(e.Containers.SocketPath(r.ID))
}
