// Package firewall plans what the host does with containers' packets: a table
// of its own in nftables, and forwarding.
package firewall

import (
	"bytes"
	"net/netip"
	"os"

	"mydocker/linux/nft"
	"mydocker/plan"
)

// Ensure makes the table for a bridge. It serves all containers of the network
// and stays when one ends.
type Ensure struct{ Table, Bridge, Subnet string }

func (e Ensure) table() (nft.Bridge, error) {
	p, err := netip.ParsePrefix(e.Subnet)
	return nft.Bridge{Table: e.Table, Name: e.Bridge, Subnet: p}, err
}

// Do makes the table, if it is not there, in one transaction.
func (e Ensure) Do(*plan.Env) error {
	t, err := e.table()
	if err != nil {
		return err
	}
	return t.Ensure()
}

// Shell returns the nft(8) command.
func (e Ensure) Shell() string {
	t, err := e.table()
	if err != nil {
		return "# " + err.Error()
	}
	replace := "add table inet " + e.Table + "\ndelete table inet " + e.Table + "\n" // an older one
	return "nft list set " + t.Set() + " >/dev/null 2>&1 || nft -f - <<'NFT'\n" + replace + t.Text() + "NFT"
}

// Undo returns nil: the table is not the container's alone.
func (Ensure) Undo() plan.HostStep { return nil }

// Present tells whether the table is there.
func (e Ensure) Present() bool {
	t, err := e.table()
	return err == nil && t.Exists()
}

// Forwarding lets the host pass packets on between its interfaces; see
// ip-sysctl.rst of the kernel. Others may rely on it by the time a container
// ends, so that it stays.
type Forwarding struct{}

const ipForward = "/proc/sys/net/ipv4/ip_forward"

// Do writes the parameter, where it is not set.
func (Forwarding) Do(*plan.Env) error {
	now, err := os.ReadFile(ipForward)
	if err != nil || bytes.Equal(bytes.TrimSpace(now), []byte("1")) {
		return err
	}
	return os.WriteFile(ipForward, []byte("1"), 0)
}

// Shell returns the echo command.
func (Forwarding) Shell() string {
	return `[ "$(cat ` + ipForward + `)" = 1 ] || echo 1 > ` + ipForward
}

// Undo returns nil.
func (Forwarding) Undo() plan.HostStep { return nil }

// Steps lists the host steps of this room, for the journal.
func Steps() []plan.HostStep { return []plan.HostStep{Ensure{}, Forwarding{}} }
