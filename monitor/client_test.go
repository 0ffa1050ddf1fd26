package monitor

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"

	"mydocker/monitor/wire"
)

// pair is a client as the monitor has it, and its other end.
func pair(t *testing.T, want wire.Want) (*client, *wire.Conn) {
	t.Helper()
	ours, theirs, err := wire.Pair()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Dup(int(theirs.Fd()))
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	other, err := wire.NewConn(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); other.Close() })
	c := newClient(ours)
	c.want = want
	return c, other
}

// chunk is the i-th piece of output: its bytes tell which it is.
func chunk(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 16<<10) }

// A client that does not read is not waited for: it misses output, is told how
// much, and gets what comes later.
func TestSlowClientMissesOutput(t *testing.T) {
	c, other := pair(t, wire.Want{Out: true})
	const chunks = 200
	for i := range chunks {
		c.write(wire.Out, chunk(i))
	}
	if c.prompt() {
		t.Fatal("3 MB fit into a socket's buffer: this tests nothing")
	}
	got, skipped, next := 0, 0, 0
	for skipped == 0 {
		p, err := other.Recv()
		if err != nil {
			t.Fatal(err)
		}
		switch p.Kind {
		case wire.Out:
			if p.Payload[0] != byte(next) {
				t.Fatalf("chunk %d came for %d", p.Payload[0], next)
			}
			got += len(p.Payload)
			next++
		case wire.Skipped:
			if skipped, err = wire.ReadNumber(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got+skipped != chunks*len(chunk(0)) {
		t.Errorf("%d bytes came, %d were skipped: together not %d", got, skipped, chunks*len(chunk(0)))
	}
	c.flush()
	c.write(wire.Out, []byte("again"))
	if p, err := other.Recv(); err != nil || string(p.Payload) != "again" {
		t.Errorf("%v %v", p, err)
	}
}

// A client that wants the whole gets it: who writes waits.
func TestWholeClientIsWaitedFor(t *testing.T) {
	c, other := pair(t, wire.Want{Out: true, Whole: true})
	const chunks = 200
	go func() {
		for i := range chunks {
			c.write(wire.Out, chunk(i))
		}
		c.hurry()
		c.write(wire.Exited, wire.Exit{Code: 7}.Append(nil))
		c.flush()
		c.conn.Close()
	}()
	for i := range chunks {
		p, err := other.Recv()
		if err != nil || p.Kind != wire.Out || !bytes.Equal(p.Payload, chunk(i)) {
			t.Fatalf("chunk %d: %c %v", i, p.Kind, err)
		}
	}
	p, err := other.Recv()
	if x, xerr := wire.ReadExit(p); err != nil || xerr != nil || x.Code != 7 {
		t.Errorf("%v %v %v", x, err, xerr)
	}
	if _, err := other.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

// When the container has ended nobody is waited for, and nothing is left out.
func TestLastWordsAreQueued(t *testing.T) {
	for _, whole := range []bool{false, true} {
		c, other := pair(t, wire.Want{Out: true, Whole: whole})
		c.hurry()
		const chunks = 200
		for i := range chunks {
			c.write(wire.Out, chunk(i)) // would never return if it waited
		}
		for i := range chunks {
			p, err := other.Recv()
			if err != nil || !bytes.Equal(p.Payload, chunk(i)) {
				t.Fatalf("chunk %d: %v", i, err)
			}
		}
		c.flush()
	}
}

// A client that goes does not hold up those who write to it or wait for it.
func TestClientGoes(t *testing.T) {
	c, other := pair(t, wire.Want{Out: true, Whole: true})
	done := make(chan struct{})
	go func() {
		for i := range 200 {
			c.write(wire.Out, chunk(i))
		}
		c.flush()
		close(done)
	}()
	if _, err := other.Recv(); err != nil {
		t.Fatal(err)
	}
	other.Close()
	<-done
}
