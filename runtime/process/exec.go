package process

import (
	"strings"
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
)

// Exec replaces the process with the container's program.
type Exec struct {
	Args, Env []string
	Path      string // what is executed; empty: Args[0], looked for as execvp(3) does
	Dir       string // the working directory, for the script
}

// defaultPath is where execvp(3) looks when the environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Clean is what is left to do before execve(2), and before a filter that may
// allow nothing but that: no signal is blocked, and every descriptor but the
// standard streams and those to be inherited is closed on exec.
type Clean struct {
	// Preserve is how many descriptors from 3 up the program inherits.
	Preserve int
}

// Emit calls rt_sigprocmask(2) and close_range(2).
func (c Clean) Emit(b *initprog.Builder) {
	b.Sys("rt_sigprocmask", linux.SIG_SETMASK, b.Words(0), nil, 8).Says("unblock all signals")
	b.Sys("close_range", 3+c.Preserve, 1<<31-1, linux.CLOSE_RANGE_CLOEXEC)
}

// Shell says what the script has no need for.
func (Clean) Shell() string { return "# no signal is blocked, no other descriptor survives execve(2)" }

// Emit calls execve(2); a name without a slash is looked for as execvp(3) does,
// one call for each directory of PATH.
func (e Exec) Emit(b *initprog.Builder) {
	argv, env := b.Strings(e.Args), b.Strings(e.Env)
	for _, p := range e.Candidates() {
		b.Sys("execve", p, argv, env).Allow(syscall.ENOENT, syscall.ENOTDIR, syscall.EACCES).Says("execve " + p)
	}
	b.Sys("execve", e.last(), argv, env).Says("execve " + e.last())
}

// Candidates returns the paths that a search of PATH tries, in order.
func (e Exec) Candidates() []string {
	if e.Path != "" || strings.Contains(e.Args[0], "/") || e.Args[0] == "" {
		return nil
	}
	var out []string
	for _, d := range strings.Split(e.path(), ":") {
		if d == "" {
			d = "."
		}
		out = append(out, strings.TrimSuffix(d, "/")+"/"+e.Args[0])
	}
	return out
}

// last is the path whose failure is the answer: the one given, or the last
// that a search would come to, so that its error is "no such file".
func (e Exec) last() string {
	if e.Path != "" {
		return e.Path
	}
	if c := e.Candidates(); len(c) > 0 {
		return c[len(c)-1]
	}
	return e.Args[0]
}

func (e Exec) path() string {
	p := defaultPath
	for _, kv := range e.Env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			p = v
		}
	}
	return p
}

// Shell returns the command, as the last line of the script runs it.
func (e Exec) Shell() string { return plan.Cmd(e.Args...) }

// Last returns the words of env(1) that give the program its environment, and
// the directory in which it starts.
func (e Exec) Last() (env []string, dir string) {
	return append([]string{"/usr/bin/env", "-i"}, e.Env...), e.Dir
}

// Reaper stays as the first process of the PID namespace: it clones the
// program, passes signals on to it, collects every process that is left to
// it, and ends as the program ends. It runs no code but the stub's, from
// memory that the container cannot write.
type Reaper struct {
	Status int // descriptor, kept open, that gets the siginfo_t of the program
}

const (
	siPid     = 16 // offset of si_pid in siginfo_t
	siStatus  = 24
	pAll      = 0
	siginfo   = 128
	allBlock  = ^uint64(0)
	noHang    = 1
	exited    = 4
	sigchld   = 17
	sigBlock  = 0
	tiocspgrp = 0x5410
)

// Emit appends the loop for the parent; the child goes on with what follows.
func (r Reaper) Emit(b *initprog.Builder) {
	child, zero := b.Slot(), b.SlotAt(b.Words(0), 0)
	on := b.NewLabel()
	b.Sys("rt_sigprocmask", sigBlock, b.Words(allBlock), nil, 8).Says("block all signals")
	// Not clone3(2): by now a filter may be loaded, and Docker's has no clone3.
	b.Sys("clone", sigchld, 0, 0, 0, 0).Into(child)
	b.JumpEqual(child, zero, on)
	r.loop(b, child, zero)
	b.Place(on)
	b.Sys("close", r.Status)
	b.Sys("setpgid", 0, 0).AllowAny()
	b.Sys("getpid").Into(b.Named("reaped"))
	b.Sys("ioctl", 0, tiocspgrp, b.Named("reaped").Ptr()).AllowAny().Says("tcsetpgrp")
}

func (r Reaper) loop(b *initprog.Builder, child, zero initprog.Slot) {
	info, sig, got := b.Bytes(make([]byte, siginfo)), b.Slot(), b.Slot()
	chld := b.SlotAt(b.Words(sigchld), 0)
	pid := b.SlotAt(info, siPid)
	next, reap, gone := b.NewLabel(), b.NewLabel(), b.NewLabel()
	b.Sys("close", b.Errors())
	b.Place(next)
	b.Sys("rt_sigtimedwait", b.Words(allBlock), nil, nil, 8).Into(sig).AllowAny()
	b.JumpNegative(sig, next)
	b.JumpEqual(sig, chld, reap)
	b.Sys("kill", child, sig).AllowAny()
	b.Jump(next)
	b.Place(reap)
	b.Sys("waitid", pAll, 0, info, noHang|exited, nil).Into(got).AllowAny()
	b.JumpNegative(got, next)
	b.JumpEqual(pid, zero, next)
	b.JumpEqual(pid, child, gone)
	b.Jump(reap)
	b.Place(gone)
	b.Sys("write", r.Status, info, siginfo).AllowAny()
	b.Sys("exit_group", b.SlotAt(info, siStatus))
}

// Stays says that the last process of the script does not become the program.
func (Reaper) Stays() {}

// Shell says what the script does instead.
func (Reaper) Shell() string { return "# the first process stays to reap: see wait, below" }
