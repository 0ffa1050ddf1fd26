package netlink

import (
	"errors"
	"fmt"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Move moves an interface of the calling thread's network namespace, which is
// also here, to another in which nothing has the name that it gets there, and
// brings it up. Its permanent addresses of global scope go with it; the kernel
// would drop them. Where it fails, it is as it was.
func Move(name, as string, here, target *os.File) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	if taken, err := has(target, as); err != nil || taken {
		return errors.Join(err, fmt.Errorf("interface %s: there is one of the name %s already", name, as))
	}
	addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL) // before it is down, which loses those of IPv6
	if err != nil {
		return fmt.Errorf("addresses of %s: %w", name, err)
	}
	if err := move(link, as, addrs, target); err != nil {
		if Exists(name) {
			return errors.Join(err, settle(name, addrs, link.Attrs().Flags&unix.IFF_UP != 0, here))
		}
		return errors.Join(err, Back(name, as, here, target))
	}
	return nil
}

func has(namespace *os.File, name string) (bool, error) {
	h, err := netlink.NewHandleAt(netns.NsHandle(namespace.Fd()))
	if err != nil {
		return false, err
	}
	defer h.Close()
	_, err = h.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return false, nil
	}
	return err == nil, err
}

func move(link netlink.Link, as string, addrs []netlink.Addr, target *os.File) error {
	name := link.Attrs().Name
	if err := netlink.LinkSetDown(link); err != nil { // as long as it is up it cannot be renamed
		return fmt.Errorf("bring %s down: %w", name, err)
	}
	if err := request(link.Attrs().Index, as, target); err != nil {
		return fmt.Errorf("move interface %s: %w", name, err)
	}
	return settle(as, addrs, true, target)
}

// request moves and renames the interface at once, so that it never bears a name
// that is taken in one of the two.
func request(index int, as string, target *os.File) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(as)))
	req.AddData(nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(target.Fd()))))
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// settle gives an interface its addresses, and brings it up if it is to be.
func settle(name string, addrs []netlink.Addr, up bool, target *os.File) error {
	there, err := netlink.NewHandleAt(netns.NsHandle(target.Fd()))
	if err != nil {
		return err
	}
	defer there.Close()
	link, err := there.LinkByName(name)
	if err != nil {
		return fmt.Errorf("interface %s, moved: %w", name, err)
	}
	for _, a := range addrs {
		if a.Flags&unix.IFA_F_PERMANENT == 0 || a.Scope != unix.RT_SCOPE_UNIVERSE {
			continue
		}
		if err := there.AddrReplace(link, &netlink.Addr{IPNet: a.IPNet}); err != nil {
			return fmt.Errorf("address %s of %s: %w", a.IPNet, name, err)
		}
	}
	if !up {
		return nil
	}
	if err := there.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	return nil
}

// Back moves an interface that [Move] has moved to target back into the calling
// thread's network namespace, which is also here. One that is not there is no
// error.
func Back(name, as string, here, target *os.File) error {
	there, err := netlink.NewHandleAt(netns.NsHandle(target.Fd()))
	if err != nil {
		return err
	}
	defer there.Close()
	link, err := there.LinkByName(as)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("interface %s, moved: %w", as, err)
	}
	addrs, err := there.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("addresses of %s: %w", as, err)
	}
	if err := there.LinkSetDown(link); err != nil {
		return fmt.Errorf("bring %s down: %w", as, err)
	}
	if err := there.LinkSetName(link, name); err != nil {
		return fmt.Errorf("rename %s to %s: %w", as, name, err)
	}
	if err := there.LinkSetNsFd(link, int(here.Fd())); err != nil {
		return fmt.Errorf("move interface %s back: %w", name, err)
	}
	return settle(name, addrs, true, here)
}
