package systemd

import (
	"fmt"
	"strings"

	"mydocker/plan"
)

// HostSteps lists the host steps of this room, for the journal.
func HostSteps() []plan.HostStep { return []plan.HostStep{Scope{}, Stop{}} }

// Scope has systemd make the scope of a container and move the first process
// there: the process exists, and waits. Afterwards the limits are written.
type Scope struct {
	Unit
	// Description is what systemctl(1) shows.
	Description string
	Properties  []Property
}

// Do starts the unit, and returns when the process is in its group. A failed
// unit of the same name, which is in the way, is forgotten first.
func (s Scope) Do(env *plan.Env) error {
	c, err := connect(s.User)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	defer c.close()
	p, err := c.known(append(s.base(), s.Properties...))
	if err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	p = append(p, property("PIDs", []uint32{uint32(env.Pid)}))
	err = c.start(s.Name, p)
	if isError(err, "UnitExists") {
		c.reset(s.Name)
		err = c.start(s.Name, p)
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	return nil
}

// base are the properties of every container's scope. Accounting makes the
// controllers, and so the files of limits; delegation leaves them alone.
func (s Scope) base() []Property {
	var p properties
	p.add("Description", s.Description)
	p.add("Slice", s.Slice)
	p.add("Delegate", true)
	for _, name := range []string{"MemoryAccounting", "CPUAccounting", "IOAccounting", "TasksAccounting"} {
		p.add(name, true)
	}
	p.add("DefaultDependencies", false)
	return p
}

// Shell returns a gdbus(1) command. $pid is the first process.
func (s Scope) Shell() string {
	var list []string
	for _, p := range append(s.base(), s.Properties...) {
		list = append(list, fmt.Sprintf("('%s', <%s>)", p.Name, p.Text))
	}
	text := strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "$", "\\$", "`", "\\`").Replace("[" + strings.Join(list, ", ") + ", ('PIDs', <@au [")
	return s.call("StartTransientUnit") + ` ` + plan.Quote(s.Name) + ` replace "` + text + `$pid]>)]" '[]'`
}

// call is how a shell calls systemd.
func (u Unit) call(method string) string {
	bus := "--system"
	if u.User {
		bus = "--session"
	}
	return "gdbus call " + bus + " --dest org.freedesktop.systemd1 --object-path /org/freedesktop/systemd1 --method org.freedesktop.systemd1.Manager." + method
}

// Undo stops the unit.
func (s Scope) Undo() plan.HostStep { return Stop{s.Unit} }

// Stop stops a container's scope. One that is not there is stopped.
type Stop struct{ Unit }

// Do stops the unit, and returns when systemd has.
func (s Stop) Do(*plan.Env) error {
	c, err := connect(s.User)
	if err != nil {
		return fmt.Errorf("stop %s: %w", s.Name, err)
	}
	defer c.close()
	if err := c.stop(s.Name); err != nil && !isError(err, "NoSuchUnit") {
		return fmt.Errorf("stop %s: %w", s.Name, err)
	}
	c.reset(s.Name) // a failed one would stay
	return nil
}

// Shell returns a systemctl(1) command.
func (s Stop) Shell() string {
	user := ""
	if s.User {
		user = "--user "
	}
	return "systemctl " + user + "stop " + plan.Quote(s.Name) + " 2>/dev/null || true"
}

// Undo returns nil.
func (Stop) Undo() plan.HostStep { return nil }

// Attach has systemd move one more process into a container's scope: a user may
// not do so from groups that are not the user's.
type Attach struct{ Unit }

// Do moves it, and returns when it is there.
func (a Attach) Do(env *plan.Env) error {
	c, err := connect(a.User)
	if err == nil {
		defer c.close()
		err = c.AttachProcessesToUnit(c.ctx, a.Name, "", []uint32{uint32(env.Pid)})
	}
	if err != nil {
		return fmt.Errorf("attach to %s: %w", a.Name, err)
	}
	return nil
}

// Shell returns a gdbus(1) command. $pid is the process.
func (a Attach) Shell() string {
	return a.call("AttachProcessesToUnit") + " " + plan.Quote(a.Name) + ` "" "[$pid]"`
}

// Undo returns nil: the process ends with the container.
func (Attach) Undo() plan.HostStep { return nil }

// Update changes properties of a scope that runs, until it ends.
func Update(u Unit, p []Property) error {
	c, err := connect(u.User)
	if err == nil {
		defer c.close()
		p, err = c.known(p)
	}
	if err == nil && len(p) > 0 {
		err = c.set(u.Name, p)
	}
	if err != nil {
		return fmt.Errorf("update %s: %w", u.Name, err)
	}
	return nil
}

// Root returns the control group below which the slices of a systemd are: that
// of the user's has one of its own, that of the system has "/".
func Root(user bool) (string, error) {
	if !user {
		return "/", nil
	}
	c, err := connect(user)
	if err != nil {
		return "", fmt.Errorf("find the user's slices: %w", err)
	}
	defer c.close()
	group, err := c.manager("ControlGroup")
	if err != nil {
		return "", fmt.Errorf("find the user's slices: %w", err)
	}
	return group, nil
}
