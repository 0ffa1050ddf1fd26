package plan

import (
	"fmt"
	"io"
	"strings"
)

// What steps may have besides Shell, where the script needs more than a line:
// once the container's root is entered the host's tools are gone, so some steps
// are made by the commands that start the next part, by the one that ends it,
// or by the host's side.
type (
	nsenterer interface{ Nsenter() string }    // an option of nsenter(1)
	spawner   interface{ Spawns() Spawn }      // namespaces that unshare(1) makes at once
	unsharer  interface{ Unshare() string }    // options of unshare(1)
	sider     interface{ HostSide() []string } // commands of the host's side
	setprivr  interface{ Setpriv() []string }  // words of setpriv(1)
	setsider  interface{ Setsid() []string }   // words of setsid(1)
	stayer    interface{ Stays() }             // the program is a child, not the shell itself
	laster    interface {                      // the program itself
		Last() (env []string, dir string)
	}
)

// A Script prints a plan as a commented script for sh(1) that, run as root,
// makes the same container.
type Script struct {
	Title  string // one line: the command it stands for
	Root   string // where the container's root appears on the host: $root
	Remove bool   // the container goes when it has ended
}

// WriteTo prints the script.
func (s Script) Write(w io.Writer, p *Plan) error {
	b := &scriptWriter{}
	b.head(s)
	b.undo(p, s.Remove)
	b.section("On the host, for as long as the container is there")
	b.steps(p.Create)
	b.section("On the host, before the container runs")
	b.steps(p.Host)
	b.steps(p.Beside)
	b.init(p)
	b.start(p)
	_, err := io.WriteString(w, b.String())
	return err
}

type scriptWriter struct{ strings.Builder }

func (b *scriptWriter) line(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }

func (b *scriptWriter) section(title string) { b.line("\n# --- %s", title) }

func (b *scriptWriter) head(s Script) {
	b.line("#!/bin/sh")
	b.line("# %s", strings.ReplaceAll(s.Title, "\n", "\n# "))
	b.line("#")
	b.line("# What mydocker does to make this container, as commands. Run as root by sh, they")
	b.line("# make the same container. mydocker itself runs none of these programs.")
	b.line("set -eu")
	b.line("root=%s", Quote(s.Root))
}

// undo prints the function that takes everything back, last first.
func (b *scriptWriter) undo(p *Plan, remove bool) {
	b.section("What takes it all back when the container has ended, last first")
	b.line("undo() {\n\tset +e")
	parts := [][]HostStep{p.Host, p.Beside, p.Attach}
	if remove {
		parts = [][]HostStep{p.Create, p.Host, p.Beside, p.Attach}
	}
	for i := len(parts) - 1; i >= 0; i-- {
		for k := len(parts[i]) - 1; k >= 0; k-- {
			if u := parts[i][k].Undo(); u != nil {
				b.line("%s", indent(u.Shell()))
			}
		}
	}
	if !remove {
		b.line("\t# Without --rm this stays, until the container is removed:")
		for _, s := range p.Create {
			if u := s.Undo(); u != nil {
				b.line("\t# %s", u.Shell())
			}
		}
	}
	b.line("\treturn 0\n}\ntrap undo EXIT")
}

// spawn is what the script makes with the process: mydocker may make part of it
// a little later.
func spawn(p *Plan) Spawn {
	s := p.Spawn
	for _, i := range p.Init {
		if v, ok := i.(spawner); ok {
			s = v.Spawns()
		}
	}
	return s
}

func (b *scriptWriter) steps(steps []HostStep) {
	for _, s := range steps {
		b.line("%s", s.Shell())
	}
}

// init prints what the first process does, as text that start hands to it:
// $stage1, and $stage2 where namespaces are made on the way.
func (b *scriptWriter) init(p *Plan) {
	b.section("In the container's first process, in its new namespaces")
	b.line("stage1=$(cat <<'STAGE'")
	b.line("read -r pid _ < /proc/self/stat; echo \"$pid\" >&4 # its number on the host")
	if len(spawn(p).UIDs) > 0 {
		b.line("read -r _ <&5 # for the host's side to map its users")
	}
	if p.Spawn.Cgroup != "" {
		b.line("echo 0 > %s # clone3(2) with CLONE_INTO_CGROUP does this", Quote(p.Spawn.Cgroup+"/cgroup.procs"))
	}
	split := false
	for i, s := range p.Init {
		if _, ok := s.(laster); !ok {
			b.line("%s", s.Shell())
		}
		_, here := s.(unsharer)
		if here && !(i+1 < len(p.Init) && isUnsharer(p.Init[i+1])) && !split {
			split = true
			b.line("exec unshare %s /bin/sh -euc \"$stage2\"\nSTAGE\n)", strings.Join(unshares(p.Init), " "))
			b.line("stage2=$(cat <<'STAGE'")
		}
	}
	b.last(p)
	b.line("STAGE\n)\nexport root last%s", map[bool]string{true: " stage2"}[split])
}

