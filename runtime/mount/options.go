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
	Set, Clear       uint64   // MOUNT_ATTR_ flags of the mount
	AllSet, AllClear uint64   // of the mount and all below: rro, rnosuid, ...
	Bind             bool     // bind or rbind
	Rbind            bool     // with submounts
	Remount          bool     // what is mounted there already is changed
	Propagation      []string // private, rprivate, shared, rshared, slave, rslave, unbindable, runbindable, one after the other
	Super            int      // MS_ flags of the file system as a whole: sync, lazytime, ...
	Data             []string // what the file system itself understands: mode=755
	Label            string   // SELinux context of a new file system; it is no word of the options
	CopyUp           bool     // tmpcopyup
	Map              bool     // idmap or ridmap
	MapAll           bool     // with submounts
}

// attribute words, with their opposites, and the flags of mount(2). Modes of
// atime share two bits: none is relatime.
var attributes = []struct {
	name  string
	flag  uint64
	clear bool
	old   int
}{
	{"ro", linux.MOUNT_ATTR_RDONLY, false, linux.MS_RDONLY}, {"rw", linux.MOUNT_ATTR_RDONLY, true, 0},
	{"nosuid", linux.MOUNT_ATTR_NOSUID, false, linux.MS_NOSUID}, {"suid", linux.MOUNT_ATTR_NOSUID, true, 0},
	{"nodev", linux.MOUNT_ATTR_NODEV, false, linux.MS_NODEV}, {"dev", linux.MOUNT_ATTR_NODEV, true, 0},
	{"noexec", linux.MOUNT_ATTR_NOEXEC, false, linux.MS_NOEXEC}, {"exec", linux.MOUNT_ATTR_NOEXEC, true, 0},
	{"nodiratime", linux.MOUNT_ATTR_NODIRATIME, false, linux.MS_NODIRATIME}, {"diratime", linux.MOUNT_ATTR_NODIRATIME, true, 0},
	{"nosymfollow", linux.MOUNT_ATTR_NOSYMFOLLOW, false, linux.MS_NOSYMFOLLOW}, {"symfollow", linux.MOUNT_ATTR_NOSYMFOLLOW, true, 0},
	{"noatime", linux.MOUNT_ATTR_NOATIME, false, linux.MS_NOATIME}, {"atime", linux.MOUNT_ATTR_NOATIME, true, 0},
	{"strictatime", linux.MOUNT_ATTR_STRICTATIME, false, linux.MS_STRICTATIME}, {"nostrictatime", linux.MOUNT_ATTR_STRICTATIME, true, 0},
	{"relatime", linux.MOUNT_ATTR_RELATIME, false, linux.MS_RELATIME}, {"norelatime", linux.MOUNT_ATTR_RELATIME, true, 0},
}

