package engines_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// A part is something that the command line of Docker, which Podman has too,
// promises of a container.
type part struct {
	name string
	do   func(*bed)
}

var parts = []part{
	{"run", (*bed).testRun}, {"flags", (*bed).testFlags}, {"volumes", (*bed).testVolumes}, {"errors", (*bed).testErrors},
	{"terminal", (*bed).testTerminal}, {"exec", (*bed).testExec}, {"logs", (*bed).testLogs}, {"signals", (*bed).testSignals},
	{"stop", (*bed).testStop}, {"pause", (*bed).testPause}, {"update", (*bed).testUpdate}, {"memory", (*bed).testMemory},
	{"processes", (*bed).testProcesses}, {"capabilities", (*bed).testCapabilities}, {"security", (*bed).testSecurity},
	{"killed", (*bed).testKilled}, {"again", (*bed).testAgain}, {"joined", (*bed).testJoined},
}

// all runs every part; each leaves no container.
func (b *bed) all() {
	b.t.Helper()
	for _, p := range parts {
		b.t.Run(p.name, func(t *testing.T) {
			b := b.in(t)
			t.Cleanup(func() {
				if names := strings.Fields(b.want(0, "ps", "-aq")); len(names) > 0 {
					b.want(0, append(b.remove, names...)...)
				}
			})
			p.do(b)
		})
	}
}

func (b *bed) testRun() {
	b.says("hello", b.run("--rm", "echo", "hello")...)
	b.says("<a b><>", b.run("--rm", "printf", "<%s>", "a b", "")...)
	b.want(3, b.run("--rm", "sh", "-c", "exit 3")...)
	cmd := b.command(b.run("--rm", "-i", "cat")...)
	cmd.Stdin = strings.NewReader("one\ntwo\n")
	if r := b.finish(cmd, []string{"cat"}); r.out != "one\ntwo" || r.code != 0 {
		b.t.Errorf("cat: %+v", r)
	}
	r := b.do(b.run("--rm", "sh", "-c", "echo out; echo err >&2")...)
	if r.out != "out" || !strings.Contains(r.err, "err\n") {
		b.t.Errorf("streams: %+v", r)
	}
}

func (b *bed) testFlags() {
	b.says("value", b.run("--rm", "-e=NAME=value", "sh", "-c", "echo $NAME")...)
	b.says("65534 7", b.run("--rm", "-u=65534:7", "sh", "-c", "echo $(id -u) $(id -g)")...)
	b.says("/tmp", b.run("--rm", "-w=/tmp", "pwd")...)
	b.says("box", b.run("--rm", "--hostname=box", "hostname")...)
	b.want(1, b.run("--rm", "--read-only", "touch", "/file")...)
	b.says("tmpfs", b.run("--rm", "--read-only", "--tmpfs=/scratch:size=1m", "sh", "-c",
		"touch /scratch/file && awk '$2 == \"/scratch\" { print $3 }' /proc/mounts")...)
	b.says("100", b.run("--rm", "--ulimit=nofile=100:100", "--ulimit=nproc=100:100", "sh", "-c", "ulimit -n")...)
	b.says("8192", b.run("--rm", "--shm-size=8m", "sh", "-c", "df -k /dev/shm | awk 'NR == 2 { print $2 }'")...)
	b.says("1", b.run("--rm", "--sysctl=net.ipv4.ip_forward=1", "cat", "/proc/sys/net/ipv4/ip_forward")...)
	b.says("1 3", b.run("--rm", "--device=/dev/null:/dev/nothing", "stat", "-c", "%t %T", "/dev/nothing")...)
	b.says("lo", b.run("--rm", "ls", "/sys/class/net")...)
	b.says("0\n1\n2", b.run("--rm", "sh", "-c", "ls /proc/$$/fd; true")...)
}

func (b *bed) testVolumes() {
	dir := b.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("there\n"), 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.says("there", b.run("--rm", "-v="+dir+":/data:ro", "cat", "/data/file")...)
	b.want(1, b.run("--rm", "-v="+dir+":/data:ro", "touch", "/data/new")...)
	b.says("", b.run("--rm", "-v="+dir+":/data", "cp", "/data/file", "/data/new")...)
	if _, err := os.Stat(filepath.Join(dir, "new")); err != nil {
		b.t.Error(err)
	}
	b.says("there", b.run("--rm", "-v="+dir+"/file:/etc/one:ro", "cat", "/etc/one")...)
}

// testErrors: the engines find the reason in the runtime's message, and make
// the exit code of it.
func (b *bed) testErrors() {
	b.want(127, b.run("--rm", "nosuch")...)
	b.want(127, b.run("--rm", "/bin/nosuch")...)
	b.want(126, b.run("--rm", "/etc/passwd")...)
	b.want(126, b.run("--rm", "/etc")...)
	b.want(0, b.run("-d", "--name=box", "sleep", "1000")...)
	for program, code := range map[string]int{"nosuch": 127, "/etc/passwd": 126} {
		r := b.do("exec", "box", program)
		// Docker's daemon tells an exec's fault with the code 126 alone.
		if r.code != code && !(b.isDocker() && r.code == 126) {
			b.t.Errorf("exec %s: %+v", program, r)
		}
	}
	b.says("still", "exec", "box", "echo", "still")
}

func (b *bed) isDocker() bool { return filepath.Base(b.base[0]) == "docker" }

