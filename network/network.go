// Package network gives containers their place on a network: an address, a pair
// of interfaces on a bridge, a route.
package network

import (
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	"mydocker/bridge"
	"mydocker/firewall"
	"mydocker/ipam"
	"mydocker/plan"
)

// Mode is what --network asks for.
type Mode string

// ParseMode reads --network. Networks of the user's own come later.
func ParseMode(s string) (Mode, error) {
	switch {
	case s == "", s == "default":
		return "bridge", nil
	case s == "bridge", s == "host", s == "none", strings.HasPrefix(s, "container:"):
		return Mode(s), nil
	}
	return "", fmt.Errorf("network %s not found", s)
}

// String returns the mode as inspect shows it.
func (m Mode) String() string { return string(m) }

// Bridged tells whether the container gets an interface of its own.
func (m Mode) Bridged() bool { return m == "bridge" }

// Config is an engine's default network, and the names that must differ between
// engines.
type Config struct {
	Bridge       string
	Subnet       netip.Prefix
	Gateway      netip.Addr
	Table        string // of nftables, family inet
	CgroupParent string
	MTU          int
}

// ConfigFor returns the network of the engine whose directory is root. Those of
// other than the default one derive from a hash of the directory's name.
func ConfigFor(root string, isDefault bool) Config {
	c := Config{Bridge: "mydocker0", Table: "mydocker", CgroupParent: "mydocker", MTU: 1500, Subnet: netip.MustParsePrefix("10.20.30.0/24")}
	if !isDefault {
		h := sha256.Sum256([]byte(root))
		name := fmt.Sprintf("%x", h[:3])
		c.Bridge, c.Table, c.CgroupParent = "md-"+name, "mydocker_"+name, "mydocker-"+name
		c.Subnet = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 32 + h[3]%32, h[4], 0}), 24)
	}
	c.Gateway = c.Subnet.Addr().Next()
	return c
}

// String returns the bridge and its subnet.
func (c Config) String() string { return c.Bridge + " " + c.Subnet.String() }

// Pool returns the directory of the addresses, below the engine's state.
func (c Config) Pool(state string) string { return filepath.Join(state, "network") }

// An Endpoint is a container's place on the default network.
type Endpoint struct {
	Address netip.Prefix
	Gateway netip.Addr
	MAC     string
	Veth    string // the end on the bridge
	Bridge  string

	cfg         Config
	pool, owner string
}

// inside is the name of the interface that a container sees.
const inside = "eth0"

// Claim gives a container an address.
func Claim(c Config, state, id string) (*Endpoint, error) {
	a, err := ipam.Open(c.Pool(state)).Claim(c.Subnet, []netip.Addr{c.Gateway}, id)
	if err != nil {
		return nil, err
	}
	return c.endpoint(a, state, id), nil
}

// Preview returns what Claim would, and claims nothing.
func Preview(c Config, state, id string) (*Endpoint, error) {
	a, err := ipam.Open(c.Pool(state)).Next(c.Subnet, []netip.Addr{c.Gateway})
	if err != nil {
		return nil, err
	}
	return c.endpoint(a, state, id), nil
}

func (c Config) endpoint(a netip.Addr, state, id string) *Endpoint {
	b := a.As4()
	return &Endpoint{
		Address: netip.PrefixFrom(a, c.Subnet.Bits()), Gateway: c.Gateway, Bridge: c.Bridge,
		MAC:  net.HardwareAddr{0x02, 0x42, b[0], b[1], b[2], b[3]}.String(), // unique as the address is
		Veth: "veth-" + id[:min(10, len(id))],                               // 15 characters are the most
		cfg:  c, pool: c.Pool(state), owner: id,
	}
}

// Release gives the address back, where no step has come to own it.
func (e *Endpoint) Release() error { return ipam.Open(e.pool).Release(e.Addr(), e.owner) }

// Addr returns the address without its prefix length.
func (e *Endpoint) Addr() netip.Addr { return e.Address.Addr() }

// HostSteps claim the address and make what all containers share.
func (e *Endpoint) HostSteps() []plan.HostStep {
	gateway := netip.PrefixFrom(e.Gateway, e.cfg.Subnet.Bits())
	return []plan.HostStep{
		ipam.Claim{Dir: e.pool, Address: e.Addr().String(), Owner: e.owner},
		firewall.Ensure{Table: e.cfg.Table, Bridge: e.Bridge, Subnet: e.cfg.Subnet.String()}, // before the first packet
		bridge.Ensure{Name: e.Bridge, Address: gateway.String(), MTU: e.cfg.MTU},
		firewall.Forwarding{},
	}
}

// AttachSteps make the interface.
func (e *Endpoint) AttachSteps() []plan.HostStep {
	return []plan.HostStep{bridge.Veth{Name: e.Veth, Bridge: e.Bridge, Peer: inside, MAC: e.MAC, MTU: e.cfg.MTU}}
}

// InitSteps configure it from inside.
func (e *Endpoint) InitSteps() []plan.InitStep {
	return []plan.InitStep{
		Address{inside, e.Address.String()},
		Up{inside},
		DefaultRoute{inside, e.Gateway.String()},
	}
}

// Steps lists the host steps of this room, for the journal: they are all of
// other rooms.
func Steps() []plan.HostStep { return nil }