// supers are the words about a file system as a whole, with their opposites.
// fsconfig(2) does not know those that are only for mount(2).
var supers = []struct {
	on, off string
	flag    int
	old     bool // only mount(2) knows it
}{
	{"sync", "async", linux.MS_SYNCHRONOUS, false}, {"dirsync", "", linux.MS_DIRSYNC, false},
	{"lazytime", "nolazytime", linux.MS_LAZYTIME, false}, {"mand", "nomand", linux.MS_MANDLOCK, false},
	{"iversion", "noiversion", linux.MS_I_VERSION, true}, {"silent", "loud", linux.MS_SILENT, true},
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

// Parse takes the options of a mount of the specification apart. Words that it
// does not know are the file system's.
func Parse(words []string) (Options, error) {
	var o Options
	for _, w := range words {
		if strings.ContainsRune(w, 0) {
			return o, fmt.Errorf("option %q has a null byte", w)
		}
		if o.manner(w) || o.attribute(w) || o.super(w) {
			continue
		}
		o.Data = append(o.Data, w)
	}
	return o, nil
}

// manner takes the words about what kind of mount it is.
func (o *Options) manner(w string) bool {
	switch {
	case w == "bind":
		o.Bind = true
	case w == "rbind":
		o.Bind, o.Rbind = true, true
	case w == "remount":
		o.Remount = true
	case w == "tmpcopyup":
		o.CopyUp = true
	case w == "idmap":
		o.Map = true
	case w == "ridmap":
		o.Map, o.MapAll = true, true
	case propagations[w] != 0:
		o.Propagation = append(o.Propagation, w)
	default:
		return w == "defaults" || w == ""
	}
	return true
}

// attribute applies a word such as ro, or rro for submounts too.
func (o *Options) attribute(w string) bool {
	for _, a := range attributes {
		switch w {
		case a.name:
			change(&o.Set, &o.Clear, a.flag, a.clear)
			return true
		case "r" + a.name:
			change(&o.AllSet, &o.AllClear, a.flag, a.clear)
			return true
		}
	}
	return false
}

// change sets a flag or clears it. When it is one of atime's modes the whole
// field is cleared too, as mount_setattr(2) wants it.
func change(set, clear *uint64, flag uint64, off bool) {
	const atime = uint64(linux.MOUNT_ATTR_ATIME)
	if flag&^atime == 0 {
		*clear |= atime
		if off {
			*set &^= flag
		} else {
			*set = *set&^atime | flag
		}
		return
	}
	if off {
		*set, *clear = *set&^flag, *clear|flag
	} else {
		*set, *clear = *set|flag, *clear&^flag
	}
}

func (o *Options) super(w string) bool {
	for _, s := range supers {
		switch w {
		case s.on:
			o.Super |= s.flag
			return true
		case s.off:
			o.Super &^= s.flag
			return w != ""
		}
	}
	return false
}

// old tells that only mount(2) takes these options: fsconfig(2) has neither
// all of the flags nor room for long values, and it takes them one by one.
func (o Options) old() bool {
	for _, s := range supers {
		if s.old && o.Super&s.flag != 0 {
			return true
		}
	}
	const limit = 255
	return slices.ContainsFunc(o.Data, func(d string) bool {
		k, v, _ := strings.Cut(d, "=")
		return len(k) > limit || len(v) > limit || strings.Contains(d, ",")
	})
}

// oldFlags returns the flags of mount(2).
func (o Options) oldFlags() int {
	flags := o.Super
	set := o.whole().Set
	for _, a := range attributes {
		if !a.clear && a.flag != 0 && set&a.flag != 0 {
			flags |= a.old
		}
	}
	return flags
}

// whole takes what holds for all below for the mount's own: there is nothing below.
func (o Options) whole() Options {
	o.Set, o.Clear = o.Set&^o.AllClear|o.AllSet, o.Clear&^o.AllSet|o.AllClear
	o.AllSet, o.AllClear = 0, 0
	return o
}

// words returns flags that are set as the words of mount(8).
func words(set uint64) []string {
	var w []string
	for _, a := range attributes {
		if !a.clear && a.flag != 0 && set&a.flag != 0 {
			w = append(w, a.name)
		}
	}
	return w
}

// cleared returns what is taken away, as words that allow it. It matters for
// binds, which keep the attributes of their source.
func cleared(set, clear uint64) []string {
	var w []string
	for _, a := range attributes {
		if a.clear && a.flag&^linux.MOUNT_ATTR_ATIME != 0 && clear&a.flag != 0 && a.name != "rw" {
			w = append(w, a.name)
		}
	}
	if clear&linux.MOUNT_ATTR_ATIME != 0 && set&linux.MOUNT_ATTR_ATIME == 0 {
		w = append(w, "relatime")
	}
	return w
}

// labelled returns what the file system understands, with its label as mount(2)
// wants it: in quotes, for there are commas in it. fsconfig(2) takes it bare.
func (o Options) labelled(data []string) []string {
	if o.Label == "" {
		return data
	}
	return append(slices.Clone(data), `context="`+o.Label+`"`)
}

// superWords returns the words of the flags of the file system.
func (o Options) superWords() []string {
	var w []string
	for _, s := range supers {
		if o.Super&s.flag != 0 {
			w = append(w, s.on)
		}
	}
	return w
}

// dash joins the words to "-o a,b,c", or nothing.
func dash(words ...string) []string {
	if len(words) == 0 {
		return nil
	}
	return []string{"-o", strings.Join(words, ",")}
}
