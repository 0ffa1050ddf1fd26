// Package bridge plans bridges and the pairs of interfaces that join
// containers to them.
package bridge

import (
	"fmt"
	"net/netip"

	"mydocker/linux/netlink"
	"mydocker/plan"
)

// Ensure makes a bridge with an address. It serves all containers of its
// network and stays when one ends.
type Ensure struct {
	Name    string
	Address string // with prefix length: the gateway of the containers
	MTU     int
}

// Do makes what of it is missing.
func (e Ensure) Do(*plan.Env) error {
	p, err := netip.ParsePrefix(e.Address)
	if err != nil {
		return err
	}
	return netlink.EnsureBridge(e.Name, p, e.MTU)
}

// Shell returns the ip(8) commands.
func (e Ensure) Shell() string {
	p, err := netip.ParsePrefix(e.Address)
	if err != nil {
		return "# " + err.Error()
	}
	return fmt.Sprintf("ip link show %[1]s >/dev/null 2>&1 || { ip link add %[1]s mtu %[3]d address %[4]s type bridge; ip addr add %[2]s brd + dev %[1]s; ip link set %[1]s up; }",
		e.Name, e.Address, e.MTU, netlink.MAC(p.Addr()))
}

// Undo returns nil: the bridge is not the container's alone.
func (Ensure) Undo() plan.HostStep { return nil }

// Present tells whether the bridge is there.
func (e Ensure) Present() bool { return netlink.Exists(e.Name) }

// Veth makes the pair of interfaces of a container: Name on the bridge, Peer
// in the network namespace of the first process.
type Veth struct {
	Name, Bridge, Peer string
	MAC                string // of Peer
	MTU                int
}

// Do makes the pair in one request.
func (v Veth) Do(env *plan.Env) error {
	return netlink.Veth{Name: v.Name, Bridge: v.Bridge, Peer: v.Peer, PeerPid: env.Pid, PeerMAC: v.MAC, MTU: v.MTU}.Add()
}

// Shell returns the ip(8) command.
func (v Veth) Shell() string {
	return fmt.Sprintf(`ip link add %s mtu %d master %s type veth peer name %s mtu %d address %s netns "$pid"; ip link set %s up`,
		v.Name, v.MTU, v.Bridge, v.Peer, v.MTU, v.MAC, v.Name)
}

// Undo deletes the pair.
func (v Veth) Undo() plan.HostStep { return VethGone{v.Name} }

// Present tells whether the bridge's end is there.
func (v Veth) Present() bool { return netlink.Exists(v.Name) }

// VethGone deletes a pair, by the end on the bridge.
type VethGone struct{ Name string }

// Do leaves a pair whose other end lay in a namespace that is gone to the
// kernel: deleting it too costs tens of milliseconds.
func (v VethGone) Do(env *plan.Env) error {
	if env.Dead {
		return nil
	}
	return netlink.Delete(v.Name)
}

// Shell returns the ip(8) command.
func (v VethGone) Shell() string { return "ip link del " + plan.Quote(v.Name) + " 2>/dev/null || true" }

// Undo returns nil.
func (VethGone) Undo() plan.HostStep { return nil }

// Steps lists the host steps of this room, for the journal.
func Steps() []plan.HostStep { return []plan.HostStep{Ensure{}, Veth{}, VethGone{}} }
