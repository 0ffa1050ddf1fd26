package cgroup

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
)

// Late returns the same groups for a process that joins them when it has entered
// the container's namespaces, and has been cloned for the last time: a group whose
// limit of processes is reached takes one more, but lets none be born.
func (s Steps) Late() Steps {
	var files []string
	if s.V2Dir != "" {
		files = append(files, filepath.Join(s.V2Dir, "cgroup.procs"))
	}
	for _, j := range s.Join {
		switch j := j.(type) {
		case Join:
			for _, d := range j.Dirs {
				files = append(files, filepath.Join(d, "tasks"))
			}
		case JoinV2:
			files = append(files, filepath.Join(j.Dir, "cgroup.procs"))
		}
	}
	if len(files) == 0 {
		return s
	}
	s.V2Dir = ""
	s.Join = slices.Concat(s.others(), []plan.InitStep{Opened{files}})
	s.Entered = []plan.InitStep{JoinOpened{files}}
	return s
}

// others are the steps that are no joining of one of the two kinds.
func (s Steps) others() (out []plan.InitStep) {
	for _, j := range s.Join {
		switch j.(type) {
		case Join, JoinV2:
		default:
			out = append(out, j)
		}
	}
	return out
}

// Opened opens lists of processes by their names on the host, for [JoinOpened].
type Opened struct{ Files []string }

// Emit calls openat(2).
func (o Opened) Emit(b *initprog.Builder) {
	for _, f := range o.Files {
		b.Sys("openat", linux.AT_FDCWD, f, linux.O_WRONLY|linux.O_CLOEXEC, 0).Into(b.Named("group " + f))
	}
}

// Shell opens them, too.
func (o Opened) Shell() string {
	var lines []string
	for i, f := range o.Files {
		lines = append(lines, fmt.Sprintf("exec %d>%s", lateFD+i, plan.Quote(f)))
	}
	return strings.Join(lines, "\n")
}

// lateFD is the first descriptor of a script's.
const lateFD = 20

// JoinOpened moves the process into groups whose lists are open.
type JoinOpened struct{ Files []string }

// Emit writes 0, the caller.
func (j JoinOpened) Emit(b *initprog.Builder) {
	for _, f := range j.Files {
		fd := b.Named("group " + f)
		b.Sys("write", fd, "0", 1).Says("join " + filepath.Dir(f))
		b.Sys("close", fd)
	}
}

// Shell returns the echo commands.
func (j JoinOpened) Shell() string {
	var lines []string
	for i := range j.Files {
		lines = append(lines, fmt.Sprintf("echo 0 >&%d", lateFD+i))
	}
	return strings.Join(lines, "\n")
}
