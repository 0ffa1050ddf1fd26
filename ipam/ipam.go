// Package ipam gives out addresses. A pool is a directory in which a file named
// by an address, with its owner in it, is the claim: linked into place complete,
// it is exclusive and survives every crash.
package ipam

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mydocker/internal/atomicfile"
	"mydocker/internal/filelock"
	"mydocker/linux"
	"mydocker/plan"
)

// A Pool is a directory of claims.
type Pool struct{ dir string }

// Open returns the pool in dir, which is made with the first claim.
func Open(dir string) *Pool { return &Pool{dir} }

// hint is the file with the address given last. The next search starts behind
// it, so that an address is not given again at once, while the namespace that
// had it may still be dying.
const hint = "last"

// Claim gives owner an address of prefix: not its first (the network) or last
// (broadcast), and none of reserved.
func (p *Pool) Claim(prefix netip.Prefix, reserved []netip.Addr, owner string) (netip.Addr, error) {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return netip.Addr{}, err
	}
	for a := range p.candidates(prefix, reserved) {
		switch err := p.claim(a, owner); {
		case err == nil:
			// Only a hint: a lost one costs a longer search.
			atomicfile.Write(filepath.Join(p.dir, hint), []byte(a.String()), 0o600, false)
			return a, nil
		case !errors.Is(err, fs.ErrExist):
			return netip.Addr{}, err
		}
	}
	return netip.Addr{}, fmt.Errorf("no address is left in %s", prefix)
}

// Next returns the address that Claim would give now. It changes nothing.
func (p *Pool) Next(prefix netip.Prefix, reserved []netip.Addr) (netip.Addr, error) {
	for a := range p.candidates(prefix, reserved) {
		if _, err := os.Lstat(p.path(a)); errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no address is left in %s", prefix)
}

// candidates yields the addresses of the prefix once, beginning behind the hint.
func (p *Pool) candidates(prefix netip.Prefix, reserved []netip.Addr) func(func(netip.Addr) bool) {
	prefix = prefix.Masked()
	first := prefix.Addr().Next()
	start := first
	if b, err := os.ReadFile(filepath.Join(p.dir, hint)); err == nil {
		if a, err := netip.ParseAddr(strings.TrimSpace(string(b))); err == nil && prefix.Contains(a) && prefix.Contains(a.Next()) {
			start = a.Next()
		}
	}
	return func(yield func(netip.Addr) bool) {
		a := start
		for {
			usable := prefix.Contains(a.Next()) && !slices.Contains(reserved, a) // the last one is for broadcast
			if usable && !yield(a) {
				return
			}
			if a = a.Next(); !prefix.Contains(a) {
				a = first
			}
			if a == start {
				return
			}
		}
	}
}

func (p *Pool) path(a netip.Addr) string { return filepath.Join(p.dir, a.String()) }

// claim makes the file; fs.ErrExist says that the address is taken. It is
// linked into place with its content: it is never there half.
func (p *Pool) claim(a netip.Addr, owner string) error {
	return linux.CreateLinked(p.dir, a.String(), []byte(owner), 0o600)
}

// Owner returns who has an address.
func (p *Pool) Owner(a netip.Addr) (string, error) {
	b, err := os.ReadFile(p.path(a))
	return string(b), err
}

// Release gives an address back, if it is owner's. Releases go one at a time, so
// that none removes what was claimed anew behind its look.
func (p *Pool) Release(a netip.Addr, owner string) error {
	lock, err := filelock.Lock(filepath.Join(p.dir, "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there is no pool
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	have, err := p.Owner(a)
	if errors.Is(err, fs.ErrNotExist) || err == nil && have != owner {
		return nil
	}
	if err == nil {
		err = os.Remove(p.path(a))
	}
	return err
}

// Repair releases the addresses of owners that are not alive any more, and
// removes what killed writers of the hint left. A writer that is alive loses
// only the hint.
func (p *Pool) Repair(alive func(owner string) bool) error {
	entries, err := os.ReadDir(p.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), atomicfile.TempPrefix) {
			os.Remove(filepath.Join(p.dir, e.Name()))
		}
		a, err := netip.ParseAddr(e.Name())
		if err != nil {
			continue // the hint, the lock
		}
		if owner, err := p.Owner(a); err == nil && !alive(owner) {
			errs = append(errs, p.Release(a, owner))
		}
	}
	return errors.Join(errs...)
}

// Claim is the host step that claims a certain address.
type Claim struct{ Dir, Address, Owner string }

// Do claims the address. It may be the owner's already.
func (c Claim) Do(*plan.Env) error {
	a, err := netip.ParseAddr(c.Address)
	if err != nil {
		return err
	}
	p := Open(c.Dir)
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	err = p.claim(a, c.Owner)
	if errors.Is(err, fs.ErrExist) {
		if owner, oerr := p.Owner(a); oerr == nil && owner == c.Owner {
			return nil
		}
		return fmt.Errorf("the address %s is taken", a)
	}
	return err
}

// Shell returns the commands: ln(1) fails where the address is taken.
func (c Claim) Shell() string {
	dir, tmp := plan.Quote(c.Dir), plan.Quote(c.Dir+"/.claim-"+c.Owner[:min(12, len(c.Owner))])
	return "mkdir -p " + dir + "; printf %s " + plan.Quote(c.Owner) + " > " + tmp + "; ln " + tmp + " " + plan.Quote(c.Dir+"/"+c.Address) + "; rm " + tmp
}

// Undo gives the address back.
func (c Claim) Undo() plan.HostStep { return Release(c) }

// Present tells whether the address is claimed by this owner.
func (c Claim) Present() bool {
	a, err := netip.ParseAddr(c.Address)
	if err != nil {
		return false
	}
	owner, err := Open(c.Dir).Owner(a)
	return err == nil && owner == c.Owner
}

// Release is the host step that gives an address back.
type Release struct{ Dir, Address, Owner string }

// Do releases the address, if it is the owner's.
func (r Release) Do(*plan.Env) error {
	a, err := netip.ParseAddr(r.Address)
	if err != nil {
		return err
	}
	return Open(r.Dir).Release(a, r.Owner)
}

// Shell returns the rm(1) command.
func (r Release) Shell() string { return plan.Cmd("rm", "-f", r.Dir+"/"+r.Address) }

// Undo returns nil.
func (Release) Undo() plan.HostStep { return nil }

// Steps lists the host steps of this room, for the journal.
func Steps() []plan.HostStep { return []plan.HostStep{Claim{}, Release{}} }
