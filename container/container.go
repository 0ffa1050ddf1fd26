// Package container is what the engine keeps of each container: its record and
// specification, its directory, its name, and the lock that says whether a
// process is responsible for it. State is a file, a lock and a table of what
// both mean: states.md.
package container

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	"mydocker/internal/proc"
	"mydocker/internal/units"
	"mydocker/oci"
)

// Status is what a container is doing; see states.md.
type Status string

// The states. Restarting is reserved.
const (
	Created    Status = "created"
	Running    Status = "running"
	Paused     Status = "paused"
	Restarting Status = "restarting"
	Removing   Status = "removing"
	Exited     Status = "exited"
	Dead       Status = "dead"
)

// recordVersion is that of record.json.
const recordVersion = 1

// A Record is a container as the engine keeps it.
type Record struct {
	Version int       `json:"version"`
	ID      string    `json:"id"` // 64 hexadecimal digits
	Name    string    `json:"name"`
	Spare   string    `json:"spare,omitempty"` // a name to give back, see [Store.Rename]
	Created time.Time `json:"created"`

	Image   string   `json:"image"`    // as the user named it, or a directory with --rootfs
	ImageID string   `json:"image_id"` // sha256:..., or empty
	Path    string   `json:"path"`     // of the program
	Args    []string `json:"args"`     // without the program's name

	Request    oci.Request `json:"request"`
	Lowers     []string    `json:"lowers,omitempty"` // read-only layers, the top one first
	CgroupPath string      `json:"cgroup_path"`
	AutoRemove bool        `json:"auto_remove,omitempty"`
	Kept       bool        `json:"kept,omitempty"` // AutoRemove does not hold for the next end: it is restarted
	Warnings   []string    `json:"warnings,omitempty"`

	Status     Status    `json:"status"`
	Pid        int       `json:"pid,omitempty"`         // on the host, while it runs
	StartTicks uint64    `json:"start_ticks,omitempty"` // of Pid, see [StartTicks]
	ExitCode   int       `json:"exit_code"`
	OOMKilled  bool      `json:"oom_killed,omitempty"`
	Error      string    `json:"error,omitempty"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`

	Network Network `json:"network"`
}

// Network is a container's place on its network.
type Network struct {
	Mode       string `json:"mode"`              // bridge, host, none, container:NAME
	Address    string `json:"address,omitempty"` // of eth0, without prefix length
	PrefixLen  int    `json:"prefix_len,omitempty"`
	Gateway    string `json:"gateway,omitempty"`
	MacAddress string `json:"mac_address,omitempty"`
	Bridge     string `json:"bridge,omitempty"`
	Veth       string `json:"veth,omitempty"` // the host's end
}

// Short returns the ID as it is shown: 12 digits.
func (r *Record) Short() string { return r.ID[:12] }

// State returns the status for people, as docker ps has it: "Up 5 minutes",
// "Exited (0) 3 seconds ago".
func (r *Record) State(now time.Time) string {
	switch r.Status {
	case Running:
		return "Up " + units.HumanDuration(now.Sub(r.StartedAt))
	case Paused:
		return "Up " + units.HumanDuration(now.Sub(r.StartedAt)) + " (Paused)"
	case Restarting:
		return fmt.Sprintf("Restarting (%d) %s ago", r.ExitCode, units.HumanDuration(now.Sub(r.FinishedAt)))
	case Exited:
		return fmt.Sprintf("Exited (%d) %s ago", r.ExitCode, units.HumanDuration(now.Sub(r.FinishedAt)))
	case Created:
		return "Created"
	case Removing:
		return "Removal In Progress"
	}
	return strings.ToUpper(string(r.Status[:1])) + string(r.Status[1:])
}

// Lives tells whether the container's first process is there, be it dead and not
// waited for.
func (r *Record) Lives() bool {
	if r.Status != Running && r.Status != Paused || r.Pid <= 0 {
		return false
	}
	ticks, err := StartTicks(r.Pid)
	return err == nil && ticks == r.StartTicks
}

// NewID returns a new container's ID. Its short form is never all digits, which
// some programs would take for a number.
func NewID() string {
	for {
		b := make([]byte, 32)
		rand.Read(b) // never fails: crypto/rand
		id := hex.EncodeToString(b)
		if strings.ContainsAny(id[:12], "abcdef") {
			return id
		}
	}
}

// StartTicks returns when a process started, see [proc.Process].
func StartTicks(pid int) (uint64, error) {
	p, err := proc.Read(pid)
	return p.Ticks, err
}

// ParentOf returns the parent of the process that started at that tick.
func ParentOf(pid int, ticks uint64) (int, error) {
	p, err := proc.Read(pid)
	if err == nil && p.Ticks != ticks {
		err = os.ErrProcessDone
	}
	return p.Parent, err
}
