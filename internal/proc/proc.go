// Package proc identifies processes: a number alone may be another's by now.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A Process is what proc_pid_stat(5) says of one.
type Process struct {
	// Ticks is when it started, in clock ticks since boot: with the process ID
	// it names a process for good. Field 22.
	Ticks  uint64
	Parent int
	// Ended says that it is a zombie, or about to be gone.
	Ended bool
}

// Read looks a process up. The error is fs.ErrNotExist where there is none.
func Read(pid int) (Process, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Process{}, err
	}
	// The second field is the command in parentheses; it may hold anything.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 20 {
		return Process{}, fmt.Errorf("/proc/%d/stat: too few fields", pid)
	}
	p := Process{Ended: f[0] == "Z" || f[0] == "X"}
	if p.Parent, err = strconv.Atoi(f[1]); err != nil {
		return p, err
	}
	p.Ticks, err = strconv.ParseUint(f[19], 10, 64)
	return p, err
}

// Alive tells whether the process that started at that tick still runs.
func Alive(pid int, ticks uint64) bool {
	p, err := Read(pid)
	return err == nil && p.Ticks == ticks && !p.Ended
}
