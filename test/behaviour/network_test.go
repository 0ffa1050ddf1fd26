package behaviour_test

import (
	"os/exec"
	"strings"
	"testing"
)

// address prints the container's own, alone on a line.
const address = "ip -4 -o addr show eth0 | sed -E 's/.* inet ([0-9.]+).*/\\1/'"

func TestContainersReachEachOther(t *testing.T) {
	b := newBed(t)
	one := b.start("--rm", "--name=one", address+" >/ready; exec sleep 1000")
	two := b.start("--rm", "--name=two", address+" >/ready; exec sleep 1000")
	if one.ready == two.ready || !strings.HasPrefix(one.ready, "10.") {
		t.Fatalf("addresses are %q and %q", one.ready, two.ready)
	}
	for _, to := range []string{one.ready, two.ready, "127.0.0.1"} {
		b.want(0, b.run("ping", "-c1", "-W5", to))
	}
	b.equal(b.do("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "two"), two.ready)
	b.want(0, b.do("rm", "-f", "one", "two"))
}

func TestGatewayAnswers(t *testing.T) {
	b := newBed(t)
	out := b.want(0, b.run("sh", "-c", "gw=$(ip route | sed -n 's/default via //;s/ .*//p' | head -n1); ping -c1 -W5 $gw"))
	b.contains(out, "1 packets received")
}

func TestMasquerade(t *testing.T) {
	b := newBed(t)
	// The world is a container without a network, joined by a cable to the
	// host. It knows no way back to the containers: without masquerading there
	// is no answer.
	world := b.start("--rm", "--network=none", "--name=world", "echo up >/ready; exec sleep 1000")
	pid := strings.TrimSpace(b.want(0, b.do("inspect", "-f", "{{.State.Pid}}", "world")))
	for _, words := range [][]string{
		{"ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", pid},
		{"ip", "addr", "add", "192.0.2.1/24", "dev", "cable"},
		{"ip", "link", "set", "cable", "up"},
		{"nsenter", "-t", pid, "-n", "ip", "addr", "add", "192.0.2.2/24", "dev", "cable"},
		{"nsenter", "-t", pid, "-n", "ip", "link", "set", "cable", "up"},
	} {
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", words, err, out)
		}
	}
	b.want(0, b.run("ping", "-c1", "-W5", "192.0.2.2"))
	b.want(0, b.do("rm", "-f", "world"))
	world.code()
}

func TestNetworkNoneHasLoopbackAlone(t *testing.T) {
	b := newBed(t)
	b.equal(b.run("--network=none", "sh", "-c", "ip -o link | cut -d: -f2 | tr -d ' '; ping -c1 -W5 127.0.0.1 >/dev/null && echo up; ip route"), "lo\nup")
}

func TestNetworkHost(t *testing.T) {
	b := newBed(t)
	const list = "ip -o link | cut -d: -f2"
	host, err := exec.Command("sh", "-c", list).Output()
	if err != nil {
		t.Fatal(err)
	}
	b.equal(b.run("--network=host", "sh", "-c", list), strings.TrimSpace(string(host)))
}

func TestJoinAnotherContainersNamespaces(t *testing.T) {
	b := newBed(t)
	const list = "for n in net pid ipc uts; do readlink /proc/self/ns/$n; done"
	first := b.start("--rm", "--name=first", "--ipc=shareable",
		"echo $("+list+") >/ready; exec sleep 1000")
	theirs, joined := strings.Fields(first.ready), strings.Fields(b.joinWith("sh", "-c", list))
	if len(theirs) != 4 || len(joined) != 4 {
		t.Fatalf("namespaces are %v and %v", theirs, joined)
	}
	for i := range theirs {
		if shared := i < 3; (theirs[i] == joined[i]) != shared {
			t.Errorf("the first has %s, who joins %s", theirs[i], joined[i])
		}
	}
	b.contains(b.joinWith("ps"), "sleep 1000")
	b.contains(b.joinWith("cat", "/etc/hosts"), "127.0.0.1")
	if out := b.want(0, b.run("--network=container:first", "sh", "-c", address)); out == "" {
		t.Error("there is no address")
	}
	r := b.run("--network=container:nonsense", "true")
	b.want(125, r)
	b.contains(r.err, "nonsense")
	b.want(0, b.do("rm", "-f", "first"))
}

// joinWith runs a command in all that can be shared of the container first.
func (b *bed) joinWith(command ...string) string {
	b.t.Helper()
	flags := []string{"--network=container:first", "--pid=container:first", "--ipc=container:first"}
	return b.want(0, b.run(append(flags, command...)...))
}