func isUnsharer(s Step) bool { _, ok := s.(unsharer); return ok }

func unshares(steps []InitStep) (w []string) {
	for _, s := range steps {
		if u, ok := s.(unsharer); ok {
			w = append(w, u.Unshare())
		}
	}
	return w
}

// last prints the command that ends the first process's part: everything that
// needs the host's tools, up to a shell that waits for the root to change.
func (b *scriptWriter) last(p *Plan) {
	var setsid, setpriv, env []string
	for _, s := range p.Init {
		if v, ok := s.(setsider); ok {
			setsid = v.Setsid()
		}
		if v, ok := s.(setprivr); ok {
			setpriv = append(setpriv, v.Setpriv()...)
		}
		if v, ok := s.(laster); ok {
			env, _ = v.Last()
		}
	}
	words := setsid
	if len(setpriv) > 0 {
		words = append(append(words, "setpriv"), setpriv...)
	}
	b.line("exec %s /bin/sh -c \"$last\"", Cmd(append(words, env...)...))
}

// start prints the last shell's commands, the start of the first process, and
// the host's side of it.
func (b *scriptWriter) start(p *Plan) {
	b.section("The end of the first process's part: the host's root is left, the program starts")
	b.line("last=$(cat <<'LAST'")
	b.line("echo here >&4; read -r _ <&5 # for the host's side to change the root")
	b.program(p)
	b.line("LAST\n)")
	b.section("Start it, and do the host's side")
	b.line("fifo=$(mktemp -d); mkfifo \"$fifo\"/up \"$fifo\"/down; exec 3<&0 4<>\"$fifo\"/up 5<>\"$fifo\"/down; rm -r \"$fifo\"")
	b.line("await() { read -r word <&4; case $word in ended*) exit \"${word#ended }\" ;; esac; }")
	b.line("( status=0")
	b.line("  %s /bin/sh -euc \"$stage1\" || status=$?", b.enter(p))
	b.line("  echo \"ended $status\" >&4; exit \"$status\" ) <&3 &")
	b.line("child=$!\nawait; pid=$word")
	if !p.Spawn.Later {
		b.steps(p.Placed)
	}
	if len(spawn(p).UIDs) > 0 {
		b.maps(p)
	}
	b.attach(p)
	b.line("wait \"$child\"")
}

func (b *scriptWriter) program(p *Plan) {
	exec := "exec "
	for _, s := range p.Init {
		if _, ok := s.(stayer); ok {
			exec = ""
		}
		if v, ok := s.(laster); ok {
			_, dir := v.Last()
			b.line("cd %s", Quote(dir))
			b.line("unset PWD OLDPWD SHLVL _\nexec 3<&- 4<&- 5<&-")
			b.line("%s%s", exec, s.Shell())
		}
	}
	if exec == "" {
		b.line("exit $?")
	}
}

// enter returns the command that starts the first process.
func (b *scriptWriter) enter(p *Plan) string {
	var join []string
	for _, s := range p.Init {
		if v, ok := s.(nsenterer); ok {
			join = append(join, v.Nsenter())
		}
	}
	if len(join) > 0 {
		return "nsenter " + strings.Join(join, " ") + " " + spawn(p).Shell()
	}
	return spawn(p).Shell()
}

func (b *scriptWriter) maps(p *Plan) {
	for _, m := range spawn(p).UIDs {
		b.line("echo %s > /proc/\"$pid\"/uid_map", Quote(m.String()))
	}
	for _, m := range spawn(p).GIDs {
		b.line("echo %s > /proc/\"$pid\"/gid_map", Quote(m.String()))
	}
	b.line("echo mapped >&5")
}

// attach prints the host's steps while the first process waits, then those at
// its end.
func (b *scriptWriter) attach(p *Plan) {
	if len(p.Attach) > 0 {
		b.line("await")
		b.steps(p.Attach)
		b.line("echo go >&5")
	}
	b.line("await")
	for _, s := range p.Init {
		if v, ok := s.(sider); ok {
			b.line("%s", strings.Join(v.HostSide(), "\n"))
		}
	}
	b.line("echo go >&5")
}

func indent(s string) string { return "\t" + strings.ReplaceAll(s, "\n", "\n\t") }
