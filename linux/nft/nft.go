// Package nft makes nftables rules, a table of our own in one transaction; see
// nft(8). It works in the network namespace of the calling thread.
package nft

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// generation names an empty set by a hash of the table's text: a table that has
// it says what this one would.
func (b Bridge) generation() string {
	sum := sha256.Sum256([]byte(b.text("")))
	return fmt.Sprintf("generation-%x", sum[:4])
}

// A Bridge is what the table says about one bridge.
type Bridge struct {
	Table  string // of family inet
	Name   string // the bridge's interface
	Subnet netip.Prefix
}

// Text returns the table as nft(8) prints and reads it.
func (b Bridge) Text() string { return b.text(b.generation()) }

// Set returns the words by which nft(8) finds the table's mark.
func (b Bridge) Set() string { return "inet " + b.Table + " " + b.generation() }

func (b Bridge) text(generation string) string {
	return fmt.Sprintf(`table inet %[1]s {
	set %[4]s {
		type ipv4_addr
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr %[3]s oifname != "%[2]s" masquerade
	}

	chain forward {
		type filter hook forward priority filter; policy accept;
		ct state established,related accept
		iifname "%[2]s" accept
		oifname "%[2]s" drop
	}
}
`, b.Table, b.Name, b.Subnet.Masked(), generation)
}

// Ensure makes the table, unless it is there: then one request finds out.
func (b Bridge) Ensure() error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: b.Table}
	if _, err := c.GetSetByName(table, b.generation()); err == nil {
		return nil
	}
	// An older table goes in the same transaction.
	c.AddTable(table)
	c.DelTable(table)
	c.AddTable(table)
	if err := c.AddSet(&nftables.Set{Table: table, Name: b.generation(), KeyType: nftables.TypeIPAddr}, nil); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	b.postrouting(c, table)
	b.forward(c, table)
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables: make table inet %s: %w", b.Table, err)
	}
	return nil
}

// postrouting gives what leaves the subnet, other than over the bridge, the
// host's address.
func (b Bridge) postrouting(c *nftables.Conn, t *nftables.Table) {
	chain := c.AddChain(&nftables.Chain{Name: "postrouting", Table: t, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource, Policy: accept()})
	net := b.Subnet.Masked().Addr().As4()
	mask := binaryutil.BigEndian.PutUint32(^uint32(0) << (32 - b.Subnet.Bits()))
	c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.NFPROTO_IPV4}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4}, // source address
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: mask, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: net[:]},
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: ifname(b.Name)},
		&expr.Masq{},
	}})
}

// forward lets containers out and answers in; nothing else reaches them through
// the host.
func (b Bridge) forward(c *nftables.Conn, t *nftables.Table) {
	chain := c.AddChain(&nftables.Chain{Name: "forward", Table: t, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter, Policy: accept()})
	state := binaryutil.NativeEndian.PutUint32(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED)
	rules := [][]expr.Any{
		{
			&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: state, Xor: make([]byte, 4)},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
			&expr.Verdict{Kind: expr.VerdictAccept},
		},
		{
			&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: ifname(b.Name)},
			&expr.Verdict{Kind: expr.VerdictAccept},
		},
		{
			&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: ifname(b.Name)},
			&expr.Verdict{Kind: expr.VerdictDrop},
		},
	}
	for _, r := range rules {
		c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: r})
	}
}

func accept() *nftables.ChainPolicy {
	p := nftables.ChainPolicyAccept
	return &p
}

// ifname is a name as the kernel compares it: 16 bytes.
func ifname(n string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, n)
	return b
}

// Exists tells whether the table is there, made by this version.
func (b Bridge) Exists() bool {
	c, err := nftables.New()
	if err != nil {
		return false
	}
	_, err = c.GetSetByName(&nftables.Table{Family: nftables.TableFamilyINet, Name: b.Table}, b.generation())
	return err == nil
}

// Delete removes a table. One that is not there is no error.
func Delete(table string) error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	c.DelTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: table})
	if err := c.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("nftables: delete table inet %s: %w", table, err)
	}
	return nil
}
