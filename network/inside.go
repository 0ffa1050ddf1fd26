package network

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
	"mydocker/plan"
)

// Requests of netdevice(7) and route(4): they name an interface, whose number
// nobody has to learn.
const (
	addRoute   = 0x890b // SIOCADDRT
	setFlags   = 0x8914 // SIOCSIFFLAGS
	setAddress = 0x8916 // SIOCSIFADDR
	setNetmask = 0x891c // SIOCSIFNETMASK
)

// control returns the socket on which all of these requests are made.
func control(b *initprog.Builder) initprog.Slot {
	s, first := b.Once("network:socket")
	if first {
		b.Sys("socket", syscall.AF_INET, syscall.SOCK_DGRAM|linux.O_CLOEXEC, 0).Into(s)
	}
	return s
}

// ifreq returns a struct ifreq with that value behind the name.
func ifreq(name string, value []byte) []byte {
	r := make([]byte, 40)
	copy(r[:15], name)
	copy(r[16:], value)
	return r
}

// sockaddr returns a struct sockaddr_in.
func sockaddr(a []byte) []byte {
	s := make([]byte, 16)
	binary.NativeEndian.PutUint16(s, syscall.AF_INET)
	copy(s[4:], a)
	return s
}

func up(b *initprog.Builder, name string) {
	// IFF_MULTICAST is there by default, and flags are set as a whole.
	flags := binary.NativeEndian.AppendUint16(nil, syscall.IFF_UP|syscall.IFF_RUNNING|syscall.IFF_MULTICAST)
	b.Sys("ioctl", control(b), setFlags, b.Bytes(ifreq(name, flags))).Says("bring " + name + " up")
}

// Up brings an interface up.
type Up struct{ Interface string }

// Emit makes the request.
func (u Up) Emit(b *initprog.Builder) { up(b, u.Interface) }

// Shell returns the ip(8) command.
func (u Up) Shell() string { return plan.Cmd("ip", "link", "set", u.Interface, "up") }

// Address gives an interface an IPv4 address.
type Address struct {
	Interface string
	Address   string // with prefix length
}

// Emit sets the address, then the mask.
func (a Address) Emit(b *initprog.Builder) {
	p := netip.MustParsePrefix(a.Address)
	ip, mask := p.Addr().As4(), net.CIDRMask(p.Bits(), 32)
	b.Sys("ioctl", control(b), setAddress, b.Bytes(ifreq(a.Interface, sockaddr(ip[:])))).Says("give " + a.Interface + " the address " + a.Address)
	b.Sys("ioctl", control(b), setNetmask, b.Bytes(ifreq(a.Interface, sockaddr(mask)))).Says("set the netmask of " + a.Interface)
}

// Shell returns the ip(8) command.
func (a Address) Shell() string {
	return plan.Cmd("ip", "addr", "add", a.Address, "brd", "+", "dev", a.Interface)
}

// DefaultRoute sends what is for elsewhere to the gateway.
type DefaultRoute struct{ Interface, Gateway string }

// Emit adds the route by a struct rtentry.
func (r DefaultRoute) Emit(b *initprog.Builder) {
	const flagUp, flagGateway = 1, 2
	gw := netip.MustParseAddr(r.Gateway).As4()
	e := make([]byte, 120)
	copy(e[8:], sockaddr(nil))
	copy(e[24:], sockaddr(gw[:]))
	copy(e[40:], sockaddr(nil))
	binary.NativeEndian.PutUint16(e[56:], flagUp|flagGateway)
	binary.NativeEndian.PutUint64(e[88:], uint64(b.String(r.Interface)))
	b.Sys("ioctl", control(b), addRoute, b.Bytes(e)).Says("default route via " + r.Gateway)
}

// Shell returns the ip(8) command.
func (r DefaultRoute) Shell() string {
	return plan.Cmd("ip", "route", "add", "default", "via", r.Gateway)
}
