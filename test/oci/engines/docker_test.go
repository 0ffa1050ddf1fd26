package engines_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestDocker(t *testing.T) {
	b := newBed(t, "dockerd")
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("needs the command docker")
	}
	b.Leaks()
	b.startDocker()
	b.all()
}

// startDocker starts a daemon of the test's own, and returns when it answers.
func (b *bed) startDocker() {
	b.t.Helper()
	dir := b.Dir + "/docker"
	host := "unix://" + b.Dir + "/docker.sock"
	b.base = []string{"docker", "-H", host}
	b.flags = []string{"--network=none", "--runtime=tested"}
	b.remove = []string{"rm", "-f"}
	daemon := b.Command("dockerd", "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+".pid", "--host", host,
		"--bridge", "none", "--iptables=false", "--ip6tables=false", "--cgroup-parent", "/"+parent, "--add-runtime", "tested="+b.runtime)
	var log bytes.Buffer
	daemon.Stdout, daemon.Stderr = &log, &log
	if err := daemon.Start(); err != nil {
		b.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	b.t.Cleanup(func() { b.stopDaemon(dir+".pid", ended, &log) })
	b.answers(ended, &log, "info")
	b.want(0, "import", archive(b.t), "busybox")
}

// answers waits until the daemon answers a command. It says nothing when it is
// ready.
func (b *bed) answers(ended chan error, log *bytes.Buffer, words ...string) {
	b.t.Helper()
	for end := time.Now().Add(time.Minute); b.do(words...).code != 0; time.Sleep(100 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			b.t.Fatalf("the daemon ended: %v\n%s", err, log)
		default:
		}
		if time.Now().After(end) {
			b.t.Fatal("the daemon does not answer")
		}
	}
}

// stopDaemon asks the daemon to end, and waits for it.
func (b *bed) stopDaemon(pidfile string, ended <-chan error, log *bytes.Buffer) {
	pid, err := os.ReadFile(b.Path(pidfile))
	if err == nil {
		err = b.Command("kill", "-TERM", string(bytes.TrimSpace(pid))).Run()
	}
	if err != nil {
		b.t.Errorf("stopping the daemon: %v", err)
		return
	}
	<-ended
	if b.t.Failed() {
		text := log.Bytes()
		b.t.Logf("the daemon's last words:\n%s", text[max(0, len(text)-4000):])
	}
}
