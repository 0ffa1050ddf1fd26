package process

import (
	"fmt"
	"strings"
)

// What the steps tell of themselves in errors: see plan.Telling. Exec and Hold
// tell nothing: who runs a plan has words for a program that is not there.

// Tells names the limit.
func (r Rlimit) Tells() string {
	return fmt.Sprintf("error setting rlimit RLIMIT_%s (soft %s, hard %s)", strings.ToUpper(r.Name), limit(r.Soft), limit(r.Hard))
}

// Tells names the field.
func (o OOMScoreAdj) Tells() string { return fmt.Sprintf("error setting oomScoreAdj to %d", o.Score) }

// Tells names the directory.
func (w MakeWorkdir) Tells() string { return fmt.Sprintf("mkdir cwd %q", w.Dir) }

// Tells names the directory.
func (c Chdir) Tells() string { return fmt.Sprintf("error entering cwd %q", c.Dir) }

// Tells names the directory.
func (c ChdirAgain) Tells() string { return fmt.Sprintf("error entering cwd %q", c.Dir) }

// Tells names the user.
func (u User) Tells() string {
	return fmt.Sprintf("error becoming user %d, group %d, additional groups %v", u.UID, u.GID, u.Groups)
}

// Tells says who it becomes.
func (Become) Tells() string { return "error becoming root of the user namespace" }

// Tells says what it makes.
func (Session) Tells() string { return "error making a session" }

// Tells says what it closes.
func (CloseFiles) Tells() string { return "error closing descriptors" }

// Tells says what it closes.
func (Clean) Tells() string { return "error closing descriptors" }

// Tells says what it resets.
func (DefaultSignals) Tells() string { return "error resetting ignored signals" }

// Tells says what it gives.
func (o OwnStdio) Tells() string {
	return fmt.Sprintf("error giving the standard streams to user %d", o.UID)
}

// Tells names the keyring.
func (k Keyring) Tells() string { return fmt.Sprintf("error joining the session keyring %q", k.Name) }

// Tells names the field.
func (m MemoryPolicy) Tells() string {
	return fmt.Sprintf("error setting memoryPolicy (%s, nodes %s)", m.Name, m.List)
}

// Tells names the field.
func (p Personality) Tells() string { return fmt.Sprintf("error setting personality %s", p.Domain) }

// Tells names the field.
func (s Scheduler) Tells() string {
	return fmt.Sprintf("error setting scheduler (nice %d, priority %d)", s.Nice, s.Priority)
}

// Tells names the field.
func (p IOPriority) Tells() string {
	class := []string{"none", "real-time", "best-effort", "idle"}[p.Class]
	return fmt.Sprintf("error setting ioPriority (%s, priority %d)", class, p.Level)
}

// Tells names the field.
func (a Affinity) Tells() string { return fmt.Sprintf("error binding the process to CPUs %s", a.List) }

// Tells says what it starts.
func (Reaper) Tells() string { return "error starting the reaper (--init)" }
