package plan

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// What steps of a joining process may have besides: see [JoinScript].
type (
	reborner interface{ Reborn() bool }
	keeper   interface{ Keeps(capability string) bool } // the bounding set
	userer   interface {                                // who it becomes
		Who() uint32
		Reuid() string // the word of setpriv(1) for that
	}
)

// A JoinScript prints the plan of joining a container as a commented script for
// sh(1) that, run as root, runs the same process there.
//
// nsenter(1) enters the namespaces and keeps the host's root, so that the
// host's tools go on to work; it leaves the working directory at the
// container's root, where unshare(1), the last tool, changes to. That one is
// also who forks into the PID namespace: before, nothing of the container can
// see the process, whose root is the host's.
type JoinScript struct {
	Title string // one line: the command it stands for
	Pid   int    // the container's first process
}

// Write prints the script.
func (s JoinScript) Write(w io.Writer, p *Plan) error {
	b := &scriptWriter{}
	b.line("#!/bin/sh")
	b.line("# %s", strings.ReplaceAll(s.Title, "\n", "\n# "))
	b.line("#")
	b.line("# What mydocker does to run a command in this container, as commands. Run as root")
	b.line("# by sh, they run the same. mydocker itself runs none of these programs.")
	b.line("set -eu")
	b.line("target=%d # the container's first process", s.Pid)
	if p.Spawn.Cgroup != "" {
		b.line("echo 0 > %s # clone3(2) with CLONE_INTO_CGROUP does this", Quote(p.Spawn.Cgroup+"/cgroup.procs"))
	}
	j := joinOf(p)
	for _, s := range p.Init {
		if _, ok := s.(laster); !ok {
			b.line("%s", s.Shell())
		}
	}
	for _, n := range j.notes {
		b.line("# %s", n)
	}
	b.line("exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-")
	b.line("exec %s", j.command())
	_, err := io.WriteString(w, b.String())
	return err
}

// joining is the one command that ends the script.
type joining struct {
	nsenter                        string
	setsid, setpriv, env, unshare  []string
	program, extra, notes, missing []string
}

func joinOf(p *Plan) *joining {
	j := &joining{unshare: []string{"/usr/bin/unshare"}}
	needs := []string{"CAP_SYS_CHROOT"}
	for _, s := range p.Init {
		j.words(s)
		if u, ok := s.(userer); ok && u.Who() != 0 {
			needs = append(needs, "CAP_SETUID")
		}
	}
	for _, s := range p.Init {
		if k, ok := s.(keeper); ok {
			j.missing = slices.DeleteFunc(needs, k.Keeps)
		}
	}
	j.lend()
	return j
}

// words adds what one step has for the tools.
func (j *joining) words(s Step) {
	if v, ok := s.(nsenterer); ok {
		j.nsenter = v.Nsenter()
	}
	if v, ok := s.(reborner); ok && v.Reborn() {
		j.nsenter += " --no-fork"
		j.unshare = append(j.unshare, "--fork")
	}
	if v, ok := s.(setsider); ok {
		j.setsid = v.Setsid()
		if len(j.setsid) > 0 {
			j.setsid = append(j.setsid, "--wait") // where the script leads its process group, it forks
			j.notes = append(j.notes, "the program is in the new session, but does not lead it: it is born later")
		}
	}
	if v, ok := s.(setprivr); ok {
		j.setpriv = append(j.setpriv, v.Setpriv()...)
	}
	if u, ok := s.(userer); ok && u.Who() != 0 { // the last tool still has to be root
		j.setpriv = slices.DeleteFunc(j.setpriv, func(w string) bool { return w == u.Reuid() })
		j.unshare = append(j.unshare, "--setuid="+strconv.FormatUint(uint64(u.Who()), 10))
	}
	if v, ok := s.(laster); ok {
		env, dir := v.Last()
		j.env = slices.DeleteFunc(env, j.forLoader)
		j.unshare = append(j.unshare, "--root=.", "--wd="+dir, "--")
		j.program = append(j.program, s.Shell())
	}
}

// forLoader tells variables that the host's dynamic linker would heed, in a
// process with the host's root, and notes that they are left out.
func (j *joining) forLoader(kv string) bool {
	name, _, _ := strings.Cut(kv, "=")
	if !strings.HasPrefix(name, "LD_") && name != "GLIBC_TUNABLES" {
		return false
	}
	j.notes = append(j.notes, fmt.Sprintf("%s of the environment is left out: the host's tools would heed it", Quote(name)))
	return true
}

// lend gives the last tool the capabilities that it needs where the container
// lacks them: as inheritable ones, which the bounding set does not take away.
func (j *joining) lend() {
	if slices.ContainsFunc(j.setpriv, func(w string) bool { return strings.HasPrefix(w, "--ambient-caps=-all,") }) {
		j.notes = append(j.notes, "ambient capabilities are lost with the last change of user")
	}
	if len(j.missing) == 0 {
		return
	}
	names := strings.ToLower(strings.ReplaceAll(strings.Join(j.missing, ",+"), "CAP_", ""))
	j.notes = append(j.notes, "the container lacks a capability that the last command needs: unlike mydocker's own,",
		"this script's process keeps it, in its inheritable set: "+strings.ReplaceAll(names, ",+", " "))
	j.extra = []string{"setpriv", "--inh-caps=-all,+" + names}
	j.setpriv = slices.DeleteFunc(j.setpriv, func(w string) bool { return strings.HasPrefix(w, "--inh-caps=") })
}

// command returns the tools, each of which starts the next.
func (j *joining) command() string {
	words := []string{}
	if len(j.setsid) > 0 {
		words = append(words, Cmd(j.setsid...))
	}
	words = append(words, "nsenter "+j.nsenter+" --root=/ --")
	tools := slices.Concat(j.extra, []string{"setpriv"}, j.setpriv, j.env, j.unshare)
	words = append(words, Cmd(tools...))
	return strings.Join(append(words, j.program...), " ")
}
