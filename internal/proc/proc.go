// Package proc identifies processes: a number alone may be another's by now.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// A Process is what proc_pid_stat(5) says of one.
type Process struct {
	// Ticks is when it started, in clock ticks since boot: with the process ID
	// it names a process for good. Field 22.
	Ticks  uint64
	Parent int
	// Ended says that it is a zombie, or about to be gone.
	Ended bool

	// Name is that of the file it executed, at most 15 bytes of it. Field 2.
	Name string
	// Ending says that it goes on to its end, if it is not there yet: it runs
	// nothing more. Field 9.
	Ending bool
	// Status is how it ended, or ends, as wait(2) tells: 0 also where the caller
	// may not know. Field 52.
	Status int
}

// exiting is PF_EXITING of the kernel's flags of a process.
const exiting = 0x4

// Read looks a process up. The error is fs.ErrNotExist where there is none.
func Read(pid int) (Process, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Process{}, err
	}
	// The second field is the command in parentheses; it may hold anything.
	open, shut := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	f := strings.Fields(string(b[shut+1:]))
	if len(f) < 50 || open < 0 || shut < open {
		return Process{}, fmt.Errorf("/proc/%d/stat: too few fields", pid)
	}
	p := Process{Ended: f[0] == "Z" || f[0] == "X", Name: string(b[open+1 : shut])}
	flags, err := strconv.ParseUint(f[6], 10, 64)
	if err != nil {
		return p, err
	}
	p.Ending = p.Ended || flags&exiting != 0
	if p.Status, err = strconv.Atoi(f[49]); err != nil {
		return p, err
	}
	if p.Parent, err = strconv.Atoi(f[1]); err != nil {
		return p, err
	}
	p.Ticks, err = strconv.ParseUint(f[19], 10, 64)
	return p, err
}

// Alive tells whether the process that started at that tick still runs. Who
// cannot look, for want of descriptors say, does not know that it has ended.
func Alive(pid int, ticks uint64) bool {
	p, err := Read(pid)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH)
	}
	return p.Ticks == ticks && !p.Ended
}
