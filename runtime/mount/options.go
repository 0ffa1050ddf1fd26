// Package mount plans the file systems that a container sees: the virtual ones
// of the kernel, binds of the host's files, and what hides or protects paths.
package mount

import (
	"fmt"
	"slices"
	"strings"

	"mydocker/linux"
)

// Options are the words of mount(8) and of the runtime specification's mounts,
// taken apart.
type Options struct {
	Set, Clear  uint64   // MOUNT_ATTR_ flags
	Recursive   bool     // Set and Clear hold for submounts too (rro, rnosuid, ...)
	Bind        bool     // bind or rbind
	Rbind       bool     // with submounts
	Propagation string   // private, rprivate, shared, rshared, slave, rslave, unbindable, runbindable
	Data        []string // what the file system itself understands: mode=755
	CopyUp      bool     // tmpcopyup
}

// attribute words, with their opposites. atime modes share two bits.
var attributes = []struct {
	name  string
	flag  uint64
	clear bool
}{
	{"ro", linux.MOUNT_ATTR_RDONLY, false}, {"rw", linux.MOUNT_ATTR_RDONLY, true},
	{"nosuid", linux.MOUNT_ATTR_NOSUID, false}, {"suid", linux.MOUNT_ATTR_NOSUID, true},
	{"nodev", linux.MOUNT_ATTR_NODEV, false}, {"dev", linux.MOUNT_ATTR_NODEV, true},
	{"noexec", linux.MOUNT_ATTR_NOEXEC, false}, {"exec", linux.MOUNT_ATTR_NOEXEC, true},
	{"nodiratime", linux.MOUNT_ATTR_NODIRATIME, false}, {"diratime", linux.MOUNT_ATTR_NODIRATIME, true},
	{"nosymfollow", linux.MOUNT_ATTR_NOSYMFOLLOW, false}, {"symfollow", linux.MOUNT_ATTR_NOSYMFOLLOW, true},
	{"noatime", linux.MOUNT_ATTR_NOATIME, false}, {"atime", linux.MOUNT_ATTR_NOATIME, true},
	{"strictatime", linux.MOUNT_ATTR_STRICTATIME, false}, {"nostrictatime", linux.MOUNT_ATTR_STRICTATIME, true},
	{"relatime", linux.MOUNT_ATTR_RELATIME, false}, {"norelatime", linux.MOUNT_ATTR_RELATIME, true},
}

// propagations, as mount --make-NAME.
var propagations = map[string]uint64{
	"private": linux.MS_PRIVATE, "rprivate": linux.MS_PRIVATE | linux.MS_REC,
	"shared": linux.MS_SHARED, "rshared": linux.MS_SHARED | linux.MS_REC,
	"slave": linux.MS_SLAVE, "rslave": linux.MS_SLAVE | linux.MS_REC,
	"unbindable": linux.MS_UNBINDABLE, "runbindable": linux.MS_UNBINDABLE | linux.MS_REC,
}

// Propagate returns the flags of mount(2) for a propagation's name.
func Propagate(name string) (flags int, err error) {
	f, ok := propagations[name]
	if !ok {
		return 0, fmt.Errorf("unknown mount propagation %q", name)
	}
	return int(f), nil
}

// Parse takes the options of a mount of the specification apart.
func Parse(words []string) (Options, error) {
	var o Options
	for _, w := range words {
		switch {
		case w == "bind":
			o.Bind = true
		case w == "rbind":
			o.Bind, o.Rbind = true, true
		case w == "defaults", w == "":
		case w == "tmpcopyup":
			o.CopyUp = true
		case propagations[w] != 0:
			o.Propagation = w
		case o.attribute(w):
		default:
			o.Data = append(o.Data, w)
		}
	}
	return o, nil
}

// attribute applies a word such as ro, or rro for submounts too.
func (o *Options) attribute(w string) bool {
	for _, a := range attributes {
		if a.name != w && "r"+a.name != w {
			continue
		}
		o.Recursive = o.Recursive || a.name != w
		if a.clear {
			o.Set &^= a.flag
			o.Clear |= a.flag
			return true
		}
		o.Set |= a.flag
		o.Clear &^= a.flag
		return true
	}
	return false
}

// words returns Set as the words of mount(8).
func (o Options) words() []string {
	var w []string
	for _, a := range attributes {
		if a.clear || a.flag == 0 {
			continue
		}
		if o.Set&a.flag != 0 && !slices.Contains(w, a.name) {
			w = append(w, a.name)
		}
	}
	return w
}

// cleared returns what Clear takes away, as words that allow it. It matters
// for binds, which keep the attributes of their source.
func (o Options) cleared() []string {
	var w []string
	for _, a := range attributes {
		if a.clear && a.flag != 0 && o.Clear&a.flag != 0 && a.name != "rw" {
			w = append(w, a.name)
		}
	}
	return w
}

// atime completes Clear for mount_setattr(2), which wants the whole atime
// field cleared when one of its modes is set.
func (o Options) atime() uint64 {
	const modes = linux.MOUNT_ATTR_NOATIME | linux.MOUNT_ATTR_STRICTATIME
	if o.Set&modes != 0 {
		return (o.Clear &^ modes) | linux.MOUNT_ATTR_ATIME
	}
	return o.Clear &^ modes
}

// dash joins the words to "-o a,b,c", or nothing.
func dash(words ...string) []string {
	if len(words) == 0 {
		return nil
	}
	return []string{"-o", strings.Join(words, ",")}
}
