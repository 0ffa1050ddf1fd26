package process

import (
	"fmt"
	"strconv"
	"strings"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
)

// Rlimit sets a resource limit; see setrlimit(2).
type Rlimit struct {
	Name       string // "nofile", as prlimit(1) has it
	Resource   int    // its number
	Soft, Hard uint64 // ^0 is unlimited
}

// Emit calls prlimit64.
func (r Rlimit) Emit(b *initprog.Builder) {
	b.Sys("prlimit64", 0, r.Resource, b.Words(r.Soft, r.Hard), nil).Says("setrlimit " + r.Name + "=" + limit(r.Soft) + ":" + limit(r.Hard))
}

// Shell returns the prlimit(1) command.
func (r Rlimit) Shell() string {
	return "prlimit --pid $$ --" + r.Name + "=" + limit(r.Soft) + ":" + limit(r.Hard)
}

func limit(v uint64) string {
	if v == ^uint64(0) {
		return "unlimited"
	}
	return strconv.FormatUint(v, 10)
}

// RaiseLimits raises the hard limits of a process that is in a user namespace,
// where nobody may, to those that it sets itself later. What is high enough
// already stays, and so do the soft ones: the process has work to do before.
type RaiseLimits struct{ Limits []Rlimit }

// Do calls prlimit(2), which takes CAP_SYS_RESOURCE.
func (r RaiseLimits) Do(env *plan.Env) error {
	for _, l := range r.Limits {
		if err := linux.RaiseLimit(env.Pid, l.Resource, l.Hard); err != nil {
			return fmt.Errorf("raise the hard limit %s to %s: %w", l.Name, limit(l.Hard), err)
		}
	}
	return nil
}

// Undo returns nil: limits end with the process.
func (RaiseLimits) Undo() plan.HostStep { return nil }

// Shell returns the prlimit(1) commands. One that would lower a hard limit below
// the soft one is refused, which does not matter: the process is to lower both.
func (r RaiseLimits) Shell() string {
	var lines []string
	for _, l := range r.Limits {
		lines = append(lines, `prlimit --pid "$pid" --`+l.Name+"=:"+limit(l.Hard)+" 2> /dev/null || :")
	}
	return strings.Join(lines, "\n")
}

// Steps lists the host steps of this room, for the journal.
func Steps() []plan.HostStep { return []plan.HostStep{RaiseLimits{}} }
