package monitor

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
)

// children are the processes of this one. A single goroutine reaps them, also
// those that nobody asked for.
type children struct {
	mu    sync.Mutex
	born  *sync.Cond // another child may be there
	count int        // of children started

	waited map[int]chan syscall.WaitStatus // by number: who wants to know
	early  map[int]syscall.WaitStatus      // reaped before anybody wanted to know
}

func newChildren() *children {
	c := &children{waited: map[int]chan syscall.WaitStatus{}, early: map[int]syscall.WaitStatus{}}
	c.born = sync.NewCond(&c.mu)
	go c.reap()
	return c
}

// A child is one process.
type child struct {
	pid   int
	ticks int      // when it started, see proc_pid_stat(5); 0 where it had ended before
	file  *os.File // its pidfd, or nil where it had ended before
	ended chan syscall.WaitStatus
}

// fork starts a program.
func (c *children) fork(s initprog.Start) (*child, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pid, err := initprog.Fork(s)
	if err != nil {
		return nil, err
	}
	return c.adopt(pid), nil
}

// know returns a child that a child cloned beside itself.
func (c *children) know(pid int) *child {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.adopt(pid)
}

// adopt is called with the lock held: while it is, nobody is reaped, so the
// number is the child's.
func (c *children) adopt(pid int) *child {
	k := &child{pid: pid, ended: make(chan syscall.WaitStatus, 1)}
	if ws, ok := c.early[pid]; ok {
		delete(c.early, pid)
		k.ended <- ws
		return k
	}
	k.file, _ = linux.OpenProcess(pid)
	k.ticks = startTicks(pid)
	c.waited[pid] = k.ended
	c.count++
	c.born.Broadcast()
	return k
}

// startTicks reads when a child started. It is not reaped yet, so it is there.
func startTicks(pid int) int {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The second field is the command in parentheses; it may hold anything.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 20 {
		return 0
	}
	n, _ := strconv.Atoi(f[19])
	return n
}

// maxEarly bounds what is kept of children that nobody may ever ask for.
const maxEarly = 64

func (c *children) reap() {
	seen := 0
	for {
		pid, err := linux.WaitAny()
		c.mu.Lock()
		switch {
		case errors.Is(err, syscall.ECHILD):
			for seen == c.count {
				c.born.Wait()
			}
			seen = c.count
		case err == nil:
			c.take(pid)
		}
		c.mu.Unlock()
	}
}

func (c *children) take(pid int) {
	ws, ok := linux.Reap(pid)
	if !ok {
		return
	}
	if to := c.waited[pid]; to != nil {
		delete(c.waited, pid)
		to <- ws
		return
	}
	if len(c.early) >= maxEarly {
		clear(c.early)
	}
	c.early[pid] = ws
}

// kill kills the child and waits for its end.
func (k *child) kill() {
	k.signal(syscall.SIGKILL)
	<-k.ended
	k.close()
}

// signal sends a signal by way of the pidfd: the number may be another's by now.
func (k *child) signal(s syscall.Signal) {
	if k.file != nil {
		linux.SendSignal(k.file, s)
	}
}

func (k *child) close() {
	k.file.Close() // of nil it is an error and no harm
}
