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

// Move moves an interface of the calling thread's network namespace to another,
// under a name that it may have there already, and brings it up. Its permanent
// addresses of global scope go with it; the kernel would drop them.
func Move(name, as string, target *os.File) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	if err := netlink.LinkSetDown(link); err != nil { // as long as it is up it cannot be renamed
		return fmt.Errorf("bring %s down: %w", name, err)
	}
	addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("addresses of %s: %w", name, err)
	}
	if err := move(link.Attrs().Index, as, target); err != nil {
		return fmt.Errorf("move interface %s: %w", name, err)
	}
	return settle(as, addrs, target)
}

// move renames the interface in the same request, so that it never bears the
// name that is taken in one of the two.
func move(index int, as string, target *os.File) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(as)))
	req.AddData(nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(target.Fd()))))
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

func settle(name string, addrs []netlink.Addr, target *os.File) error {
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
		if err := there.AddrAdd(link, &netlink.Addr{IPNet: a.IPNet}); err != nil {
			return fmt.Errorf("address %s of %s: %w", a.IPNet, name, err)
		}
	}
	if err := there.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	return nil
}

// Back moves an interface that [Move] has moved to target back into the calling
// thread's network namespace. One that is not there is no error.
func Back(name, as string, target, here *os.File) error {
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
	return settle(name, addrs, here)
}
