package namespace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"mydocker/plan"
)

// Maps gives a new user namespace its identities when the caller may not map
// what it likes: the first process waits for it. See user_namespaces(7).
type Maps struct {
	UIDs, GIDs []plan.IDMap
	Any        bool // the caller may map what it likes
}

// Undo returns nil: the maps end with the namespace.
func (Maps) Undo() plan.HostStep { return nil }

// Do maps the caller to one identity itself, as every user may; or has
// newuidmap(1) and newgidmap(1) map those that subuid(5) and subgid(5) give.
func (m Maps) Do(env *plan.Env) error {
	if m.Any {
		return m.all(env.Pid)
	}
	if one(m.UIDs, os.Geteuid()) && one(m.GIDs, os.Getegid()) {
		return m.own(env.Pid)
	}
	if err := helped("newuidmap", env.Pid, m.UIDs); err != nil {
		return err
	}
	return helped("newgidmap", env.Pid, m.GIDs)
}

// all writes the maps, each with one write(2), as the kernel wants it.
func (m Maps) all(pid int) error {
	dir := "/proc/" + strconv.Itoa(pid) + "/"
	return errors.Join(
		os.WriteFile(dir+"uid_map", mapLines(m.UIDs), 0),
		os.WriteFile(dir+"gid_map", mapLines(m.GIDs), 0),
	)
}

func mapLines(maps []plan.IDMap) (b []byte) {
	for _, m := range maps {
		b = append(b, m.String()+"\n"...)
	}
	return b
}

// one tells a map of nothing but the caller.
func one(maps []plan.IDMap, id int) bool {
	return len(maps) == 1 && maps[0].Count == 1 && maps[0].Outside == id
}

// own maps one user and group. The kernel wants it said that supplementary groups
// cannot be changed.
func (m Maps) own(pid int) error {
	dir := "/proc/" + strconv.Itoa(pid) + "/"
	return errors.Join(
		os.WriteFile(dir+"uid_map", []byte(m.UIDs[0].String()), 0),
		os.WriteFile(dir+"setgroups", []byte("deny"), 0),
		os.WriteFile(dir+"gid_map", []byte(m.GIDs[0].String()), 0),
	)
}

// helpers are where the set-user-ID programs are: not in a PATH that somebody
// else chose.
var helpers = []string{"/usr/bin/", "/bin/", "/usr/local/bin/"}

// helped runs newuidmap or newgidmap.
func helped(program string, pid int, maps []plan.IDMap) error {
	path := ""
	for _, dir := range helpers {
		if _, err := os.Stat(dir + program); err == nil {
			path = dir + program
			break
		}
	}
	if path == "" {
		return fmt.Errorf("%s is not installed: only it may map other users than the caller (Debian package uidmap)", program)
	}
	args := []string{program, strconv.Itoa(pid)}
	for _, m := range maps {
		args = append(args, strconv.Itoa(m.Inside), strconv.Itoa(m.Outside), strconv.Itoa(m.Count))
	}
	return run(path, args)
}

// run runs a program; what it says is part of the error.
func run(path string, args []string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	p, err := os.StartProcess(path, args, &os.ProcAttr{Env: []string{}, Files: []*os.File{nil, w, w}})
	w.Close()
	if err != nil {
		return err
	}
	said, _ := io.ReadAll(io.LimitReader(r, 4096))
	state, err := p.Wait()
	if err == nil && !state.Success() {
		err = fmt.Errorf("%s: %s: %s", strings.Join(args, " "), state, bytes.TrimSpace(said))
	}
	return err
}

// Shell returns the commands.
func (m Maps) Shell() string {
	var lines []string
	for _, c := range []struct {
		program string
		maps    []plan.IDMap
	}{{"newuidmap", m.UIDs}, {"newgidmap", m.GIDs}} {
		line := c.program + ` "$pid"`
		for _, i := range c.maps {
			line += " " + i.String()
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
