package namespace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"mydocker/initprog"
	"mydocker/linux/netlink"
	"mydocker/plan"
)

// MoveDevice gives the container a network interface of the host's, with its
// addresses, while the first process waits. It makes the container fail if it
// has an interface of that name. A physical interface the kernel brings back to
// the host when the container's network namespace ends; others end with it.
type MoveDevice struct {
	Name string // on the host
	As   string // in the container
	Path string // of the network namespace, where it is one that stays; empty: it is the container's
}

// ValidDevice tells whether an interface may have that name.
func ValidDevice(name string) bool {
	const maxName = 15 // IFNAMSIZ, without the end of the string
	return name != "" && len(name) <= maxName && name != "." && name != ".." && !strings.ContainsAny(name, "/: \t\n\v\f\r\x00")
}

// Do moves it. A namespace with a path is opened by that: the first process may
// not be there yet.
func (m MoveDevice) Do(env *plan.Env) error {
	path := m.Path
	if path == "" {
		path = fmt.Sprintf("/proc/%d/ns/net", env.Pid)
	}
	return between(path, func(here, there *os.File) error {
		return netlink.Move(m.Name, m.As, here, there)
	})
}

// between opens the network namespace of the calling thread and another; where
// both are the same one there is nothing to do.
func between(path string, do func(here, there *os.File) error) error {
	there, err := os.Open(path)
	if err != nil {
		return err
	}
	defer there.Close()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer here.Close()
	a, err := here.Stat()
	if err != nil {
		return err
	}
	b, err := there.Stat()
	if err != nil || os.SameFile(a, b) {
		return err
	}
	return do(here, there)
}

// Shell returns the ip(8) commands; the addresses are for who runs them.
func (m MoveDevice) Shell() string {
	return plan.Cmd("ip", "link", "set", m.Name, "down") + "\n" +
		plan.Cmd("ip", "link", "set", m.Name, "name", m.As) + ` netns "$pid"` + "\n" +
		`nsenter --target "$pid" --net ` + plan.Cmd("ip", "link", "set", m.As, "up")
}

// Undo moves it back, as long as it can be reached.
func (m MoveDevice) Undo() plan.HostStep { return ReturnDevice(m) }

// ReturnDevice moves back what [MoveDevice] moved.
type ReturnDevice MoveDevice

// Do finds it in the namespace that stays, or by the first process. Where
// neither is there, the kernel has done what there was to do.
func (r ReturnDevice) Do(env *plan.Env) error {
	path := r.Path
	if path == "" {
		if env.Dead || env.Pid == 0 {
			return nil
		}
		path = fmt.Sprintf("/proc/%d/ns/net", env.Pid)
	}
	err := between(path, func(here, there *os.File) error {
		if netlink.Exists(r.Name) {
			return nil // it never left
		}
		return netlink.Back(r.Name, r.As, here, there)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Shell returns the ip(8) command.
func (r ReturnDevice) Shell() string {
	at := `/proc/"$pid"/ns/net`
	if r.Path != "" {
		at = plan.Quote(r.Path)
	}
	return `nsenter --net=` + at + ` ` + plan.Cmd("ip", "link", "set", r.As, "name", r.Name) + ` netns 1`
}

// Undo returns nil: what is back is back.
func (ReturnDevice) Undo() plan.HostStep { return nil }

// MeetDevice is [MoveDevice] where the first process makes its network
// namespace on the way: it waits when it has.
type MeetDevice struct{ MoveDevice }

// Emit waits for the host's side.
func (MeetDevice) Emit(b *initprog.Builder) { b.Meet() }

// Meet moves the interface.
func (m MeetDevice) Meet(env *plan.Env) error { return m.Do(env) }

// Steps lists the host steps of this room, for the journal.
func Steps() []plan.HostStep { return []plan.HostStep{MoveDevice{}, ReturnDevice{}} }
