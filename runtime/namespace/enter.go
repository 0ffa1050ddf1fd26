package namespace

import (
	"slices"
	"strings"
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
)

// Enter moves the process into namespaces of a process that runs, all at once;
// see setns(2) with a pidfd.
type Enter struct {
	Target int      // pidfd of that process, a descriptor in this one
	Kinds  []string // the kernel's names: "user", "mnt", ...
}

// Emit calls setns(2). Who is inside by then must not look into this process,
// which still has the host's rights and descriptors (CVE-2016-9962): it is no
// longer dumpable, see ptrace(2), until its execve(2). To be in another PID
// namespace it clones itself once more, as [Join] does.
func (e Enter) Emit(b *initprog.Builder) {
	b.Sys("prctl", linux.PR_SET_DUMPABLE, 0, 0, 0, 0).Says("prctl PR_SET_DUMPABLE")
	e.setns(b)
	if e.Reborn() {
		reborn(b)
	}
}

// setns enters them all. A user namespace that the caller is in already is
// refused by the kernel (EINVAL), and then left out.
func (e Enter) setns(b *initprog.Builder) {
	all := b.Sys("setns", e.Target, int(CloneFlags(e.Kinds))).Says("setns " + strings.Join(e.Kinds, " "))
	if !slices.Contains(e.Kinds, "user") {
		return
	}
	entered, again, on := b.Slot(), b.NewLabel(), b.NewLabel()
	all.Into(entered).Allow(syscall.EINVAL)
	b.JumpNegative(entered, again)
	b.Jump(on)
	b.Place(again)
	others := slices.DeleteFunc(slices.Clone(e.Kinds), func(k string) bool { return k == "user" })
	b.Sys("setns", e.Target, int(CloneFlags(others))).Says("setns " + strings.Join(others, " "))
	b.Place(on)
}

// Reborn tells whether the process clones itself.
func (e Enter) Reborn() bool { return slices.Contains(e.Kinds, "pid") }

// Shell says where the script does it.
func (e Enter) Shell() string {
	return "# its namespaces (" + strings.Join(e.Kinds, " ") + "): see nsenter, below"
}

// Nsenter returns the options of nsenter(1), for the process "$target".
func (e Enter) Nsenter() string {
	words := map[string]string{"mnt": "--mount"}
	out := []string{`--target "$target"`}
	for _, k := range e.Kinds {
		w, ok := words[k]
		if !ok {
			w = "--" + k
		}
		out = append(out, w)
	}
	return strings.Join(out, " ")
}
