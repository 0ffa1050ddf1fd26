package monitor

import (
	"encoding/binary"
	"sync"

	"mydocker/monitor/wire"
)

// limit is how many bytes wait for a client that is slow.
const limit = 128 << 10

// A client is a connection: somebody who starts a process, is attached, or
// waits.
type client struct {
	conn *wire.Conn
	want wire.Want // valid once it has asked
	exec bool      // it starts a process, whose end it waits for; under the monitor's lock

	mu      sync.Mutex
	moved   *sync.Cond // the queue became shorter, or the client is gone
	queue   []byte     // packets that wait: kind, length, payload
	sending bool       // a goroutine empties the queue
	skipped int        // bytes left out since the queue was full
	last    bool       // the container has ended: nothing waits for this client, nothing is left out
	gone    bool
}

func newClient(conn *wire.Conn) *client {
	c := &client{conn: conn}
	c.moved = sync.NewCond(&c.mu)
	return c
}

// write sends a packet, or queues it. When the queue is full, one that wants
// the whole waits, and so does the container; for another the packet is left
// out.
func (c *client) write(k wire.Kind, p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if c.gone {
			return
		}
		if !c.sending && c.try(k, p) {
			return
		}
		if c.skipped > 0 && !c.last || len(c.queue)+len(p) > limit && !c.want.Whole && !c.last {
			c.skipped += len(p)
			return
		}
		if len(c.queue)+len(p) <= limit || c.last {
			break
		}
		c.moved.Wait()
	}
	c.queue = append(c.queue, byte(k))
	c.queue = binary.NativeEndian.AppendUint32(c.queue, uint32(len(p)))
	c.queue = append(c.queue, p...)
	if !c.sending {
		c.sending = true
		go c.send()
	}
}

// try sends without waiting. It returns true when the packet is done with.
func (c *client) try(k wire.Kind, p []byte) bool {
	sent, err := c.conn.TrySend(k, p)
	c.gone = c.gone || err != nil
	return sent || err != nil
}

// send empties the queue.
func (c *client) send() {
	for {
		c.mu.Lock()
		q := c.queue
		c.queue = nil
		if len(q) == 0 {
			q = c.tell()
		}
		if len(q) == 0 || c.gone {
			c.sending = false
			c.moved.Broadcast()
			c.mu.Unlock()
			return
		}
		c.moved.Broadcast()
		c.mu.Unlock()
		for len(q) > 0 {
			n := 5 + int(binary.NativeEndian.Uint32(q[1:]))
			if c.conn.Send(wire.Kind(q[0]), q[5:n]) != nil {
				c.leave()
				break
			}
			q = q[n:]
		}
	}
}

// tell returns the packet that says what was left out.
func (c *client) tell() (q []byte) {
	if c.skipped > 0 {
		n := wire.Number(c.skipped)
		q = binary.NativeEndian.AppendUint32([]byte{byte(wire.Skipped)}, uint32(len(n)))
		q = append(q, n...)
		c.skipped = 0
	}
	return q
}

// leave notes that the client is gone.
func (c *client) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	c.moved.Broadcast()
}

// hurry says that the container has ended.
func (c *client) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = true
	c.moved.Broadcast()
}

// prompt tells whether nothing waits to be sent.
func (c *client) prompt() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.sending && !c.gone
}

// flush waits until everything was sent, or the client is gone.
func (c *client) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.sending && !c.gone {
		c.moved.Wait()
	}
}