func (b *bed) testTerminal() {
	const size = `until [ "$(stty size)" = "30 100" ]; do sleep 0.05; done; tty; read x; echo "<$x>"; exit 5`
	b.dialogue(5, b.run("--rm", "-it", "sh", "-c", size))
	b.want(0, b.run("-d", "--name=box", "sleep", "1000")...)
	b.dialogue(5, []string{"exec", "-it", "box", "sh", "-c", size})
	b.says("not a tty", "exec", "box", "sh", "-c", "tty || :")
}

// dialogue runs a command by a terminal, types a line and wants to see it.
func (b *bed) dialogue(code int, words []string) {
	b.t.Helper()
	cmd := b.command(words...)
	master, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		b.t.Fatal(err)
	}
	defer master.Close()
	late := time.AfterFunc(time.Minute, func() { cmd.Process.Kill(); master.Close() })
	defer late.Stop()
	var seen bytes.Buffer
	for part, typed := make([]byte, 4096), false; ; {
		n, err := master.Read(part)
		seen.Write(part[:n])
		if !typed && bytes.Contains(seen.Bytes(), []byte("/dev/")) {
			typed = true
			master.WriteString("line\r")
		}
		if err != nil {
			break // EIO: nobody holds the other end
		}
	}
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(seen.String(), "<line>") {
		b.t.Errorf("%q: exit code %d, want %d, and a line in\n%s", words, got, code, &seen)
	}
}

func (b *bed) testExec() {
	b.want(0, b.run("-d", "--name=box", "-e=NAME=value", "--hostname=inside", "sleep", "1000")...)
	b.says("value inside", "exec", "box", "sh", "-c", "echo $NAME $(hostname)")
	b.want(4, "exec", "box", "sh", "-c", "exit 4")
	b.says("65534", "exec", "-u", "65534", "box", "id", "-u")
	b.says("/tmp more", "exec", "-w", "/tmp", "-e", "OTHER=more", "box", "sh", "-c", "echo $PWD $OTHER")
	cmd := b.command("exec", "-i", "box", "wc", "-c")
	cmd.Stdin = strings.NewReader(strings.Repeat("x", 100_000))
	if r := b.finish(cmd, []string{"exec"}); r.out != "100000" {
		b.t.Errorf("wc: %+v", r)
	}
	b.want(0, "exec", "-d", "box", "touch", "/tmp/file")
	b.waits("/tmp/file", "exec", "box", "ls", "/tmp/file")
	b.says("same", "exec", "box", "sh", "-c", "[ $(cat /proc/1/cgroup | md5sum | cut -c 1-32) = $(cat /proc/self/cgroup | md5sum | cut -c 1-32) ] && echo same")
	if top := b.want(0, "top", "box"); !strings.Contains(top, "sleep 1000") {
		b.t.Errorf("top: %s", top)
	}
}

func (b *bed) testLogs() {
	b.want(2, b.run("--name=box", "sh", "-c", "echo one; echo two >&2; exit 2")...)
	r := b.do("logs", "box")
	if r.out != "one" || strings.TrimSpace(r.err) != "two" {
		b.t.Errorf("logs: %+v", r)
	}
	b.says("2 exited", "inspect", "-f", "{{.State.ExitCode}} {{.State.Status}}", "box")
}

// trapping is a shell command that tells about signals, and ends on TERM.
const trapping = "trap 'echo usr1' USR1; trap 'echo term; exit 7' TERM; echo up; while :; do sleep 0.05; done"

func (b *bed) testSignals() {
	b.want(0, b.run("-d", "--name=box", "sh", "-c", trapping)...)
	b.waits("up", "logs", "box")
	b.want(0, "kill", "-s", "USR1", "box")
	b.waits("up\nusr1", "logs", "box")
	b.want(0, "kill", "-s", "KILL", "box")
	b.says("137", "wait", "box")
	if r := b.do("kill", "box"); r.code == 0 {
		b.t.Errorf("what has ended was killed: %+v", r)
	}
}

func (b *bed) testStop() {
	for _, c := range []struct {
		code  string
		words []string
	}{
		{"7", []string{"sh", "-c", trapping}},
		{"137", []string{"sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"}},
		{"143", []string{"--init", "sh", "-c", "echo up; exec sleep 1000"}},
	} {
		if c.words[0] == "--init" && !b.hasInit() {
			b.t.Log("left out: --init, whose program is not installed")
			continue
		}
		b.want(0, b.run(append([]string{"-d", "--name=box"}, c.words...)...)...)
		b.waits("up", "logs", "box")
		start := time.Now()
		b.want(0, "stop", "-t", "1", "box")
		if took := time.Since(start); c.code != "137" && took > 10*time.Second || took > 15*time.Second {
			b.t.Errorf("stop of one that ends with %s took %v", c.code, took)
		}
		b.says(c.code, "inspect", "-f", "{{.State.ExitCode}}", "box")
		b.want(0, "rm", "box")
	}
}

// hasInit looks for the program of --init where the engines do.
func (b *bed) hasInit() bool {
	for _, path := range []string{"/usr/bin/docker-init", "/usr/libexec/docker/docker-init"} {
		if _, err := os.Stat(path); err == nil && b.isDocker() {
			return true
		}
	}
	_, err := os.Stat("/usr/libexec/podman/catatonit")
	return err == nil && !b.isDocker()
}
