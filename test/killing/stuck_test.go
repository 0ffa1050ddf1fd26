package killing_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// stuck tells what a process that hangs does, and what the engine's others do:
// its monitor is one of them.
func (f *field) stuck(pid int) string {
	var b strings.Builder
	describe(&b, pid, "the command")
	for _, v := range f.victims() {
		if v.pid != pid {
			describe(&b, v.pid, v.kind+" "+v.what)
		}
	}
	ids, err := f.store.Active()
	fmt.Fprintln(&b, "active:", ids, err)
	for _, id := range ids {
		r, err := f.store.Load(id)
		if err != nil {
			fmt.Fprintf(&b, "%.12s: %v\n", id, err)
			continue
		}
		fmt.Fprintf(&b, "%.12s: %s, %s, process %d, somebody responsible: %v\n", id, r.Name, r.Status, r.Pid, f.store.Alive(id))
	}
	return b.String()
}

// describe writes where each thread of a process is in the kernel, and what it
// has open.
func describe(b *strings.Builder, pid int, what string) {
	dir := fmt.Sprintf("/proc/%d", pid)
	fmt.Fprintf(b, "%d, %s: %s\n", pid, what, strings.Join(cmdline(pid), " "))
	tasks, _ := filepath.Glob(dir + "/task/*")
	for _, task := range tasks {
		wchan, _ := os.ReadFile(task + "/wchan")
		stack, _ := os.ReadFile(task + "/stack")
		state := "?"
		if fields, err := os.ReadFile(task + "/stat"); err == nil {
			state = string(fields)[strings.LastIndexByte(string(fields), ')')+1:][1:2]
		}
		fmt.Fprintf(b, "  thread %s: %s in %s: %s\n", filepath.Base(task), state, wchan, strings.Join(strings.Fields(string(stack)), " "))
	}
	files, _ := filepath.Glob(dir + "/fd/*")
	for _, file := range files {
		to, _ := os.Readlink(file)
		fmt.Fprintf(b, "  %s -> %s\n", filepath.Base(file), to)
	}
}
