// Package netlink makes network interfaces by rtnetlink(7), in the network
// namespace of the calling thread, with as few round trips as it takes.
package netlink

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// socket opens a socket for the interface requests of netdevice(7).
func socket() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	return fd, os.NewSyscallError("socket", err)
}

// index returns the number of an interface, or an error that is ENODEV where
// there is none.
func index(fd int, name string) (uint32, error) {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return 0, fmt.Errorf("interface name %q: %w", name, err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, r); err != nil {
		return 0, fmt.Errorf("interface %s: %w", name, err)
	}
	return r.Uint32(), nil
}

// Exists tells whether there is an interface of that name.
func Exists(name string) bool {
	fd, err := socket()
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	_, err = index(fd, name)
	return err == nil
}

// A Veth is a pair of interfaces: one end on a bridge, one in another network
// namespace. See veth(4).
type Veth struct {
	Name, Bridge string
	Peer         string // name of the other end
	PeerPid      int    // a process in its namespace
	PeerMAC      string
	MTU          int
}

// Add makes the pair in one request. The end on the bridge is up; a peer cannot
// be brought up from here. An older pair of that name, which the kernel has not
// yet taken away with its namespace, goes first.
func (v Veth) Add() error {
	err := v.add()
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	if err := Delete(v.Name); err != nil {
		return err
	}
	return v.add()
}

func (v Veth) add() error {
	fd, err := socket()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	bridge, err := index(fd, v.Bridge)
	if err != nil {
		return err
	}
	mac, err := net.ParseMAC(v.PeerMAC)
	if err != nil {
		return fmt.Errorf("interface %s: %w", v.Peer, err)
	}
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Flags, msg.Change = unix.IFF_UP, unix.IFF_UP
	req.AddData(msg)
	mtu := nl.Uint32Attr(uint32(v.MTU))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(v.Name)))
	req.AddData(nl.NewRtAttr(unix.IFLA_MTU, mtu))
	req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(bridge)))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	peer := info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.VETH_INFO_PEER, nil)
	nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC)
	peer.AddRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(v.Peer))
	peer.AddRtAttr(unix.IFLA_MTU, mtu)
	peer.AddRtAttr(unix.IFLA_ADDRESS, mac)
	peer.AddRtAttr(unix.IFLA_NET_NS_PID, nl.Uint32Attr(uint32(v.PeerPid)))
	req.AddData(info)
	if _, err := req.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("RTM_NEWLINK veth %s on %s: %w", v.Name, v.Bridge, err)
	}
	return nil
}

// Delete removes an interface. One that is not there is no error.
func Delete(name string) error {
	link, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	if err := netlink.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("delete interface %s: %w", name, err)
	}
	return nil
}

// EnsureBridge makes a bridge with that address, up; see bridge(8). One that is
// there with the address is left as it is. A subnet that the host already uses
// elsewhere is an error.
func EnsureBridge(name string, address netip.Prefix, mtu int) error {
	ready, err := bridgeReady(name, address)
	if err != nil || ready {
		return err
	}
	if err := collides(name, address); err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = name, mtu
	// Else it would take the lowest of its ports', and change it as they come
	// and go, under the eyes of running containers.
	attrs.HardwareAddr = MAC(address.Addr())
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("make bridge %s: %w", name, err)
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("bridge %s: %w", name, err)
	}
	if link.Type() != "bridge" {
		return fmt.Errorf("interface %s is a %s, not a bridge", name, link.Type())
	}
	addr := &netlink.Addr{IPNet: ipNet(address)}
	if err := netlink.AddrAdd(link, addr); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("give %s the address %s: %w", name, address, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	return nil
}

// MAC returns the hardware address that goes with an IPv4 address: unique where
// that is.
func MAC(a netip.Addr) net.HardwareAddr {
	b := a.As4()
	return append(net.HardwareAddr{0x02, 0x42}, b[:]...)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// bridgeReady tells whether the interface is there, up, with the address: the
// usual case, answered by two requests.
func bridgeReady(name string, address netip.Prefix) (bool, error) {
	fd, err := socket()
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq(name)
	if err != nil {
		return false, fmt.Errorf("interface name %q: %w", name, err)
	}
	if unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, r) != nil || r.Uint16()&unix.IFF_UP == 0 {
		return false, nil
	}
	if unix.IoctlIfreq(fd, unix.SIOCGIFADDR, r) != nil {
		return false, nil
	}
	have, err := r.Inet4Addr()
	if err != nil || netip.AddrFrom4([4]byte(have)) != address.Addr() || unix.IoctlIfreq(fd, unix.SIOCGIFNETMASK, r) != nil {
		return false, nil
	}
	mask, err := r.Inet4Addr()
	ones, _ := net.IPMask(mask).Size()
	if err != nil || ones != address.Bits() {
		return false, nil
	}
	return true, nil
}

// collides looks for another interface or route with addresses of the subnet.
func collides(name string, subnet netip.Prefix) error {
	links, err := net.Interfaces()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	for _, l := range links {
		addrs, err := l.Addrs()
		if err != nil || l.Name == name {
			continue
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Masked().Overlaps(subnet.Masked()) {
				return fmt.Errorf("the subnet %s collides with %s of interface %s", subnet.Masked(), a, l.Name)
			}
		}
	}
	return collidesWithRoute(name, subnet)
}

func collidesWithRoute(name string, subnet netip.Prefix) error {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	for _, r := range routes {
		if r.Dst == nil {
			continue
		}
		p, err := netip.ParsePrefix(r.Dst.String())
		if err != nil || p.Bits() == 0 || !p.Overlaps(subnet.Masked()) {
			continue
		}
		if l, err := netlink.LinkByIndex(r.LinkIndex); err == nil && l.Attrs().Name == name {
			continue
		}
		return fmt.Errorf("the subnet %s collides with the route to %s", subnet.Masked(), p)
	}
	return nil
}
