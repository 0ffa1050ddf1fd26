package behaviour_test

import (
	"strings"
	"testing"
)

// A paused container whose monitor is killed is ended by the next command, frozen
// as it is: SIGKILL has no effect in a freezer of version 1 before the thaw.
func TestPausedIsEndedByRepair(t *testing.T) {
	b := newBed(t)
	g := b.start("--name=frozen", "echo up >/ready; sleep 1000 & wait")
	b.want(0, b.do("pause", "frozen"))
	b.killMonitor("frozen")
	<-g.ended
	out := b.want(0, b.do("ps", "-a", "--format", "{{.Names}}: {{.Status}}"))
	if !strings.HasPrefix(out, "frozen: Exited (137)") {
		t.Errorf("afterwards: %q", out)
	}
	b.want(0, b.do("rm", "frozen"))
}

// A new container can join the namespaces of one that is paused, as of any that
// runs.
func TestPausedIsJoined(t *testing.T) {
	b := newBed(t)
	g := b.start("--name=frozen", "--hostname=ice", "echo up >/ready; sleep 1000 & wait")
	b.want(0, b.do("pause", "frozen"))
	b.equal(b.run("--network=container:frozen", "hostname"), "ice")
	b.want(0, b.do("rm", "-f", "frozen"))
	<-g.ended
}
