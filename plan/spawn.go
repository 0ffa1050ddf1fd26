package plan

import (
	"fmt"
	"strings"
)

// Spawn starts the container's first process in new namespaces.
type Spawn struct {
	// New are the namespaces made with the process: "mnt", "uts", "ipc",
	// "net", "pid", "user". The cgroup namespace is made later, by a step,
	// when the process is in its cgroup; so is the time namespace.
	New []string

	// Cgroup is the directory of a cgroup v2 in which the process starts
	// (CLONE_INTO_CGROUP), or empty.
	Cgroup string

	// UIDs and GIDs map the identities of the new user namespace.
	UIDs, GIDs []IDMap
	// Later says that a step maps them, when the process is there.
	Later bool
}

// An IDMap is one line of /proc/PID/uid_map; see user_namespaces(7).
type IDMap struct{ Inside, Outside, Count int }

// String returns the line.
func (m IDMap) String() string { return fmt.Sprintf("%d %d %d", m.Inside, m.Outside, m.Count) }

// unshareFlags returns the option of unshare(1) for each namespace.
func (s Spawn) unshareFlags() []string {
	var w []string
	for _, n := range s.New {
		switch n {
		case "mnt":
			w = append(w, "--mount", "--propagation", "unchanged")
		case "pid":
			w = append(w, "--pid", "--fork")
		default:
			w = append(w, "--"+n)
		}
	}
	return w
}

// Shell returns the unshare(1) command, without the program it starts.
func (s Spawn) Shell() string {
	return strings.Join(append([]string{"unshare"}, s.unshareFlags()...), " ")
}
