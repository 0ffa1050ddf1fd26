package runtime

import (
	"errors"
	"fmt"
	"io"
	"os"

	"mydocker/linux"
	"mydocker/runtime/process"
)

// maxPasswd is how much of a container's passwd(5) is read.
const maxPasswd = 1 << 20

// Home returns the home directory of a user by the container's /etc/passwd,
// and "/" where that does not tell: a process whose environment has no HOME
// gets it, see [process.Environment]. Root is the container's root, opened with
// [linux.OpenDir], before there is a process or by /proc/PID/root: neither a
// link nor a device of the image leads anywhere else. An error says why it is
// not known; it is no reason not to go on.
func Home(root *os.File, uid uint32) (string, error) {
	at, err := linux.OpenIn(root, "etc/passwd", linux.O_PATH, 0)
	if err != nil {
		return "/", err
	}
	defer at.Close()
	info, err := at.Stat()
	if err != nil {
		return "/", err
	}
	if !info.Mode().IsRegular() {
		return "/", errors.New("the container's /etc/passwd is no file")
	}
	// The file that was looked at is the one that is opened.
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", at.Fd()))
	if err != nil {
		return "/", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPasswd))
	if err != nil {
		return "/", err
	}
	return process.HomeOf(string(text), uid), nil
}

// Environment completes the environment of a process as runc does: the last of
// a variable that is there twice counts, and where HOME is missing or empty it
// is what home returns, which is called only then.
func Environment(env []string, home func() string) ([]string, error) {
	return process.Environment(env, home)
}
